"""What was done from a shell, in the list of what the staff did (docs/operations.md, "Audit list")."""

from __future__ import annotations

import getpass
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from django.conf import settings
from django.utils import timezone

from ghasi.operators.actions import REASON, OperatorAction, Result

PREFIX = "shell:"
"""No name of the admin's accounts has a colon, so that nobody of the staff is taken for somebody in a shell."""


def somebody() -> str:
    """Who is at this shell, as the list of what the staff did names him: as SMPP_ACTOR says, else the account on this
    machine. It is his own word, and nobody checks it."""
    return f"{PREFIX}{settings.SHELL_ACTOR or getpass.getuser()}"[:150]


class Entries:
    """What was asked for, an entry for each target, and what came of it: `results` by target, `others` for the rest.

    `details` is added to an entry's own, by target.
    """

    def __init__(self) -> None:
        self.results: dict[str, Result] = {}
        self.details: dict[str, Mapping[str, Any]] = {}
        self.others = Result.DONE


@contextmanager
def noted(
    action: str,
    kind: str,
    targets: Iterable[str],
    *,
    reason: str = "",
    detail: Mapping[str, Any] | None = None,
    at: datetime | None = None,
) -> Iterator[Entries]:
    """Writes an entry for each target before anything is done, and afterwards what came of it.

    A process that ends in between leaves them as asked for; an error leaves them so too, because part of it may be
    done. Raises DatabaseError, and then nothing has been done.
    """
    when, by = at or timezone.now(), somebody()
    rows = OperatorAction.objects.bulk_create(
        OperatorAction(
            at=when,
            actor=by,
            action=action,
            target_kind=kind,
            target=target[:100],
            reason=reason[:REASON],
            detail=dict(detail or {}),
            result=Result.ASKED,
        )
        for target in dict.fromkeys(targets)
    )
    entries = Entries()
    yield entries
    _conclude(rows, entries)


def _conclude(rows: Iterable[OperatorAction], entries: Entries) -> None:
    alike: dict[tuple[Result, str], list[OperatorAction]] = defaultdict(list)
    for row in rows:
        result = entries.results.get(row.target, entries.others)
        alike[result, row.target if row.target in entries.details else ""].append(row)
    for (result, target), same in alike.items():
        mine = OperatorAction.objects.filter(pk__in=[row.pk for row in same], result=Result.ASKED)
        mine.update(result=result, detail={**same[0].detail, **entries.details.get(target, {})})
