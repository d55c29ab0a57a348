"""Relations between response ids and receipt ids, the pairs that show them (docs/contract.md §9), and the index by
which the receipts that wait of one operator are read, newest first."""

import django.contrib.postgres.fields
from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models

STATES = ["none", "proposed", "applied", "accepted", "rejected", "drifting"]


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("correlations", "0003_doubt")]

    operations = [
        migrations.CreateModel(
            name="IdPair",
            fields=[
                (
                    "id",
                    models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID"),
                ),
                ("operator_id", models.UUIDField()),
                ("response_id", models.CharField(max_length=64)),
                ("receipt_id", models.CharField(max_length=80)),
                ("source", models.CharField(max_length=12)),
                ("seen_at", models.DateTimeField()),
            ],
            options={
                "db_table": '"smpp"."id_pairs"',
                "default_permissions": (),
                "constraints": [
                    models.UniqueConstraint(fields=("operator_id", "response_id", "receipt_id"), name="id_pairs_once")
                ],
            },
        ),
        migrations.CreateModel(
            name="IdRelation",
            fields=[
                ("operator_id", models.UUIDField(primary_key=True, serialize=False)),
                ("state", models.CharField(choices=[(one, one) for one in STATES], max_length=12)),
                ("in_force", models.CharField(help_text="How receipt ids are read.", max_length=200, null=True)),
                ("candidate", models.CharField(help_text="Waits for a person.", max_length=200, null=True)),
                (
                    "rejected",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.TextField(), default=list, help_text="Never proposed again.", size=None
                    ),
                ),
                ("changed_at", models.DateTimeField(help_text="When the state changed.")),
                ("in_force_at", models.DateTimeField(null=True)),
                ("changed_by", models.CharField(max_length=150)),
                (
                    "usual_misfits",
                    models.FloatField(default=0.0, help_text="Share of pairs that did not fit when it was accepted."),
                ),
                (
                    "usual_misses",
                    models.FloatField(
                        null=True, help_text="Share of receipts without a part, first measured in force."
                    ),
                ),
                ("evidence", models.JSONField(default=dict)),
                ("judged_at", models.DateTimeField()),
                ("taken", models.BigIntegerField(default=0)),
                ("missed", models.BigIntegerField(default=0)),
                ("window_at", models.DateTimeField(null=True)),
                ("window_taken", models.BigIntegerField(default=0)),
                ("window_missed", models.BigIntegerField(default=0)),
            ],
            options={
                "db_table": '"smpp"."id_relations"',
                "default_permissions": ("view",),
                "permissions": [("decide_idrelation", "Can accept and reject id relations")],
                "verbose_name": "id relation",
            },
        ),
        AddIndexConcurrently(
            "InboxReceipt",
            models.Index(
                fields=["operator_id", "id"],
                condition=models.Q(matched_at__isnull=True, unreadable__isnull=True),
                name="receipts_inbox_newest",
            ),
        ),
    ]
