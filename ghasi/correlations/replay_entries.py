"""What became of the messages of a call of `replay` or `held resend` that ended before it could say so, in the list
of what the staff did (docs/operations.md, "Replay").

A call sends one message after the other and notes each before it is published: of a call that was cut off all but the
last noted were sent, and what was not noted was not.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.db import transaction
from django.db.models import Max, QuerySet

from ghasi.correlations.models import ReplayTry
from ghasi.correlations.replay_letters import rows_of
from ghasi.operators.actions import OperatorAction, Result

REPLAY, RESEND = "dead_letter.replay", "part.resend"
"""As the admin's bulk actions are called in the list of what the staff did."""
KIND: Final = "message"
RUN: Final = "run"
"""The call, in an entry's detail."""
QUIET: Final = timedelta(minutes=10)
"""A call of which nothing was heard for so long has ended."""
QUIET_WITHOUT_RUN: Final = timedelta(days=1)
"""The same for entries that name no call, of which nothing is ever heard."""


def conclude_cut_off(now: datetime) -> int:
    """Writes the result of entries of calls that have ended; how many. Raises DatabaseError."""
    asked = _asked().filter(at__lt=now - QUIET)
    runs = set(asked.values_list(f"detail__{RUN}", flat=True).distinct())
    nameless = _asked().filter(at__lt=now - QUIET_WITHOUT_RUN, detail__run__isnull=True)
    count = _write({Result.MAY_BE_SENT: list(nameless)}) if None in runs else 0
    return count + sum(_conclude(UUID(run), now) for run in runs if run is not None)


def conclude_tries(tries: Collection[int]) -> None:
    """Before these notes of other calls are taken away: what became of their messages. Raises DatabaseError."""
    mine = list(ReplayTry.objects.filter(pk__in=tries))
    last = dict(
        ReplayTry.objects.filter(run__in={one.run for one in mine}).values_list("run").annotate(Max("pk")).order_by()
    )
    runs: dict[UUID, list[ReplayTry]] = defaultdict(list)
    for one in mine:
        runs[one.run].append(one)
    for run, noted in runs.items():
        entries = _asked().filter(detail__run=str(run), target__in=[str(one.message_id) for one in noted])
        _write(_outcomes(list(entries), noted, last[run]))


def _asked() -> QuerySet[OperatorAction]:
    return OperatorAction.objects.filter(result=Result.ASKED, action__in=(REPLAY, RESEND), target_kind=KIND)


def _conclude(run: UUID, now: datetime) -> int:
    with transaction.atomic():
        # With the entries locked, the call cannot note another message: see `Run.begin`.
        entries = list(_asked().filter(detail__run=str(run)).order_by("id").select_for_update())
        tries = list(ReplayTry.objects.filter(run=run))
        if any(one.begun_at > now - QUIET for one in tries):
            return 0
        return _write(_outcomes(entries, tries, max((one.pk for one in tries), default=0)))


def _outcomes(
    entries: Sequence[OperatorAction], tries: Sequence[ReplayTry], last: int
) -> dict[Result, list[OperatorAction]]:
    """`last` is the primary key of the last message that the call noted."""
    noted = {str(one.message_id): one for one in tries}
    found: dict[Result, list[OperatorAction]] = defaultdict(list)
    for entry in entries:
        one = noted.get(entry.target)
        if one is None:
            found[Result.NOT_SENT].append(entry)
        else:
            found[Result.DONE if one.pk < last or _followed(one) else Result.MAY_BE_SENT].append(entry)
    return found


def _followed(one: ReplayTry) -> bool:
    """Whether the ledger has the try that this note was about, or a later one."""
    return any(row.attempt > one.attempt for row in rows_of([one.message_id]).get(one.message_id, ()))


def _write(outcomes: dict[Result, list[OperatorAction]]) -> int:
    return sum(_asked().filter(pk__in=_keys(rows)).update(result=result) for result, rows in outcomes.items())


def _keys(rows: Iterable[OperatorAction]) -> list[int]:
    return [row.pk for row in rows]
