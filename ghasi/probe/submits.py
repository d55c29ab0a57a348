"""Sends the messages of the plan one after another, and notes what the operator answers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Final

from ghasi.probe.budget import Budget
from ghasi.probe.errors import BudgetSpent, NoSession
from ghasi.probe.facts import Facts, Sent
from ghasi.probe.link import ProbeLink, Reply
from ghasi.probe.plan import Step
from ghasi.smpp.constants import CommandStatus
from ghasi.smpp.pdu import SubmitSm
from ghasi.smpp.tlv import Tag, find

THROTTLED: Final = frozenset({CommandStatus.ESME_RTHROTTLED, CommandStatus.ESME_RMSGQFUL})
_TRIES: Final = 3
_BREATHER: Final = 1.1
"""Seconds until a sliding second has forgotten what was sent."""


class Messenger:
    """The only place from which a submit_sm leaves."""

    def __init__(self, link: ProbeLink, budget: Budget, facts: Facts, wall: Callable[[], float], gap: float) -> None:
        self.link = link
        self._budget = budget
        self._facts = facts
        self._wall = wall
        self._gap = gap
        self._loop = asyncio.get_running_loop()

    @property
    def left(self) -> int:
        """Messages the cap still allows."""
        return self._budget.left

    async def send_steps(self, steps: Sequence[Step], say: Callable[[str], None]) -> None:
        """All steps in order. Where the cap or the session ends them, the rest is noted as not sent."""
        for position, step in enumerate(steps):
            if step.count > self._budget.left:
                self._facts.unsent_steps.append(step.name)
                continue
            say(step.name)
            try:
                await self._send_step(step)
            except (BudgetSpent, NoSession) as error:
                self._facts.notes.append(f"stopped at {step.name}: {error}")
                self._facts.unsent_steps += [each.name for each in steps[position:]]
                return

    async def _send_step(self, step: Step) -> None:
        for number, pdu in enumerate(step.pdus, 1):
            tag = step.tags[number - 1] if number <= len(step.tags) else ""
            for _ in range(_TRIES):
                sent = self.begin(pdu, step=step.name, part=number, parts=step.count, tag=tag)
                await sent[1]
                if sent[0].status not in THROTTLED:
                    break
                self._gap = max(2 * self._gap, 0.1)
                await asyncio.sleep(_BREATHER)
            await asyncio.sleep(self._gap)

    def begin(
        self, pdu: SubmitSm, *, step: str, part: int = 1, parts: int = 1, tag: str = ""
    ) -> tuple[Sent, asyncio.Future[Reply]]:
        """Sends one message now. Raises BudgetSpent, NoSession."""
        if not self.link.alive:
            raise NoSession("the session is over")
        self._budget.take(pdu.destination_addr)
        reference = find(pdu.tlvs, Tag.USER_MESSAGE_REFERENCE)
        sent = Sent(
            step=step,
            part=part,
            parts=parts,
            destination=pdu.destination_addr,
            sent_at=self._wall(),
            began=self._loop.time(),
            wants_receipt=bool(pdu.registered_delivery & 3),
            octets=pdu.short_message,
            tag=tag,
            reference=reference.value if reference else None,
        )
        reply = self.link.submit(pdu)
        self._facts.sent.append(sent)
        reply.add_done_callback(lambda done: _note(sent, done))
        return sent, reply


def _note(sent: Sent, done: asyncio.Future[Reply]) -> None:
    if done.cancelled():
        return
    reply = done.result()
    sent.status, sent.message_id, sent.seconds, sent.info = (
        reply.status,
        reply.message_id,
        reply.seconds,
        reply.info,
    )
