"""The ledger's tables in schema `smpp` (docs/contract.md §9).

`message_correlations` is partitioned by `enqueued_day`; its SQL primary key is (id, enqueued_day), while Django
knows `id` alone, because the admin refuses composite keys. Hot statements are in `sql.py`, not in the ORM.
"""

from __future__ import annotations

from datetime import timedelta

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import lookups
from django.db.models.functions import Right

from ghasi.contracts import timers
from ghasi.correlations.bulk_models import BulkAction, BulkItem
from ghasi.correlations.models_accounting import (
    AccountingDouble,
    AccountingMark,
    AccountingMinute,
    AccountingOpen,
)
from ghasi.correlations.models_ids import IdPair, IdRelation
from ghasi.correlations.models_replay import ReplayTry
from ghasi.correlations.types import RowStatus

__all__ = [
    "AccountingDouble",
    "AccountingMark",
    "AccountingMinute",
    "AccountingOpen",
    "BulkAction",
    "BulkItem",
    "DeadLetter",
    "IdPair",
    "IdRelation",
    "InboxReceipt",
    "MessageCorrelation",
    "ReplayTry",
    "SweepMark",
]

STATUSES = [(status.value, status.value) for status in RowStatus]
MATCHABLE = timedelta(hours=timers.INBOX_MATCHABLE_HOURS)


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
    command_age = models.IntegerField(
        null=True, help_text="Milliseconds from the command in SMS_DISPATCH to the row."
    )
    permit_age = models.IntegerField(
        null=True, help_text="Milliseconds from the time its permit was for to prepared_at."
    )
    permit_wait = models.SmallIntegerField(null=True, help_text="Milliseconds from booking to that time.")
    refused_at = models.DateTimeField(null=True)
    delays = models.JSONField(null=True, help_text="What held it up: why, since, until.")
    policy_at = models.DateTimeField(null=True, help_text="When policy_action was taken, or told.")
    closed_at = models.DateTimeField(null=True, help_text="When we gave it up without a word of the operator's.")

    class Meta:
        db_table = '"smpp"."message_correlations"'
        default_permissions = ("view",)
        permissions = [
            ("view_pii", "Can see and search destinations in full"),
            ("settle_messagecorrelation", "Can settle parts in doubt as sent or as failed"),
            ("resend_messagecorrelation", "Can send parts in doubt or refused again"),
        ]
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
    submit_date = models.DateTimeField(null=True)
    user_message_reference = models.CharField(max_length=64, null=True)  # noqa: DJ001
    cause = models.CharField(max_length=32, null=True)  # noqa: DJ001
    tlvs = models.JSONField(null=True, help_text="Names and texts of what the operator's profile reads.")
    undecided = models.CharField(  # noqa: DJ001
        max_length=64, null=True, help_text="It may mean parts in doubt, but nothing tells which."
    )
    tried_at = models.DateTimeField()
    matched_at = models.DateTimeField(null=True)
    matched_row = models.UUIDField(null=True)
    matched_day = models.DateField(null=True)
    published_at = models.DateTimeField(null=True)
    given_up_at = models.DateTimeField(null=True)

    class Meta:
        db_table = '"smpp"."receipts_inbox"'
        default_permissions = ("view",)
        permissions = [
            ("rematch_inboxreceipt", "Can have receipts without a part matched again"),
            ("discard_inboxreceipt", "Can discard receipts without a part"),
        ]
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
                fields=["tried_at"],
                condition=models.Q(matched_at__isnull=True, unreadable__isnull=True)
                & models.Q(lookups.LessThan(models.F("tried_at") - models.F("taken_at"), models.Value(MATCHABLE))),
                name="receipts_inbox_due",
            ),
            models.Index(
                fields=["taken_at"],
                condition=models.Q(matched_at__isnull=True, given_up_at__isnull=True, unreadable__isnull=True),
                name="receipts_inbox_untold",
            ),
            models.Index(
                fields=["matched_at"],
                condition=models.Q(matched_at__isnull=False, published_at__isnull=True),
                name="receipts_inbox_unpublished",
            ),
            models.Index(fields=["taken_at"], name="receipts_inbox_taken"),
            models.Index(models.F("lookup_keys__0"), name="receipts_inbox_key"),
            models.Index(
                fields=["matched_row"],
                condition=models.Q(matched_row__isnull=False),
                name="receipts_inbox_matched",
            ),
            models.Index(
                models.F("operator_id"),
                Right("destination", 8),
                condition=models.Q(matched_at__isnull=True, unreadable__isnull=True),
                name="receipts_inbox_subscriber",
            ),
            models.Index(
                fields=["operator_id", "id"],
                condition=models.Q(matched_at__isnull=True, unreadable__isnull=True),
                name="receipts_inbox_newest",
            ),
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
    settled_at = models.DateTimeField("sent again", null=True, help_text="When its command was sent again.")

    class Meta:
        db_table = '"smpp"."dead_letters"'
        default_permissions = ("view",)
        permissions = [
            ("replay_deadletter", "Can replay dead letters"),
            ("discard_deadletter", "Can discard dead letters for good"),
        ]
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
            models.Index(fields=["at"], condition=models.Q(settled_at__isnull=True), name="dead_letters_open"),
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
