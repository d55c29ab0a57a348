"""Dead letters and parts in doubt, given another try because a person wants it (docs/operations.md, "Replay").

`make_plan` says what would happen and changes nothing; `carry_out` does it at a bounded rate. Both are synchronous
and connect to NATS by themselves. A plan may be carried out twice, half, or by two people at once: the ledger answers
whatever is published again. A plan made anew after one that was cut off must be told what that one had begun, or it
would follow what came of it (docs/decisions/0025-replays-by-attempt.md).
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID

from asgiref.sync import async_to_sync, sync_to_async
from django.conf import settings

from ghasi import crash
from ghasi.bus import Bus, BusSettings, Publication
from ghasi.contracts import subjects
from ghasi.correlations import dead, held
from ghasi.correlations.models import DeadLetter
from ghasi.correlations.replay_judging import IN_WORDS, Item, Kept, Letter, Why, judge, later, only_newest
from ghasi.correlations.replay_letters import LIMIT, Selection, kept, letters, read, remove, rows_of
from ghasi.logs import get_logger

__all__ = [
    "IN_WORDS",
    "LIMIT",
    "Done",
    "Item",
    "Letter",
    "Plan",
    "Selection",
    "Why",
    "carry_out",
    "discard",
    "give_back",
    "make_plan",
    "note_sent",
]

log = get_logger()
CONNECT_WAIT = 5.0
RATE = 20.0
"""Commands a second where nobody says otherwise: modest, so that new traffic is not held up."""
Begun = Callable[[Collection[UUID]], Mapping[UUID, int]]
"""Of these messages the attempts that this replay was begun with."""
Begin = Callable[[UUID, int], None]
"""Told of a message and an attempt before its command is published."""


def nothing_begun(_: Collection[UUID]) -> Mapping[UUID, int]:
    """Of a replay that nobody began before."""
    return {}


def keep_nothing(_message_id: UUID, _attempt: int) -> None:
    """Of a replay whose beginning is kept elsewhere."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What would become of each letter selected. `matched` counts without the selection's limit."""

    items: tuple[Item, ...]
    matched: int
    made_at: datetime
    expires_in: timedelta | None = None

    @property
    def replays(self) -> tuple[Item, ...]:
        return tuple(item for item in self.items if item.replays)

    @property
    def skipped(self) -> dict[Why, int]:
        """Letters that are left alone, by reason, the most frequent first."""
        return dict(Counter(item.why for item in self.items if item.why is not None).most_common())

    @property
    def possible_duplicates(self) -> int:
        """Replays of commands that may have arrived: their new tries say so."""
        return sum(item.possible_duplicate for item in self.replays)

    @property
    def left_out(self) -> int:
        """Letters beyond the limit, for a later run."""
        return max(0, self.matched - len(self.items))


@dataclass(slots=True)
class Done:
    """What `carry_out` did: replays stored, letters that were not kept any more, and whether it was stopped early."""

    published: int = 0
    gone: list[Letter] = field(default_factory=list)
    stopped: bool = False


def make_plan(
    selection: Selection,
    *,
    now: datetime | None = None,
    expires_in: timedelta | None = None,
    retention_days: int | None = None,
    begun: Begun = nothing_begun,
) -> Plan:
    """Reads index, ledger and SMPP_DEAD. Raises DatabaseError, BusError."""
    now = now or datetime.now(UTC)
    days = settings.LEDGER_RETENTION_DAYS if retention_days is None else retention_days
    chosen, matched = letters(selection)
    bodies = async_to_sync(_bodies)(chosen) if chosen else {}
    messages = {letter.message_id for letter in chosen if letter.message_id}
    rows = rows_of(messages)
    # After the rows: what somebody begins between the two is then named by the attempt that he names.
    attempts = begun(messages)
    items = [
        judge(
            letter,
            bodies.get(letter.letter_id),
            rows.get(letter.message_id, []) if letter.message_id else [],
            now=now,
            retention_days=days,
            expires_in=expires_in,
            begun=attempts.get(letter.message_id) if letter.message_id else None,
        )
        for letter in chosen
    ]
    return Plan(tuple(only_newest(items)), matched, now, expires_in)


async def _bodies(chosen: Sequence[Letter]) -> dict[int, Kept]:
    bus = await Bus.connect(BusSettings.from_env(), name="replay", wait=CONNECT_WAIT)
    try:
        return await kept(bus, chosen)
    finally:
        await bus.close()


