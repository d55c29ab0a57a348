"""Answering binds: by the rules of the script first, by the operator's own book otherwise."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial

from ghasi.simulator import faults
from ghasi.simulator.agenda import Agenda
from ghasi.simulator.binds import MODES, BindBook
from ghasi.simulator.config import Operator
from ghasi.simulator.desk import Desk
from ghasi.simulator.link import Link
from ghasi.simulator.log import Journal
from ghasi.simulator.rules import Faults
from ghasi.simulator.script import Occasion, Script
from ghasi.smpp.constants import CommandStatus, status_name
from ghasi.smpp.pdu import BindRequest


class Reception:
    """The door of one operator. `started` is the loop time of the start."""

    def __init__(
        self,
        operator: Operator,
        *,
        agenda: Agenda,
        journal: Journal,
        script: Script,
        desk_of: Callable[[str], Desk],
        started: float,
    ) -> None:
        self._agenda = agenda
        self._journal = journal
        self._script = script
        self._desk_of = desk_of
        self._started = started
        self._book = BindBook(operator)
        self._loop = asyncio.get_running_loop()

    def handle(self, link: Link, request: BindRequest) -> None:
        """Answers a bind, now or after the delay a rule asks for."""
        mode = MODES[request.command_id]
        occasion = Occasion(at=self._loop.time() - self._started, system_id=request.system_id, mode=mode)
        found = self._script.faults("bind", occasion)
        delay = 0.0 if found.delay is None else self._script.seconds(found.delay)
        answer = partial(self._answer, link, request, mode, found)
        if delay > 0:
            self._agenda.after(delay, answer)
        else:
            answer()

    def leave(self, link: Link) -> None:
        """A bound session is gone."""
        self._desk_of(link.system_id).leave(link)
        self._book.remove(link.number, unbound=link.unbound, now=self._loop.time())

    def _answer(self, link: Link, request: BindRequest, mode: str, found: Faults) -> None:
        if link.session.closing:
            return
        status = found.code if found.status is not None else self._book.judge(request, now=self._loop.time())
        faults.before_answer(link, found, self._journal)
        accepted = status == 0 and found.answer is None and found.drop != "unanswered"
        if accepted:
            link.system_id, link.mode = request.system_id, mode
            self._book.add(link.number, request.system_id, mode)
        faults.answer(link, request, found, status=status)
        self._note(link, request, mode, status, accepted=accepted)
        if accepted and mode != "TX":
            self._desk_of(link.system_id).join(link)
        faults.after_answer(link, found, self._journal)

    def _note(self, link: Link, request: BindRequest, mode: str, status: int, *, accepted: bool) -> None:
        self._journal.write(
            "bind",
            at=link.at,
            mono=link.mono,
            seq=request.sequence_number,
            bind=link.number,
            system_id=request.system_id,
            mode=mode,
            system_type=request.system_type,
            interface_version=request.interface_version,
            command_status=int(status),
            status=status_name(status or CommandStatus.ESME_ROK),
            accepted=accepted,
            sessions=len(self._book),
        )
