from django.contrib.postgres.indexes import GinIndex
from django.db import migrations, models

# TRUNCATE is not caught: it needs the table's owner, who could drop the trigger as well, and it empties test databases.
GUARD = """
create function audit_refuse() returns trigger language plpgsql as $$
begin
    raise exception 'the audit trail is append-only';
end
$$;
create trigger audit_append_only before update or delete on audit_auditrow
    for each statement execute function audit_refuse();
"""


class Migration(migrations.Migration):
    dependencies = [("audit", "0001_initial")]

    operations = [
        migrations.AlterModelOptions("auditrow", {"verbose_name": "audit row", "verbose_name_plural": "audit trail"}),
        migrations.AddIndex("auditrow", GinIndex(fields=["subject_ids"], name="audit_subject_ids")),
        migrations.AddIndex("auditrow", models.Index(fields=["-at", "-id"], name="audit_latest")),
        migrations.RunSQL(
            GUARD,
            "drop trigger audit_append_only on audit_auditrow; drop function audit_refuse();",
        ),
    ]
