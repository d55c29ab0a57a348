"""The ledger with its day partitions, the receipts inbox, the index over SMPP_DEAD (docs/contract.md §9)."""

import django.contrib.postgres.fields
from django.conf import settings
from django.db import migrations, models
from django.utils import timezone

from ghasi.correlations.partitions import ensure_partitions

# The primary key finds a part by its row id, `message_correlations_once` all tries of a message and forbids a second
# row for one of them, `_receipt` the part a receipt names, `_destination` serves the staff. No index names `status` or
# a `dlr_` column, so that the update by a receipt stays on its page (HOT; the partitions leave room for it): the sweep
# goes by the block range index on submitted_at, the lists of parts in doubt or waiting for a retry by partial
# indexes on times that never change again.
LEDGER = """
CREATE TABLE smpp.message_correlations (
    id uuid NOT NULL,
    message_id uuid NOT NULL,
    event_id uuid NOT NULL,
    operator_id uuid NOT NULL,
    requested_operator_id uuid NOT NULL,
    prepared_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    submitted_at timestamptz,
    retry_at timestamptz,
    in_doubt_at timestamptz,
    dlr_received_at timestamptz,
    command_status bigint,
    enqueued_day date NOT NULL,
    segment smallint NOT NULL,
    segments smallint NOT NULL,
    attempt smallint NOT NULL,
    possible_duplicate boolean NOT NULL DEFAULT false,
    status varchar(12) NOT NULL,
    account_id varchar(128) NOT NULL,
    destination varchar(20) NOT NULL,
    sender varchar(32) NOT NULL,
    operator_message_id varchar(64),
    operator_message_keys text[],
    user_message_reference varchar(64),
    in_doubt_reason varchar(64),
    policy_action varchar(16),
    dlr_state varchar(16),
    error_code varchar(32),
    reason varchar(64),
    gateway_replica varchar(128),
    gateway_epoch varchar(128),
    traceparent varchar(128),
    PRIMARY KEY (id, enqueued_day),
    CONSTRAINT message_correlations_once UNIQUE (message_id, segment, attempt, enqueued_day),
    CONSTRAINT message_correlations_status CHECK (
        status IN ('PREPARED', 'SUBMITTED', 'REJECTED', 'IN_DOUBT', 'DLR_RECEIVED', 'EXPIRED'))
) PARTITION BY RANGE (enqueued_day);
CREATE INDEX message_correlations_receipt ON smpp.message_correlations ((operator_message_keys[1]), operator_id)
    WHERE operator_message_keys IS NOT NULL;
CREATE INDEX message_correlations_destination ON smpp.message_correlations (destination);
CREATE INDEX message_correlations_submitted ON smpp.message_correlations USING brin (submitted_at)
    WITH (pages_per_range = 64, autosummarize = on);
CREATE INDEX message_correlations_in_doubt ON smpp.message_correlations (in_doubt_at) WHERE in_doubt_at IS NOT NULL;
CREATE INDEX message_correlations_retry ON smpp.message_correlations (retry_at) WHERE retry_at IS NOT NULL;
"""


