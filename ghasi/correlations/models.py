"""The ledger's tables in schema `smpp` (docs/contract.md §9).

`message_correlations` is partitioned by `enqueued_day`; its SQL primary key is (id, enqueued_day), while Django
knows `id` alone, because the admin refuses composite keys. Hot statements are in `sql.py`, not in the ORM.
"""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models

from ghasi.correlations.models_accounting import (
    AccountingDouble,
    AccountingMark,
    AccountingMinute,
    AccountingOpen,
)
from ghasi.correlations.types import RowStatus

__all__ = [
    "AccountingDouble",
    "AccountingMark",
    "AccountingMinute",
    "AccountingOpen",
    "DeadLetter",
    "InboxReceipt",
    "MessageCorrelation",
    "SweepMark",
]

STATUSES = [(status.value, status.value) for status in RowStatus]


class MessageCorrelation(models.Model):
    """One try to send one part: (message, segment, attempt). A message stands by its last attempts."""

    id = models.UUIDField(primary_key=True)
    enqueued_day = models.DateField()
    message_id = models.UUIDField()
    event_id = models.UUIDField()
    segment = models.SmallIntegerField()
    segments = models.SmallIntegerField()
    attempt = models.SmallIntegerField()
    status = models.CharField(max_length=12, choices=STATUSES)
    operator_id = models.UUIDField(help_text="The operator that carried the part.")
    requested_operator_id = models.UUIDField()
    account_id = models.CharField(max_length=128)
    destination = models.CharField(max_length=20)
    sender = models.CharField(max_length=32)
    operator_message_id = models.CharField(max_length=64, null=True)  # noqa: DJ001 - null: not given yet
    operator_message_keys = ArrayField(models.TextField(), null=True)
    user_message_reference = models.CharField(max_length=64, null=True)  # noqa: DJ001
    prepared_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    submitted_at = models.DateTimeField(null=True)
    retry_at = models.DateTimeField(null=True)
    in_doubt_at = models.DateTimeField(null=True)
    in_doubt_reason = models.CharField(max_length=64, null=True)  # noqa: DJ001
    policy_action = models.CharField(max_length=16, null=True)  # noqa: DJ001
    possible_duplicate = models.BooleanField(default=False)
    dlr_received_at = models.DateTimeField(null=True)
    dlr_state = models.CharField(max_length=16, null=True)  # noqa: DJ001
    error_code = models.CharField(max_length=32, null=True)  # noqa: DJ001
    command_status = models.BigIntegerField(null=True)
    reason = models.CharField(max_length=64, null=True)  # noqa: DJ001
    gateway_replica = models.CharField(max_length=128, null=True)  # noqa: DJ001
    gateway_epoch = models.CharField(max_length=128, null=True)  # noqa: DJ001
    traceparent = models.CharField(max_length=128, null=True)  # noqa: DJ001

    class Meta:
        db_table = '"smpp"."message_correlations"'
        default_permissions = ("view",)
        permissions = [("view_pii", "Can see and search destinations in full")]
        verbose_name = "correlation"

    def __str__(self) -> str:
        return f"{self.message_id} {self.segment}/{self.segments} attempt {self.attempt}"


class InboxReceipt(models.Model):
    """A receipt without a part, or one that could not be read. Neither its frame nor its text is kept.

    Waiting: `matched_at` null. `given_up_at`: its event with messageId null is published. `published_at`: the
    event that names its message is published. (operator, receipt_key, taken_at) names one receipt, also after
    SMPP_RECEIPTS was made anew and counts from 1 again.
    """

    operator_id = models.UUIDField()
    receipt_key = models.BigIntegerField(help_text="Stream sequence in SMPP_RECEIPTS.")
    taken_at = models.DateTimeField()
    operator_message_id = models.CharField(max_length=80)
    lookup_keys = ArrayField(models.TextField())
    status = models.CharField(max_length=16)
    stat = models.CharField(max_length=32, null=True)  # noqa: DJ001
    final = models.BooleanField()
    error_code = models.CharField(max_length=32, null=True)  # noqa: DJ001
    done_at = models.DateTimeField(null=True)
    destination = models.CharField(max_length=32)
    sender = models.CharField(max_length=32)
    unreadable = models.CharField(max_length=64, null=True)  # noqa: DJ001
    tried_at = models.DateTimeField()
    matched_at = models.DateTimeField(null=True)
    matched_row = models.UUIDField(null=True)
    matched_day = models.DateField(null=True)
    published_at = models.DateTimeField(null=True)
    given_up_at = models.DateTimeField(null=True)

    class Meta:
        db_table = '"smpp"."receipts_inbox"'
        default_permissions = ("view",)
        verbose_name = "receipt without a part"
        verbose_name_plural = "receipts inbox"
        constraints = [
            models.UniqueConstraint(fields=["operator_id", "receipt_key", "taken_at"], name="receipts_inbox_once"),
        ]
        indexes = [
            models.Index(
                models.F("operator_id"),
                models.F("lookup_keys__0"),
                condition=models.Q(matched_at__isnull=True),
                name="receipts_inbox_waiting",
            ),
            models.Index(
                fields=["tried_at"], condition=models.Q(matched_at__isnull=True), name="receipts_inbox_tried"
            ),
            models.Index(
                fields=["matched_at"],
                condition=models.Q(matched_at__isnull=False, published_at__isnull=True),
                name="receipts_inbox_unpublished",
            ),
            models.Index(fields=["taken_at"], name="receipts_inbox_taken"),
        ]

    def __str__(self) -> str:
        return f"receipt {self.receipt_key} of {self.operator_id}"


class DeadLetter(models.Model):
    """Index row over SMPP_DEAD; the bytes stay in the stream."""

    operator_id = models.UUIDField()
    stream_seq = models.BigIntegerField(help_text="Stream sequence in SMPP_DEAD.")
    reason = models.CharField(max_length=64)
    message_id = models.UUIDField(null=True)
    size = models.BigIntegerField(help_text="Octets of the command.")
    at = models.DateTimeField()
    command_seq = models.BigIntegerField(null=True, help_text="Stream sequence of the command in SMS_DISPATCH.")

    class Meta:
        db_table = '"smpp"."dead_letters"'
        default_permissions = ("view",)
        verbose_name = "dead letter"
        constraints = [models.UniqueConstraint(fields=["operator_id", "stream_seq"], name="dead_letters_once")]
        indexes = [
            models.Index(fields=["at"], name="dead_letters_at"),
            models.Index(
                fields=["message_id"],
                condition=models.Q(message_id__isnull=False),
                name="dead_letters_message",
            ),
            models.Index(
                fields=["operator_id", "command_seq"],
                condition=models.Q(command_seq__isnull=False),
                name="dead_letters_command",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.reason} {self.stream_seq}"


class SweepMark(models.Model):
    """How far a sweep has come, so that the next one reads only what became due since."""

    name = models.CharField(max_length=32, primary_key=True)
    done_to = models.DateTimeField()

    class Meta:
        db_table = '"smpp"."sweep_marks"'
        default_permissions = ()

    def __str__(self) -> str:
        return self.name