def carry_out(
    plan: Plan,
    *,
    by: str,
    rate: float = RATE,
    tell: Callable[[int, int], None] = lambda done, total: None,
    stop: Callable[[], bool] = lambda: False,
    begin: Begin = keep_nothing,
) -> Done:
    """Publishes the plan's replays, at most `rate` a second, in the order of the letters. `tell` hears how many of
    how many are done; `stop` is asked and `begin` is told before each. Raises BusError, DatabaseError, and what
    `begin` raises: what is stored by then stays, run it again."""
    done = Done()
    note_sent(plan)
    try:
        async_to_sync(_carry_out)(plan, rate, tell, stop, begin, done)
    finally:
        if done.published:
            log.info("replay.published", by=by, count=done.published, size=len(plan.replays))
    return done


def note_sent(plan: Plan) -> None:
    """Letters that the plan leaves alone because the operator has their messages, by a call that was cut off before
    it could note it, or settled by a person: they are not open any more. Raises DatabaseError."""
    found = [item.letter for item in plan.items if item.why is Why.SENT]
    dead.sent_again(((one.message_id, one.stream_seq) for one in found if one.message_id), datetime.now(UTC))


async def _carry_out(
    plan: Plan,
    rate: float,
    tell: Callable[[int, int], None],
    stop: Callable[[], bool],
    begin: Begin,
    done: Done,
) -> None:
    replays = plan.replays
    if not replays:
        return
    bus = await Bus.connect(BusSettings.from_env(), name="replay", wait=CONNECT_WAIT)
    try:
        loop = asyncio.get_running_loop()
        due = loop.time()
        for item in replays:
            await asyncio.sleep(max(0.0, due - loop.time()))
            if stop():
                done.stopped = True
                return
            due = max(due, loop.time() - 1 / rate) + 1 / rate
            if await _replay(bus, item, plan.expires_in, begin):
                done.published += 1
            else:
                done.gone.append(item.letter)
            tell(done.published + len(done.gone), len(replays))
    finally:
        await bus.close()


async def _replay(bus: Bus, item: Item, expires_in: timedelta | None, begin: Begin) -> bool:
    body = await read(bus, item.letter)
    if body is None:
        return False
    data = body.data if expires_in is None else later(body.data, datetime.now(UTC) + expires_in)
    headers = {subjects.HEADER_REPLAY: str(item.attempt)}
    if item.letter.message_id is not None and begin is not keep_nothing:
        await sync_to_async(begin)(item.letter.message_id, item.attempt)
    crash.point("replay.begun")
    await bus.publish(Publication(subjects.dispatch(str(item.letter.operator_id)), data, _msg_id(item), headers))
    crash.point("replay.published")
    if item.letter.message_id is not None:
        await sync_to_async(dead.sent_again)([(item.letter.message_id, item.letter.stream_seq)], datetime.now(UTC))
    return True


def _msg_id(item: Item) -> str:
    """The same for the same try of the same message, whoever asks: JetStream stores it once in ten minutes. A command
    that was never tried is named by its letter, so that it can be replayed again after it was refused again."""
    letter = item.letter
    if item.attempt:
        return f"replay-{letter.message_id}-{item.attempt}"
    return f"replay-{letter.message_id}-dead-{letter.stream_seq}"


def give_back(items: Sequence[Item], *, sent: bool = False) -> int:
    """Settles the held parts of letters' messages without another try: as failed, so that the platform hears REJECTED
    and may decide itself, or as `sent`. How many parts were noted; the receipts pool carries it out within seconds.
    Parts that are not held are left alone. Raises DatabaseError."""
    messages = sorted({item.letter.message_id for item in items if item.letter.message_id})
    noted = 0
    for start in range(0, len(messages), held.BATCH):
        rows = held.find(message_ids=messages[start : start + held.BATCH], limit=held.BATCH * 255)
        noted += held.order(rows, held.ORDER_SENT if sent else held.ORDER_FAILED, now=datetime.now(UTC))
    return noted


def discard(items: Sequence[Item], *, by: str) -> int:
    """Forgets letters for good: their bytes and their place in the index. How many; safe to repeat. Raises BusError,
    DatabaseError."""
    chosen = [item.letter for item in items]
    if not chosen:
        return 0
    async_to_sync(_remove)(chosen)
    DeadLetter.objects.filter(id__in=[letter.letter_id for letter in chosen]).delete()
    log.warning("dead_letters.discarded", by=by, count=len(chosen))
    return len(chosen)


async def _remove(chosen: Sequence[Letter]) -> None:
    bus = await Bus.connect(BusSettings.from_env(), name="replay", wait=CONNECT_WAIT)
    try:
        for letter in chosen:
            await remove(bus, letter)
    finally:
        await bus.close()
