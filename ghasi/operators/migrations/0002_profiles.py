"""Live profiles and their history, in schema smpp."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("operators", "0001_initial")]

    operations = [
        migrations.CreateModel(
            name="Profile",
            fields=[
                ("name", models.CharField(max_length=60, primary_key=True, serialize=False)),
                ("document", models.JSONField(default=dict)),
                ("version", models.PositiveIntegerField(default=1)),
                ("updated_at", models.DateTimeField()),
                ("updated_by", models.CharField(blank=True, max_length=150)),
            ],
            options={"db_table": '"smpp"."operator_profiles"'},
        ),
        migrations.CreateModel(
            name="ProfileChange",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("profile_name", models.CharField(max_length=60)),
                ("version", models.PositiveIntegerField()),
                ("changed_at", models.DateTimeField()),
                ("changed_by", models.CharField(blank=True, max_length=150)),
                ("reason", models.CharField(blank=True, max_length=200)),
                ("document", models.JSONField(null=True)),
                ("changes", models.JSONField(default=list)),
            ],
            options={
                "db_table": '"smpp"."operator_profile_changes"',
                "default_permissions": ("view",),
                "constraints": [
                    models.UniqueConstraint(
                        fields=("profile_name", "version"), name="operator_profile_changes_version"
                    )
                ],
            },
        ),
    ]
