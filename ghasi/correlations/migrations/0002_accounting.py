"""The books of the accounting, and what of the ledger they are kept by (docs/contract.md §9)."""

from django.db import migrations, models

# Later tries only: a message that went out at once costs the index nothing.
AGAIN = "CREATE INDEX message_correlations_again ON smpp.message_correlations (id) WHERE attempt > 1"


def count():
    return models.BigIntegerField(default=0)


def key():
    return models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")


class Migration(migrations.Migration):
    dependencies = [("correlations", "0001_initial")]

    operations = [
        migrations.RunSQL(AGAIN, "DROP INDEX smpp.message_correlations_again"),
        migrations.AddField(
            model_name="deadletter",
            name="command_seq",
            field=models.BigIntegerField(null=True, help_text="Stream sequence of the command in SMS_DISPATCH."),
        ),
        migrations.AddIndex(
            model_name="deadletter",
            index=models.Index(
                condition=models.Q(("command_seq__isnull", False)),
                fields=["operator_id", "command_seq"],
                name="dead_letters_command",
            ),
        ),
        migrations.CreateModel(
            name="AccountingMark",
            fields=[
                ("operator_id", models.UUIDField(primary_key=True, serialize=False)),
                (
                    "stream_created",
                    models.DateTimeField(help_text="Tells a stream made anew, whose sequences begin again."),
                ),
                ("read_to", models.BigIntegerField(help_text="Stream sequence in SMS_DISPATCH.")),
                ("began_at", models.DateTimeField()),
                ("checked_at", models.DateTimeField(null=True)),
                ("excess", count()),
            ],
            options={"db_table": '"smpp"."accounting_marks"', "default_permissions": ()},
        ),
        migrations.CreateModel(
            name="AccountingMinute",
            fields=[
                ("id", key()),
                ("minute", models.DateTimeField()),
                ("operator_id", models.UUIDField()),
                ("taken", count()),
                ("submitted", count()),
                ("rejected", count()),
                ("expired", count()),
                ("in_doubt", count()),
                ("dead", count()),
                ("duplicates", count()),
                ("untold", count()),
            ],
            options={
                "db_table": '"smpp"."accounting_minutes"',
                "default_permissions": ("view",),
                "constraints": [
                    models.UniqueConstraint(fields=("minute", "operator_id"), name="accounting_minutes_once")
                ],
            },
        ),
        migrations.CreateModel(
            name="AccountingOpen",
            fields=[
                ("id", key()),
                ("operator_id", models.UUIDField()),
                ("stream_seq", models.BigIntegerField(help_text="Stream sequence in SMS_DISPATCH.")),
                ("stored_at", models.DateTimeField()),
                ("message_id", models.UUIDField(null=True)),
                ("event_id", models.UUIDField(null=True)),
                ("enqueued_at", models.DateTimeField(null=True)),
                ("replay_attempt", models.IntegerField(null=True)),
                ("lost_at", models.DateTimeField(null=True)),
                ("acknowledged_at", models.DateTimeField(null=True)),
            ],
            options={
                "db_table": '"smpp"."accounting_open"',
                "default_permissions": ("view",),
                "constraints": [
                    models.UniqueConstraint(fields=("operator_id", "stream_seq"), name="accounting_open_once")
                ],
            },
        ),
        migrations.CreateModel(
            name="AccountingDouble",
            fields=[
                ("id", key()),
                ("message_id", models.UUIDField()),
                ("segment", models.SmallIntegerField()),
                ("operator_id", models.UUIDField()),
                ("at", models.DateTimeField(help_text="When the second one was prepared.")),
                ("acknowledged_at", models.DateTimeField(null=True)),
            ],
            options={
                "db_table": '"smpp"."accounting_doubles"',
                "default_permissions": ("view",),
                "indexes": [models.Index(fields=["at"], name="accounting_doubles_at")],
                "constraints": [
                    models.UniqueConstraint(fields=("message_id", "segment"), name="accounting_doubles_once")
                ],
            },
        ),
    ]
