"""Which tries a command that sends messages again has begun, until it has come to its end (docs/operations.md,
"Replay").

A try is noted before its command is published. A run that is cut off leaves its notes, and whoever calls the command
next makes the same tries or none: what came back meanwhile is for the call after it. A run that has come to its end
takes its notes away, and those that it found.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from django.db import transaction
from django.db.models import Q

from ghasi.correlations.models import ReplayTry
from ghasi.correlations.replay_entries import KIND, RUN, conclude_tries
from ghasi.operators.actions import OperatorAction, Result

KEPT = timedelta(days=90)
TAKEN_FOR_DEAD = "this call stood still for so long that it was written down as cut off; run it again for the rest"


class TakenForDead(Exception):
    """The call was silent for so long that its messages were written down as not sent: it must send no more of them,
    and may be run again."""


class Run:
    """One call of a command. Everything in it raises DatabaseError."""

    def __init__(self) -> None:
        self.run_id = uuid4()
        self._found: set[int] = set()

    def begun(self, message_ids: Collection[UUID]) -> Mapping[UUID, int]:
        """Of these messages the attempts that runs before this one named and have not come to the end of."""
        found = ReplayTry.objects.filter(message_id__in=message_ids).exclude(run=self.run_id)
        attempts: dict[UUID, int] = {}
        for key, message_id, attempt in found.values_list("pk", "message_id", "attempt"):
            self._found.add(key)
            attempts[message_id] = max(attempt, attempts.get(message_id, attempt))
        return attempts

    @property
    def detail(self) -> dict[str, str]:
        """By which the entries of its messages, in the list of what the staff did, name it."""
        return {RUN: str(self.run_id)}

    def begin(self, message_id: UUID, attempt: int) -> None:
        """Before the command is published; once for each message. Raises TakenForDead."""
        now = datetime.now(UTC)
        with transaction.atomic():
            entries = OperatorAction.objects.filter(target_kind=KIND, target=str(message_id))
            for entry in entries.filter(detail__run=str(self.run_id)).select_for_update():
                if entry.result != Result.ASKED:
                    raise TakenForDead
            ReplayTry.objects.create(run=self.run_id, message_id=message_id, attempt=attempt, begun_at=now)

    def finish(self) -> None:
        """It has come to its end, and so have those that were cut off, as far as it looked."""
        conclude_tries(self._found)
        ReplayTry.objects.filter(Q(run=self.run_id) | Q(pk__in=self._found)).delete()


def forget(now: datetime) -> None:
    """Notes that nobody came back to."""
    ReplayTry.objects.filter(begun_at__lt=now - KEPT).delete()
