"""Who noted the last call back to somebody who gave up; and the index of those still to be reached follows the query."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("contacts", "0007_caller_search")]

    operations = [
        migrations.AddField("contactsummary", "recovery_tried_by", models.UUIDField(null=True)),
        migrations.RemoveIndex("contactsummary", "summary_to_recover"),
        migrations.AddIndex(
            "contactsummary",
            models.Index(
                fields=["-ended_at"],
                name="summary_to_recover",
                condition=models.Q(cause__in=["abandoned", "lost", "callback_failed"], recovered_at=None),
            ),
        ),
        migrations.AddIndex(
            "contactsummary",
            models.Index(
                fields=["recovery_tried_by", "-recovery_tried_at"],
                name="summary_tried_by",
                condition=models.Q(recovery_tried_by__isnull=False),
            ),
        ),
    ]
