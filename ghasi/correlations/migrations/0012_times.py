"""The times between a command and its answer, and what held a part up (docs/contract.md §9)."""

from django.db import migrations, models

from ghasi.correlations import altering

COLUMNS = {
    "command_age": "integer",
    "permit_age": "integer",
    "permit_wait": "smallint",
    "refused_at": "timestamptz",
    "delays": "jsonb",
}


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("correlations", "0011_replay_tries")]

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
                    "command_age",
                    models.IntegerField(
                        null=True, help_text="Milliseconds from the command in SMS_DISPATCH to the row."
                    ),
                ),
                migrations.AddField(
                    "MessageCorrelation",
                    "permit_age",
                    models.IntegerField(
                        null=True, help_text="Milliseconds from the time its permit was for to prepared_at."
                    ),
                ),
                migrations.AddField(
                    "MessageCorrelation",
                    "permit_wait",
                    models.SmallIntegerField(null=True, help_text="Milliseconds from booking to that time."),
                ),
                migrations.AddField("MessageCorrelation", "refused_at", models.DateTimeField(null=True)),
                migrations.AddField(
                    "MessageCorrelation",
                    "delays",
                    models.JSONField(null=True, help_text="What held it up: why, since, until."),
                ),
            ],
        ),
    ]
