"""Dead letters as the index names them, their bytes in SMPP_DEAD, and the rows of their messages."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import nats.errors
from django.db.models import Q
from nats.js.errors import Error as JetStreamError
from nats.js.errors import NotFoundError

from ghasi.bus import Bus, BusError
from ghasi.contracts import subjects
from ghasi.correlations import sql
from ghasi.correlations.db import fetch_rows, locked
from ghasi.correlations.models import DeadLetter
from ghasi.correlations.partitions import existing_days
from ghasi.correlations.replay_judging import Kept, Letter
from ghasi.correlations.rows import Row

LIMIT = 1_000
FOUND_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Selection:
    """Which dead letters. What is given must all hold; an empty field asks for nothing.

    `letter_ids` are primary keys of the index; `reasons` are whole (`bad_text`) or end in a colon and stand for all
    that begin so (`in_doubt:`); `since` is included, `until` is not. At most `limit` letters, the oldest first.
    """

    letter_ids: tuple[int, ...] = ()
    message_ids: tuple[UUID, ...] = ()
    operator_id: UUID | None = None
    reasons: tuple[str, ...] = ()
    since: datetime | None = None
    until: datetime | None = None
    limit: int = LIMIT

    @property
    def chooses(self) -> bool:
        """Whether it names anything: nobody replays everything by leaving out an argument."""
        return bool(
            self.letter_ids or self.message_ids or self.reasons or self.operator_id or self.since or self.until
        )


def letters(selection: Selection) -> tuple[list[Letter], int]:
    """The letters selected, the oldest first, and how many there are without the limit. Raises DatabaseError."""
    found = DeadLetter.objects.filter(_condition(selection))
    names = ("id", "operator_id", "stream_seq", "reason", "message_id", "at")
    chosen = [Letter(*values) for values in found.order_by("at", "id").values_list(*names)[: selection.limit]]
    return chosen, len(chosen) if len(chosen) < selection.limit else found.count()


def _condition(selection: Selection) -> Q:
    condition = Q()
    if selection.letter_ids:
        condition &= Q(id__in=selection.letter_ids)
    if selection.message_ids:
        condition &= Q(message_id__in=selection.message_ids)
    if selection.operator_id:
        condition &= Q(operator_id=selection.operator_id)
    if selection.since:
        condition &= Q(at__gte=selection.since)
    if selection.until:
        condition &= Q(at__lt=selection.until)
    if selection.reasons:
        reasons = Q()
        for reason in selection.reasons:
            reasons |= Q(reason__startswith=reason) if reason.endswith(":") else Q(reason=reason)
        condition &= reasons
    return condition


def rows_of(message_ids: Iterable[UUID]) -> dict[UUID, list[Row]]:
    """All rows of messages, over every day the ledger still has. Raises DatabaseError."""
    wanted = sorted(set(message_ids))
    days = existing_days()
    found: dict[UUID, list[Row]] = defaultdict(list)
    for start in range(0, len(wanted), FOUND_AT_ONCE):
        given = {"message_ids": wanted[start : start + FOUND_AT_ONCE], "days": days}
        with locked():
            for row in fetch_rows(sql.FIND_MESSAGES, given):
                found[row.message_id].append(row)
    return found


async def kept(bus: Bus, wanted: Sequence[Letter]) -> dict[int, Kept]:
    """Letter id → what SMPP_DEAD keeps; a letter it does not keep, or not for this operator and message, is missing.
    Raises BusError."""
    found = {}
    for letter in wanted:
        if (one := await read(bus, letter)) is not None:
            found[letter.letter_id] = one
    return found


async def read(bus: Bus, letter: Letter) -> Kept | None:
    """One of them; None where the stream has something else at its place, or nothing. Raises BusError."""
    try:
        message = await bus.js.get_msg(subjects.SMPP_DEAD, letter.stream_seq)
    except NotFoundError:
        return None
    except (JetStreamError, nats.errors.Error, TimeoutError, OSError) as error:
        raise BusError(f"{subjects.SMPP_DEAD}: {type(error).__name__}") from None
    headers = message.headers or {}
    named = str(letter.message_id) if letter.message_id else None
    if message.subject != subjects.dead(str(letter.operator_id)) or headers.get("Smpp-Message-Id") != named:
        return None
    return Kept(message.data or b"", bool(headers.get("Smpp-Truncated")))


async def remove(bus: Bus, letter: Letter) -> bool:
    """Takes the bytes out of SMPP_DEAD; False where they are not there. Raises BusError."""
    if await read(bus, letter) is None:
        return False
    try:
        return bool(await bus.js.delete_msg(subjects.SMPP_DEAD, letter.stream_seq))
    except NotFoundError:
        return False
    except (JetStreamError, nats.errors.Error, TimeoutError, OSError) as error:
        raise BusError(f"{subjects.SMPP_DEAD}: {type(error).__name__}") from None
