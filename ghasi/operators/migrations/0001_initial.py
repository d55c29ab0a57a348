"""Operators seen, in schema smpp."""

from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.RunSQL("CREATE SCHEMA IF NOT EXISTS smpp", migrations.RunSQL.noop),
        migrations.CreateModel(
            name="Operator",
            fields=[
                ("operator_id", models.UUIDField(primary_key=True, serialize=False)),
                ("name", models.CharField(blank=True, max_length=128)),
                ("state", models.CharField(blank=True, max_length=16)),
                ("reason", models.CharField(blank=True, max_length=128)),
                ("tps_limit", models.IntegerField(default=0)),
                ("backup_operator_id", models.UUIDField(null=True)),
                ("first_seen_at", models.DateTimeField()),
                ("last_seen_at", models.DateTimeField()),
            ],
            options={
                "db_table": '"smpp"."operators"',
                "default_permissions": ("view",),
            },
        ),
    ]
