"""PDUs on their way: a request's job and its parts, and what an operator's answer means for a part."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from ghasi.contracts.submission import Fate, PartFate, SubmitAnswer
from ghasi.smpp.constants import CommandStatus
from ghasi.smpp.pdu import Pdu, SubmitSmResp
from sessions_gateway import spans
from sessions_gateway.memory import UNANSWERED, Fact


class Job:
    """One request of a worker: answered once, when the last of its parts has its fate."""

    __slots__ = ("_done", "fates", "left", "operator_id", "reply", "traces")

    def __init__(self, reply: str, operator_id: str, count: int, done: Callable[[Job], None]) -> None:
        self.reply = reply
        self.operator_id = operator_id
        self.fates: list[PartFate | None] = [None] * count
        self.left = count
        self._done = done
        self.traces: list[str] | None = None
        """A traceparent for each part, where traces are made."""

    def settle(self, index: int, fate: PartFate) -> None:
        self.fates[index] = fate
        if self.traces is not None:
            spans.part_settled(self.operator_id, self.traces[index], fate)
        self.left -= 1
        if self.left == 0:
            self._done(self)

    def answer(self, window_free: int) -> SubmitAnswer:
        return SubmitAnswer([fate for fate in self.fates if fate is not None], window_free)


class Part:
    """One PDU handed over and not settled; several requests may wait for it."""

    __slots__ = ("came_ms", "deadline_ms", "held", "key", "lane", "name", "pdu", "sent_ms", "waiters")

    def __init__(
        self, key: str, name: bytes, pdu: bytes, lane: int, deadline_ms: int, job: Job, index: int, came_ms: int = 0
    ) -> None:
        self.key = key
        self.name = name
        """The key as octets, the form the memory keeps."""
        self.pdu = pdu
        self.lane = lane
        self.deadline_ms = deadline_ms
        self.came_ms = came_ms
        self.sent_ms = 0
        self.held = ""
        """What kept it in the queue, until it left, where that took so long that the ledger is to know."""
        self.waiters: list[tuple[Job, int]] = [(job, index)]

    def __repr__(self) -> str:
        return f"Part({self.key})"

    def settle(self, fate: PartFate) -> None:
        for job, index in self.waiters:
            job.settle(index, fate)
        self.waiters.clear()


UNSPECIFIC: Final = int(CommandStatus.ESME_RUNKNOWNERR)


def fate_of_response(part: Part, response: Pdu, now_ms: int) -> PartFate:
    """What an answer to our submit_sm means; matched by number, so it may be of another command.

    A generic_nack refuses the PDU, with whatever status. An ROK under another command's id proves nothing.
    """
    if isinstance(response, SubmitSmResp) and response.command_status == 0:
        return PartFate(part.key, Fate.ACCEPTED, response.message_id, 0, "", part.sent_ms, now_ms, part.held)
    status = response.command_status
    if status == 0 and response.command_name != "generic_nack":
        return PartFate(part.key, Fate.UNANSWERED, "", 0, "mismatched response", part.sent_ms, now_ms, part.held)
    return PartFate(part.key, Fate.REJECTED, "", status or UNSPECIFIC, "", part.sent_ms, now_ms, part.held)


def fact_of(fate: PartFate) -> Fact:
    """What the memory keeps of a fate other than NOT_SENT."""
    if fate.fate is Fate.ACCEPTED:
        return fate.operator_message_id
    return fate.command_status if fate.fate is Fate.REJECTED else UNANSWERED


def fate_of_fact(key: str, fact: Fact) -> PartFate:
    """The fate again, from what the memory kept."""
    if isinstance(fact, str):
        return PartFate(key, Fate.ACCEPTED, fact)
    if fact == UNANSWERED:
        return PartFate(key, Fate.UNANSWERED, reason="remembered")
    return PartFate(key, Fate.REJECTED, "", fact)


def not_sent(key: str, reason: str) -> PartFate:
    return PartFate(key, Fate.NOT_SENT, reason=reason)
