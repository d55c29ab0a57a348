"""What the staff did: who, when, what, to what, why, and what came of it. Written once, never changed."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import models
from django.utils import timezone

from ghasi.operators.acting import current_address

REASON = 500
RESULT = 500
ADDRESS = "address"
"""Of the client, in an action's detail."""


class Result(models.TextChoices):
    """What came of an order to the gateways; what is done at once says it in words of its own."""

    ASKED = "asked", "asked"
    """Nothing more is known: the process ended before the answer."""
    DONE = "done", "done"
    REFUSED = "refused", "refused"
    KEPT = "kept", "kept, no gateway answered"
    FAILED = "failed", "failed"
    NOT_SENT = "cut off, not sent", "cut off, not sent"
    """The call that was to send a message again ended before it came to it."""
    MAY_BE_SENT = "cut off, may have been sent", "cut off, may have been sent"
    """The call ended while it sent the message; the ledger has no try of it."""


class OperatorAction(models.Model):
    """One action of a person, or of a command on a person's behalf. The database refuses to change or delete it.

    One thing is let through: what came of an action that was only asked for, once (`conclude_action`).

    `actor` is a user's name, or `shell:` and a name for what was done in a shell (`shell.somebody`). No
    number and no text of a message stands in it.
    """

    at = models.DateTimeField()
    actor = models.CharField(max_length=150)
    action = models.CharField(max_length=64, help_text="What was done, such as bind or dead_letter.replay.")
    target_kind = models.CharField(max_length=32, help_text="What kind of thing it was done to.")
    target = models.CharField(max_length=100, help_text="Its id.")
    reason = models.CharField(max_length=REASON, blank=True)
    detail = models.JSONField(default=dict)
    result = models.CharField(max_length=RESULT, blank=True)

    class Meta:
        app_label = "operators"
        db_table = '"smpp"."operator_actions"'
        default_permissions = ("view",)
        verbose_name = "action of the staff"
        verbose_name_plural = "actions of the staff"
        indexes = [
            models.Index(fields=["at"], name="operator_actions_at"),
            models.Index(fields=["target_kind", "target"], name="operator_actions_target"),
            models.Index(fields=["at"], condition=models.Q(result="asked"), name="operator_actions_asked"),
        ]

    def __str__(self) -> str:
        return f"{self.action} {self.target} by {self.actor}"


def note_action(
    actor: str,
    action: str,
    target_kind: str,
    target: str,
    *,
    reason: str = "",
    detail: Mapping[str, Any] | None = None,
    result: str = "",
    at: datetime | None = None,
) -> OperatorAction:
    """Writes an action down, in the caller's transaction. `detail` is JSON without numbers and texts; where it comes
    by a request, the client's address is added to it."""
    address = current_address()
    return OperatorAction.objects.create(
        at=at or timezone.now(),
        actor=actor[:150],
        action=action,
        target_kind=target_kind,
        target=target[:100],
        reason=reason[:REASON],
        detail={**(detail or {}), **({ADDRESS: address} if address else {})},
        result=result[:RESULT],
    )


def conclude_action(entry: OperatorAction, result: Result, **detail: Any) -> None:
    """Writes what came of an action that was noted as asked, for good; `detail` is added to the entry's."""
    entry.result, entry.detail = result.value, {**entry.detail, **detail}
    mine = OperatorAction.objects.filter(pk=entry.pk, result=Result.ASKED)
    mine.update(result=entry.result, detail=entry.detail)
