"""How fast the operator takes messages, and how many of them without an answer in between."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from typing import Final

from ghasi.probe.errors import BudgetSpent, NoSession
from ghasi.probe.facts import Burst, Facts, Pace, Sent
from ghasi.probe.link import Reply
from ghasi.probe.plan import hold_rate, hold_seconds, rate_levels
from ghasi.probe.submits import THROTTLED, Messenger
from ghasi.smpp.pdu import SubmitSm

BURST: Final = "window"
RATE: Final = "rate"
_FORGET: Final = 1.2
"""Seconds after which an operator that counts by the second has forgotten what came before."""
_ANSWERS: Final = 10.0
_WITHIN: Final = 0.99
"""Of a second: two messages that the operator saw a second apart may look a little closer from here."""
_SHAPED: Final = 0.85
_BURST: Final = 1.06
_PAUSE: Final = 0.12
"""Seconds without a message that cannot be meant: at least forty a second are offered."""
_TRIES: Final = 2


async def burst(messenger: Messenger, pdu: SubmitSm, size: int, facts: Facts) -> None:
    """So many submits in one go; what is refused then, and what is taken, shows the window."""
    size = min(size, messenger.left)
    if size < 2:
        facts.unsent_steps.append(BURST)
        return
    await asyncio.sleep(_FORGET)
    sent: list[Sent] = []
    replies: list[asyncio.Future[Reply]] = []
    try:
        for _ in range(size):
            one, reply = messenger.begin(pdu, step=BURST)
            sent.append(one)
            replies.append(reply)
    except (BudgetSpent, NoSession) as error:
        facts.notes.append(f"stopped at {BURST}: {error}")
    piled_up = messenger.link.unanswered
    await _answers(replies)
    facts.burst = _burst_of(sent, size, piled_up)
    await asyncio.sleep(_FORGET)


def _burst_of(sent: Sequence[Sent], asked: int, piled_up: int) -> Burst:
    seconds = [each.seconds for each in sent if each.accepted and each.seconds is not None]
    return Burst(
        asked=asked,
        accepted=sum(each.accepted for each in sent),
        refusals=dict(Counter(each.outcome for each in sent if not each.accepted)),
        first_answer=min(seconds, default=None),
        last_answer=max(seconds, default=None),
        piled_up=piled_up,
    )


async def find_rate(
    messenger: Messenger, pdu: SubmitSm, facts: Facts, *, declared: int, max_tps: int, window: int
) -> None:
    """Raises the rate second by second until the operator throttles or slows down, then stays above it a while."""
    runner = _Runner(messenger, pdu, facts, window)
    try:
        await _raise_and_hold(runner, facts, rate_levels(declared, max_tps))
    except (BudgetSpent, NoSession) as error:
        facts.rate_note = str(error)
    await _answers(runner.replies)
    _conclude(facts, runner.sent, runner.held_from)


async def _raise_and_hold(runner: _Runner, facts: Facts, levels: Sequence[float]) -> None:
    for level in levels:
        if level > runner.messenger.left:
            facts.rate_note = f"the cap on messages ends it below {level:.0f} a second"
            return
        pace = await runner.stretch(level, 1.0)
        if pace.throttled:
            await _hold(runner, hold_rate(accepted_before_refusal(runner.sent) or pace.accepted))
            return
        if _is_slow(pace) or pace.offered < _SHAPED * pace.wanted:
            return


async def _hold(runner: _Runner, rate: float) -> None:
    """Stays above the limit; once more where this machine was too busy for a second of it to count."""
    for _ in range(_TRIES):
        seconds = min(hold_seconds(), runner.messenger.left / rate)
        if seconds < 0.2:
            return
        runner.held_from = len(runner.sent)
        await runner.stretch(rate, seconds)
        if steady_rate(runner.sent[runner.held_from :]) is not None:
            return


class _Runner:
    """Sends at a rate, with a bounded number of submits unanswered. `held_from` is the first message of the stretch
    above the limit."""

    def __init__(self, messenger: Messenger, pdu: SubmitSm, facts: Facts, window: int) -> None:
        self.messenger = messenger
        self.sent: list[Sent] = []
        self.replies: list[asyncio.Future[Reply]] = []
        self.held_from: int | None = None
        self._pdu = pdu
        self._facts = facts
        self._window = window
        self._loop = asyncio.get_running_loop()

    async def stretch(self, rate: float, seconds: float) -> Pace:
        """Raises BudgetSpent, NoSession."""
        begin, first, held_back = self._loop.time(), len(self.sent), 0.0
        for number in range(max(1, round(rate * seconds))):
            await self._until(begin + number / rate)
            held_back += await self._room()
            one, reply = self.messenger.begin(self._pdu, step=RATE)
            self.sent.append(one)
            self.replies.append(reply)
            if self._loop.time() - begin > 2 * seconds + 1.0:
                break
        await self._until(begin + seconds)
        took = self._loop.time() - begin
        mine = self.sent[first:]
        await _answers(self.replies[first:], patience=1.0 if held_back else 0.3)
        pace = Pace(
            wanted=rate,
            offered=len(mine) / took,
            accepted=sum(each.accepted for each in mine) / took,
            answered=sum(each.status is not None for each in mine) / took,
            throttled=sum(each.status in THROTTLED for each in mine),
            seconds=took,
            held_back=held_back,
        )
        self._facts.paces.append(pace)
        return pace

    async def _until(self, when: float) -> None:
        wait = when - self._loop.time()
        if wait > 0:
            await asyncio.sleep(wait)

    async def _room(self) -> float:
        """Waits while as many are unanswered as the window allows; the seconds it took."""
        begin = self._loop.time()
        while self.messenger.link.unanswered >= self._window and self.messenger.link.alive:
            waiting = [reply for reply in self.replies if not reply.done()]
            if not waiting:
                break
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED, timeout=_ANSWERS)
        return self._loop.time() - begin


async def _answers(replies: Sequence[asyncio.Future[Reply]], patience: float = _ANSWERS) -> None:
    waiting = [reply for reply in replies if not reply.done()]
    if waiting:
        await asyncio.wait(waiting, timeout=patience)
        # Callbacks of what has just been answered note it on the next turn.
        await asyncio.sleep(0)


def _conclude(facts: Facts, sent: Sequence[Sent], held_from: int | None) -> None:
    """Sets the rate: told where the operator refused, a lower bound else."""
    refused = [each for each in sent if each.status in THROTTLED]
    if refused:
        held = () if held_from is None else sent[held_from:]
        facts.rate = rate_of(sent, held)
        facts.rate_told = facts.rate is not None
        if steady_rate(held) is None:
            facts.rate_note = "measured in one second only; an operator that allows bursts may take less for long"
        return
    if not facts.paces:
        return
    last = facts.paces[-1]
    facts.rate = max(each.accepted for each in facts.paces)
    if _is_slow(last):
        facts.rate_note = "nothing was refused, the answers came no faster: the operator, or the window, slows down"
    elif last.offered < _SHAPED * last.wanted:
        facts.rate_note = "this machine was too busy to send faster"


def _is_slow(pace: Pace) -> bool:
    """The operator answers more slowly than it is asked."""
    return pace.answered < _SHAPED * pace.offered or pace.held_back > (1 - _SHAPED) * pace.seconds


def rate_of(sent: Sequence[Sent], held: Sequence[Sent]) -> float | None:
    """The rate from everything sent, and from the part of it at one rate above the limit; None without a refusal.

    The second before the first refusal holds exactly the limit where an operator counts by the second, and more where
    it lets a burst pass; what it takes for long may look a little less from here than it is. So the first counts
    where the two are close, and the second where they are not.
    """
    before, steady = accepted_before_refusal(sent), steady_rate(held)
    if steady is None or before is None:
        return before
    return before if steady <= before <= _BURST * steady else steady


def accepted_before_refusal(sent: Sequence[Sent]) -> float | None:
    """Messages accepted in the second before the first refusal; None where none was refused."""
    refusal = next((each.began for each in sent if each.status in THROTTLED), None)
    if refusal is None:
        return None
    return float(sum(each.accepted and refusal - 1.0 < each.began < refusal for each in sent))


def steady_rate(held: Sequence[Sent]) -> float | None:
    """Messages a second that are taken while more are offered at one rate: the upper quartile of the seconds that
    begin with an accepted message. A second in which this machine paused does not count. None: there is no second."""
    refusal = next((each.began for each in held if each.status in THROTTLED), None)
    if refusal is None:
        return None
    # What was left of the limit when the stretch began is no second's worth.
    taken = [each.began for each in held if each.accepted and each.began > refusal]
    end, pauses = held[-1].began, _pauses([each.began for each in held])
    counts = [
        sum(begin <= each < begin + _WITHIN for each in taken)
        for begin in taken
        if begin + _WITHIN <= end and not any(begin - _WITHIN < pause < begin + _WITHIN for pause in pauses)
    ]
    return float(sorted(counts)[3 * len(counts) // 4]) if counts else None


def _pauses(times: Sequence[float]) -> list[float]:
    """Where this machine stood still: what it then sends late, and at once, tells nothing of the operator."""
    return [one for one, following in pairwise(times) if following - one > _PAUSE]
