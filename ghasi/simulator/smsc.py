"""One simulated operator: a listening port, its sessions, and what it does with what they send."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Final, cast

from ghasi.simulator import faults, queries
from ghasi.simulator.agenda import Agenda
from ghasi.simulator.config import Operator
from ghasi.simulator.desk import Desk, Parcel
from ghasi.simulator.ids import IdSource
from ghasi.simulator.link import Link
from ghasi.simulator.log import Journal
from ghasi.simulator.messages import Messages
from ghasi.simulator.reception import Reception
from ghasi.simulator.rules import Faults, Rule
from ghasi.simulator.script import Occasion, Script, clock_times
from ghasi.simulator.submits import Submits
from ghasi.simulator.tls import server_context
from ghasi.smpp.events import (
    Answered,
    BindRequested,
    BindTimedOut,
    Closed,
    Event,
    LateResponse,
    LinkDead,
    ProtocolFault,
    RequestExpired,
    RequestLost,
    RequestReceived,
    UnbindReceived,
    Unbound,
    UnexpectedResponse,
)
from ghasi.smpp.pdu import DataSm, DeliverSm, Pdu, SubmitSm
from ghasi.smpp.session import Role, SessionConfig
from ghasi.transport import SessionProtocol

_STOP_TIMEOUT: Final = 1.0
"""Seconds that sessions have to answer the unbind at the end."""
_PORT_RETRY: Final = 0.05


class Smsc:
    """Start it, let it run, stop it; `port` is the port it listens on."""

    def __init__(self, operator: Operator, *, seed: int, folder: Path = Path(), log: Path | None = None) -> None:
        self.operator = operator
        self.port = operator.port
        self._loop = asyncio.get_running_loop()
        self._started = self._loop.time()
        self._folder = folder
        self._journal = Journal(log, str(operator.id), self._loop)
        self._agenda = Agenda(self._loop)
        self._script = Script(operator.rules, self._rng(seed, "script"))
        self._messages = Messages()
        self._desks: dict[str, Desk] = {}
        self._links: dict[int, Link] = {}
        self._numbers = 0
        self._server: asyncio.Server | None = None
        self._outages: asyncio.Task[None] | None = None
        self._submits = Submits(
            operator,
            agenda=self._agenda,
            journal=self._journal,
            script=self._script,
            ids=IdSource(operator.ids, self._rng(seed, "ids"), start=queries.first_id(operator.ids)),
            rng=self._rng(seed, "outcomes"),
            messages=self._messages,
            desk_of=self._desk,
            started=self._started,
        )
        self._reception = Reception(
            operator,
            agenda=self._agenda,
            journal=self._journal,
            script=self._script,
            desk_of=self._desk,
            started=self._started,
        )

    def _rng(self, seed: int, use: str) -> random.Random:
        """A generator for each use: a draw more in one leaves the others as they were."""
        return random.Random(f"{seed}:{self.operator.id}:{use}")  # noqa: S311 - a script, no secret

    # -- life

    async def start(self) -> None:
        """Listens. Raises OSError: the port is taken; ssl.SSLError, OSError: certificate files."""
        await self._listen()
        for rule in self._script.clock_rules:
            self._plan_clock(rule, iter(clock_times(rule)))
        if self.operator.outages:
            self._outages = asyncio.create_task(self._run_outages())

    async def _listen(self) -> None:
        context = server_context(self.operator.tls, self._folder) if self.operator.tls else None
        self._server = await self._loop.create_server(
            self._new_link, self.operator.host, self.port, ssl=context, backlog=512
        )
        self.port = self._server.sockets[0].getsockname()[1]
        self._journal.write("listening", host=self.operator.host, port=self.port)

    async def stop(self) -> None:
        """Unbinds everybody, waits a moment for their answers, closes, and completes the log."""
        if self._outages is not None:
            self._outages.cancel()
        self._stop_listening()
        links = list(self._links.values())
        for link in links:
            if link.session.is_bound and not link.is_silent:
                link.say_unbind()
            else:
                link.abort("simulator stopped")
        waits = [asyncio.create_task(link.closed.wait()) for link in links]
        if waits:
            await asyncio.wait(waits, timeout=_STOP_TIMEOUT)
        for link in list(self._links.values()):
            link.abort("simulator stopped")
        for wait in waits:
            wait.cancel()
        await asyncio.sleep(0)
        self._agenda.clear()
        self._submits.tell_worst()
        self._journal.write("stopped", submits=self._submits.count)
        self._journal.close()

    def flush_log(self) -> None:
        """Writes the lines gathered so far, for who runs the simulator in-process and reads the log meanwhile."""
        self._journal.flush()

    def _stop_listening(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None

    async def _run_outages(self) -> None:
        for outage in sorted(self.operator.outages, key=lambda each: each.after):
            await asyncio.sleep(max(0.0, self._started + outage.after - self._loop.time()))
            self._journal.write("outage", begins=True)
            self._stop_listening()
            for link in list(self._links.values()):
                link.abort("outage")
            await asyncio.sleep(max(0.0, self._started + outage.until - self._loop.time()))
            await self._listen_again()
            self._journal.write("outage", begins=False)

    async def _listen_again(self) -> None:
        """A stranger may have the port for a moment: then the outage lasts as long."""
        while True:
            try:
                await self._listen()
            except OSError:
                await asyncio.sleep(_PORT_RETRY)
            else:
                return

    # -- connections

    def _new_link(self) -> Link:
        timers = self.operator.timers
        self._numbers += 1
        link = Link(
            SessionConfig(
                role=Role.SMSC,
                window_size=self.operator.receipts.window,
                bind_timeout=timers.bind,
                response_timeout=timers.response,
                enquire_link_interval=timers.enquire_link,
                enquire_link_timeout=timers.enquire_link_timeout,
                system_id=self.operator.name.encode("ascii", "replace").decode()[:15],
                interface_version=self.operator.interface_version,
            ),
            self._on_event,
            number=self._numbers,
            on_writable=self._push_all,
        )
        self._links[link.number] = link
        self._journal.write("connected", bind=link.number)
        self._loop.call_soon(self._greet, link)
        return link

    def _greet(self, link: Link) -> None:
        found = self._script.faults("connect", Occasion(at=self._loop.time() - self._started))
        self._apply(link, found)

    def _apply(self, link: Link, found: Faults) -> None:
        """Faults of a session as such, not of an answer."""
        faults.before_answer(link, found, self._journal)
        faults.after_answer(link, found, self._journal)

    def _push_all(self) -> None:
        for desk in self._desks.values():
            desk.push_soon()

    def _desk(self, system_id: str) -> Desk:
        desk = self._desks.get(system_id)
        if desk is None:
            plan = self.operator.receipts
            desk = self._desks[system_id] = Desk(
                self._agenda, self._journal, retry_delay=plan.retry_delay, max_tries=plan.max_tries
            )
        return desk

    # -- what sessions tell

    def _on_event(self, protocol: SessionProtocol, event: Event) -> None:
        link = cast(Link, protocol)
        if isinstance(event, RequestReceived):
            self._on_request(link, event.request)
        elif isinstance(event, Answered):
            if isinstance(event.context, Parcel):
                self._desk(link.system_id).answered(event.context, event.response, link)
        elif isinstance(event, BindRequested):
            self._reception.handle(link, event.request)
        elif isinstance(event, RequestExpired | RequestLost):
            if isinstance(event.context, Parcel):
                why = "expired" if isinstance(event, RequestExpired) else "lost"
                self._desk(link.system_id).unanswered(event.context, link, why=why)
        elif isinstance(event, LateResponse):
            if isinstance(event.context, Parcel):
                self._desk(link.system_id).answered_late(event.context, event.response, link)
        else:
            self._on_other(link, event)

    def _on_other(self, link: Link, event: Event) -> None:
        if isinstance(event, UnbindReceived | Unbound):
            link.unbound = True
            ours = isinstance(event, Unbound)
            self._journal.write("unbind", bind=link.number, by="smsc" if ours else "esme")
        elif isinstance(event, Closed):
            self._on_closed(link, event.reason)
        elif isinstance(event, ProtocolFault):
            self._journal.write("protocol_fault", bind=link.number, why=str(event.error), answered=event.answered)
        elif isinstance(event, LinkDead):
            self._journal.write("link_dead", bind=link.number, silent_for=event.silent_for)
        elif isinstance(event, BindTimedOut):
            self._journal.write("bind_timeout", bind=link.number)
        elif isinstance(event, UnexpectedResponse):
            response = event.response
            self._journal.write(
                "unexpected_response",
                bind=link.number,
                command=response.command_name,
                seq=response.sequence_number,
                command_status=response.command_status,
            )

    def _on_request(self, link: Link, request: Pdu) -> None:
        if isinstance(request, SubmitSm | DataSm):
            self._submits.handle(link, request)
        elif not link.leaving:
            queries.handle(link, request, self._messages, self._journal)

    def _on_closed(self, link: Link, reason: str) -> None:
        self._links.pop(link.number, None)
        if link.mode:
            self._desk(link.system_id).leave(link)
            self._reception.leave(link)
        self._journal.write("closed", bind=link.number, reason=reason)

    # -- the clock

    def _plan_clock(self, rule: Rule, times: Iterator[float]) -> None:
        due = next(times, None)
        if due is not None:
            self._agenda.at(self._started + due, partial(self._strike, rule, times))

    def _strike(self, rule: Rule, times: Iterator[float]) -> None:
        at = self._loop.time() - self._started
        if rule.mo is not None:
            pdu = DeliverSm(
                source_addr_ton=1,
                source_addr_npi=1,
                source_addr=rule.mo.from_,
                destination_addr=rule.mo.to,
                short_message=rule.mo.text.encode("latin-1", "replace")[:254],
            )
            self._desk(rule.system_id or self.operator.system_id).post(Parcel(pdu, {"mo": True}))
        for link in list(self._links.values()):
            occasion = Occasion(at=at, system_id=link.system_id, mode=link.mode)
            if link.mode and self._script.concerns(rule, occasion):
                self._apply(link, rule)
        self._plan_clock(rule, times)
