"""When a dead letter's command was sent again (docs/operations.md, "Replay")."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models

from ghasi.correlations import altering

COLUMNS = {"settled_at": "timestamptz"}
TABLE = "smpp.dead_letters"
INDEXES = [models.Index(fields=["at"], condition=models.Q(settled_at__isnull=True), name="dead_letters_open")]


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("correlations", "0013_ends")]

    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[
                migrations.RunPython(
                    altering.altering(altering.add(COLUMNS), TABLE), altering.altering(altering.drop(COLUMNS), TABLE)
                )
            ],
            state_operations=[
                migrations.AddField(
                    "DeadLetter",
                    "settled_at",
                    models.DateTimeField("sent again", null=True, help_text="When its command was sent again."),
                ),
            ],
        ),
        *(AddIndexConcurrently("DeadLetter", one) for one in INDEXES),
    ]
