"""When a policy acted on a part, and when it was given up (docs/contract.md §9)."""

from django.db import migrations, models

from ghasi.correlations import altering

COLUMNS = {"policy_at": "timestamptz", "closed_at": "timestamptz"}


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("correlations", "0012_times")]

    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[
                migrations.RunPython(
                    altering.altering(altering.add(COLUMNS)), altering.altering(altering.drop(COLUMNS))
                )
            ],
            state_operations=[
                migrations.AddField(
                    "MessageCorrelation",
                    "policy_at",
                    models.DateTimeField(null=True, help_text="When policy_action was taken, or told."),
                ),
                migrations.AddField(
                    "MessageCorrelation",
                    "closed_at",
                    models.DateTimeField(null=True, help_text="When we gave it up without a word of the operator's."),
                ),
            ],
        ),
    ]
