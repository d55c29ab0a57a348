"""The books' tables in schema `smpp` (docs/contract.md §9)."""

from __future__ import annotations

from django.db import models


class AccountingMark(models.Model):
    """How far one operator's commands are read into the books, and when they were last compared."""

    operator_id = models.UUIDField(primary_key=True)
    stream_created = models.DateTimeField(help_text="Tells a stream made anew, whose sequences begin again.")
    read_to = models.BigIntegerField(help_text="Stream sequence in SMS_DISPATCH.")
    began_at = models.DateTimeField()
    checked_at = models.DateTimeField(null=True)
    excess = models.BigIntegerField(default=0)

    class Meta:
        db_table = '"smpp"."accounting_marks"'
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.operator_id} {self.read_to}"


class AccountingMinute(models.Model):
    """Commands of one operator by the minute in which JetStream stored them."""

    minute = models.DateTimeField()
    operator_id = models.UUIDField()
    taken = models.BigIntegerField(default=0)
    submitted = models.BigIntegerField(default=0)
    rejected = models.BigIntegerField(default=0)
    expired = models.BigIntegerField(default=0)
    in_doubt = models.BigIntegerField(default=0)
    dead = models.BigIntegerField(default=0)
    duplicates = models.BigIntegerField(default=0)
    untold = models.BigIntegerField(default=0)

    class Meta:
        db_table = '"smpp"."accounting_minutes"'
        default_permissions = ("view",)
        constraints = [models.UniqueConstraint(fields=["minute", "operator_id"], name="accounting_minutes_once")]

    def __str__(self) -> str:
        return f"{self.minute} {self.operator_id}"


class AccountingOpen(models.Model):
    """A command that was read and has no outcome yet. `lost_at`: JetStream holds it for settled all the same."""

    operator_id = models.UUIDField()
    stream_seq = models.BigIntegerField(help_text="Stream sequence in SMS_DISPATCH.")
    stored_at = models.DateTimeField()
    message_id = models.UUIDField(null=True)
    event_id = models.UUIDField(null=True)
    enqueued_at = models.DateTimeField(null=True)
    replay_attempt = models.IntegerField(null=True)
    lost_at = models.DateTimeField(null=True)
    acknowledged_at = models.DateTimeField(null=True)

    class Meta:
        db_table = '"smpp"."accounting_open"'
        default_permissions = ("view",)
        constraints = [models.UniqueConstraint(fields=["operator_id", "stream_seq"], name="accounting_open_once")]
        indexes = [
            models.Index(
                fields=["operator_id"],
                condition=models.Q(lost_at__isnull=False, acknowledged_at__isnull=True),
                name="accounting_open_lost",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.operator_id} {self.stream_seq}"


class AccountingDouble(models.Model):
    """A part that left twice without a row that says so; `segment` 0: a command with two outcomes."""

    message_id = models.UUIDField()
    segment = models.SmallIntegerField()
    operator_id = models.UUIDField()
    at = models.DateTimeField(help_text="When the second one was prepared.")
    acknowledged_at = models.DateTimeField(null=True)

    class Meta:
        db_table = '"smpp"."accounting_doubles"'
        default_permissions = ("view",)
        constraints = [models.UniqueConstraint(fields=["message_id", "segment"], name="accounting_doubles_once")]
        indexes = [models.Index(fields=["at"], name="accounting_doubles_at")]

    def __str__(self) -> str:
        return f"{self.message_id} {self.segment}"