def make_partitions(_apps, _schema_editor):
    ensure_partitions(timezone.now(), settings.LEDGER_RETENTION_DAYS)


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.RunSQL("CREATE SCHEMA IF NOT EXISTS smpp", migrations.RunSQL.noop),
        migrations.SeparateDatabaseAndState(
            database_operations=[migrations.RunSQL(LEDGER, "DROP TABLE smpp.message_correlations")],
            state_operations=[
                migrations.CreateModel(
                    name="MessageCorrelation",
                    fields=[
                        ("id", models.UUIDField(primary_key=True, serialize=False)),
                        ("enqueued_day", models.DateField()),
                        ("message_id", models.UUIDField()),
                        ("event_id", models.UUIDField()),
                        ("segment", models.SmallIntegerField()),
                        ("segments", models.SmallIntegerField()),
                        ("attempt", models.SmallIntegerField()),
                        (
                            "status",
                            models.CharField(
                                choices=[
                                    ("PREPARED", "PREPARED"),
                                    ("SUBMITTED", "SUBMITTED"),
                                    ("REJECTED", "REJECTED"),
                                    ("IN_DOUBT", "IN_DOUBT"),
                                    ("DLR_RECEIVED", "DLR_RECEIVED"),
                                    ("EXPIRED", "EXPIRED"),
                                ],
                                max_length=12,
                            ),
                        ),
                        ("operator_id", models.UUIDField(help_text="The operator that carried the part.")),
                        ("requested_operator_id", models.UUIDField()),
                        ("account_id", models.CharField(max_length=128)),
                        ("destination", models.CharField(max_length=20)),
                        ("sender", models.CharField(max_length=32)),
                        ("operator_message_id", models.CharField(max_length=64, null=True)),
                        (
                            "operator_message_keys",
                            django.contrib.postgres.fields.ArrayField(
                                base_field=models.TextField(), null=True, size=None
                            ),
                        ),
                        ("user_message_reference", models.CharField(max_length=64, null=True)),
                        ("prepared_at", models.DateTimeField()),
                        ("expires_at", models.DateTimeField()),
                        ("submitted_at", models.DateTimeField(null=True)),
                        ("retry_at", models.DateTimeField(null=True)),
                        ("in_doubt_at", models.DateTimeField(null=True)),
                        ("in_doubt_reason", models.CharField(max_length=64, null=True)),
                        ("policy_action", models.CharField(max_length=16, null=True)),
                        ("possible_duplicate", models.BooleanField(default=False)),
                        ("dlr_received_at", models.DateTimeField(null=True)),
                        ("dlr_state", models.CharField(max_length=16, null=True)),
                        ("error_code", models.CharField(max_length=32, null=True)),
                        ("command_status", models.BigIntegerField(null=True)),
                        ("reason", models.CharField(max_length=64, null=True)),
                        ("gateway_replica", models.CharField(max_length=128, null=True)),
                        ("gateway_epoch", models.CharField(max_length=128, null=True)),
                        ("traceparent", models.CharField(max_length=128, null=True)),
                    ],
                    options={
                        "verbose_name": "correlation",
                        "db_table": '"smpp"."message_correlations"',
                        "permissions": [("view_pii", "Can see and search destinations in full")],
                        "default_permissions": ("view",),
                    },
                ),
            ],
        ),
        migrations.RunPython(make_partitions, migrations.RunPython.noop),
        migrations.CreateModel(
            name="DeadLetter",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("operator_id", models.UUIDField()),
                ("stream_seq", models.BigIntegerField(help_text="Stream sequence in SMPP_DEAD.")),
                ("reason", models.CharField(max_length=64)),
                ("message_id", models.UUIDField(null=True)),
                ("size", models.BigIntegerField(help_text="Octets of the command.")),
                ("at", models.DateTimeField()),
            ],
            options={
                "verbose_name": "dead letter",
                "db_table": '"smpp"."dead_letters"',
                "default_permissions": ("view",),
                "indexes": [
                    models.Index(fields=["at"], name="dead_letters_at"),
                    models.Index(
                        condition=models.Q(("message_id__isnull", False)),
                        fields=["message_id"],
                        name="dead_letters_message",
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("operator_id", "stream_seq"), name="dead_letters_once")
                ],
            },
        ),
        migrations.CreateModel(
            name="InboxReceipt",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("operator_id", models.UUIDField()),
                ("receipt_key", models.BigIntegerField(help_text="Stream sequence in SMPP_RECEIPTS.")),
                ("taken_at", models.DateTimeField()),
                ("operator_message_id", models.CharField(max_length=80)),
                ("lookup_keys", django.contrib.postgres.fields.ArrayField(base_field=models.TextField(), size=None)),
                ("status", models.CharField(max_length=16)),
                ("stat", models.CharField(max_length=32, null=True)),
                ("final", models.BooleanField()),
                ("error_code", models.CharField(max_length=32, null=True)),
                ("done_at", models.DateTimeField(null=True)),
                ("destination", models.CharField(max_length=32)),
                ("sender", models.CharField(max_length=32)),
                ("unreadable", models.CharField(max_length=64, null=True)),
                ("tried_at", models.DateTimeField()),
                ("matched_at", models.DateTimeField(null=True)),
                ("matched_row", models.UUIDField(null=True)),
                ("matched_day", models.DateField(null=True)),
                ("published_at", models.DateTimeField(null=True)),
                ("given_up_at", models.DateTimeField(null=True)),
            ],
            options={
                "verbose_name": "receipt without a part",
                "verbose_name_plural": "receipts inbox",
                "db_table": '"smpp"."receipts_inbox"',
                "default_permissions": ("view",),
                "indexes": [
                    models.Index(
                        models.F("operator_id"),
                        models.F("lookup_keys__0"),
                        condition=models.Q(("matched_at__isnull", True)),
                        name="receipts_inbox_waiting",
                    ),
                    models.Index(
                        condition=models.Q(("matched_at__isnull", True)),
                        fields=["tried_at"],
                        name="receipts_inbox_tried",
                    ),
                    models.Index(
                        condition=models.Q(("matched_at__isnull", False), ("published_at__isnull", True)),
                        fields=["matched_at"],
                        name="receipts_inbox_unpublished",
                    ),
                    models.Index(fields=["taken_at"], name="receipts_inbox_taken"),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("operator_id", "receipt_key", "taken_at"), name="receipts_inbox_once"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="SweepMark",
            fields=[
                ("name", models.CharField(max_length=32, primary_key=True, serialize=False)),
                ("done_to", models.DateTimeField()),
            ],
            options={"db_table": '"smpp"."sweep_marks"', "default_permissions": ()},
        ),
    ]
