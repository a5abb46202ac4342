import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

# Where allauth counts failed sign-ins, shared by all processes (CACHES in settings). Unlogged: after a power cut it
# starts empty, and is not worth a write to disk before. The shape is Django's own (createcachetable).
CACHE_TABLE = """
create unlogged table careline_cache (
    cache_key varchar(255) not null primary key,
    value text not null,
    expires timestamp with time zone not null
);
create index careline_cache_expires on careline_cache (expires);
"""


class Migration(migrations.Migration):
    dependencies = [("accounts", "0001_initial")]

    operations = [
        migrations.AddField(
            "user",
            "must_change_password",
            models.BooleanField(default=False, verbose_name="must change the password"),
        ),
        migrations.CreateModel(
            "WorkSession",
            [
                ("session_key", models.CharField(max_length=40, primary_key=True, serialize=False)),
                ("seen_at", models.DateTimeField(db_index=True)),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            "RateMark",
            [
                ("key", models.CharField(max_length=64, primary_key=True, serialize=False)),
                ("free_at", models.DateTimeField(db_index=True)),
            ],
        ),
        migrations.RunSQL(CACHE_TABLE, "drop table careline_cache"),
    ]
