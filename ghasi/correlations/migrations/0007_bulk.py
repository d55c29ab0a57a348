"""Bulk actions of the staff, and the permissions for what they do."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("correlations", "0006_inbox_lookup"),
    ]

    operations = [
        migrations.CreateModel(
            name="BulkAction",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("kind", models.CharField(help_text="What is done, such as dead_letter.replay.", max_length=32)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("draft", "draft"),
                            ("running", "running"),
                            ("done", "done"),
                            ("stopped", "stopped"),
                        ],
                        default="draft",
                        max_length=8,
                    ),
                ),
                ("made_at", models.DateTimeField()),
                ("made_by", models.CharField(max_length=150)),
                ("chosen", models.IntegerField(help_text="Things the list had, of which the first were taken.")),
                ("options", models.JSONField(default=dict)),
                ("reason", models.CharField(blank=True, max_length=500)),
                ("rate", models.IntegerField(default=0, help_text="Things a second at most.")),
                ("ordered_at", models.DateTimeField(null=True)),
                ("finished_at", models.DateTimeField(null=True)),
                ("stopped_by", models.CharField(blank=True, max_length=150)),
            ],
            options={
                "verbose_name": "bulk action",
                "db_table": '"smpp"."bulk_actions"',
                "default_permissions": ("view",),
            },
        ),
        migrations.CreateModel(
            name="BulkItem",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("target", models.CharField(max_length=40)),
                ("message_id", models.UUIDField(null=True)),
                ("shown", models.CharField(help_text="What the sample says of it, without numbers.", max_length=200)),
                ("doubles", models.BooleanField(default=False, help_text="It may reach the handset twice.")),
                (
                    "state",
                    models.CharField(
                        choices=[("waiting", "waiting"), ("done", "done"), ("refused", "refused")],
                        default="waiting",
                        max_length=8,
                    ),
                ),
                ("result", models.CharField(blank=True, max_length=200)),
                ("done_at", models.DateTimeField(null=True)),
            ],
            options={
                "db_table": '"smpp"."bulk_items"',
                "default_permissions": (),
            },
        ),
        migrations.AlterModelOptions(
            name="deadletter",
            options={
                "default_permissions": ("view",),
                "permissions": [
                    ("replay_deadletter", "Can replay dead letters"),
                    ("discard_deadletter", "Can discard dead letters for good"),
                ],
                "verbose_name": "dead letter",
            },
        ),
        migrations.AlterModelOptions(
            name="inboxreceipt",
            options={
                "default_permissions": ("view",),
                "permissions": [
                    ("rematch_inboxreceipt", "Can have receipts without a part matched again"),
                    ("discard_inboxreceipt", "Can discard receipts without a part"),
                ],
                "verbose_name": "receipt without a part",
                "verbose_name_plural": "receipts inbox",
            },
        ),
        migrations.AlterModelOptions(
            name="messagecorrelation",
            options={
                "default_permissions": ("view",),
                "permissions": [
                    ("view_pii", "Can see and search destinations in full"),
                    ("settle_messagecorrelation", "Can settle parts in doubt as sent or as failed"),
                    ("resend_messagecorrelation", "Can send parts in doubt or refused again"),
                ],
                "verbose_name": "correlation",
            },
        ),
        migrations.AddIndex(
            model_name="bulkaction",
            index=models.Index(
                condition=models.Q(("state", "running")), fields=["ordered_at"], name="bulk_actions_running"
            ),
        ),
        migrations.AddIndex(
            model_name="bulkaction",
            index=models.Index(fields=["made_at"], name="bulk_actions_made"),
        ),
        migrations.AddField(
            model_name="bulkitem",
            name="bulk",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="items", to="correlations.bulkaction"
            ),
        ),
        migrations.AddIndex(
            model_name="bulkitem",
            index=models.Index(fields=["bulk", "state", "id"], name="bulk_items_next"),
        ),
        migrations.AddConstraint(
            model_name="bulkitem",
            constraint=models.UniqueConstraint(fields=("bulk", "target"), name="bulk_items_once"),
        ),
    ]
