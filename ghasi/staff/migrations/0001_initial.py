"""Accounts of the staff, and indexes by which the list of what they did is filtered."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

INDEXES = """
CREATE INDEX operator_actions_actor ON smpp.operator_actions (actor, id);
CREATE INDEX operator_actions_action ON smpp.operator_actions (action, id);
"""
NO_INDEXES = """
DROP INDEX smpp.operator_actions_action;
DROP INDEX smpp.operator_actions_actor;
"""


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
        ("operators", "0003_actions"),
    ]

    operations = [
        migrations.CreateModel(
            name="Account",
            fields=[
                (
                    "user",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="+",
                        serialize=False,
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                ("generation", models.PositiveIntegerField(default=0)),
            ],
            options={"db_table": '"smpp"."staff_accounts"', "default_permissions": ()},
        ),
        migrations.RunSQL(INDEXES, NO_INDEXES),
    ]
