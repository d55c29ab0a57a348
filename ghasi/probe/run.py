"""One certification run from the first connection to the report. Stopped at any point, it unbinds and tells what it
has seen so far."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum

from ghasi.probe import binds, pace
from ghasi.probe.account import Account
from ghasi.probe.budget import Budget
from ghasi.probe.connect import client_context, reach
from ghasi.probe.errors import NoConnection, NoSession
from ghasi.probe.facts import Facts
from ghasi.probe.link import Endpoint, ProbeLink, Timers
from ghasi.probe.plan import Limits, Step, Target, bulk, messages
from ghasi.probe.receipts import Collector
from ghasi.probe.report import Report, Run, make
from ghasi.probe.submits import Messenger
from ghasi.profiles.places import shown_endpoint


class Reach(StrEnum):
    """How far a run goes; each includes those before it."""

    CONNECT = "connect"
    BIND = "bind"
    MESSAGES = "messages"
    FULL = "full"


_ORDER = list(Reach)


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What the person wants. Times in seconds; `gap` lies between two messages of the plan."""

    target: Target
    limits: Limits = field(default_factory=Limits)
    mode: Reach = Reach.FULL
    max_binds: int = 1
    receipts_for: float = 60.0
    quiet: float = 15.0
    gap: float = 0.1
    price: float | None = None
    show_number: bool = False
    zone: str = "UTC"
    alphabet_on_phone: str = ""
    profile_file: str = "profile.yaml"
    """Where the proposed profile will lie."""
    timers: Timers = field(default_factory=Timers)

    def goes(self, far: Reach) -> bool:
        return _ORDER.index(self.mode) >= _ORDER.index(far)


class Probe:
    """Made for one run. `say` gets a word for each step as it begins."""

    def __init__(
        self,
        account: Account,
        options: Options,
        say: Callable[[str], None] = lambda _: None,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self.facts = Facts()
        self._account = account
        self._options = options
        self._say = say
        self._wall = wall
        self._steps: list[Step] = messages(options.target) if options.goes(Reach.MESSAGES) else []
        self._links: list[ProbeLink] = []
        target = options.target
        self._collector = Collector(self.facts, (target.to, target.invalid), wall)
        numbers = frozenset(pdu.destination_addr for step in self._steps for pdu in step.pdus)
        self._budget = Budget(options.limits.max_messages, numbers)
        self._began = wall()

    async def run(self, stop: asyncio.Event | None = None) -> Report:
        """Everything the options ask for, or as much of it as comes before `stop` is set. Never raises for what an
        operator does."""
        work = asyncio.create_task(self._work())
        halt = asyncio.create_task(stop.wait()) if stop else None
        try:
            await asyncio.wait([work, *([halt] if halt else [])], return_when=asyncio.FIRST_COMPLETED)
            stopped = "" if work.done() else "stopped by hand"
        finally:
            for task in (work, halt):
                if task is not None and not task.done():
                    task.cancel()
                    with suppress(asyncio.CancelledError):
                        await task
            await self._goodbye()
        try:
            work.result()
        except (NoConnection, NoSession) as error:
            stopped = str(error)
        except asyncio.CancelledError:
            pass
        return self.report(stopped)

    def report(self, stopped: str = "") -> Report:
        """What is known so far."""
        options = self._options
        run = Run(
            began=self._began,
            ended=self._wall(),
            number=options.target.to,
            invalid_number=options.target.invalid,
            show_number=options.show_number,
            allowed=options.limits.max_messages if self._steps else 0,
            price=options.price,
            stopped=stopped,
            zone=options.zone,
            alphabet_on_phone=options.alphabet_on_phone,
            max_binds=options.max_binds,
            profile_file=options.profile_file,
        )
        return make(self._account, self.facts, self._steps, run)

    # -- the phases

    async def _work(self) -> None:
        await self._connect()
        if not self._options.goes(Reach.BIND):
            return
        await self._bind()
        if not self._options.goes(Reach.MESSAGES):
            return
        link = self._links[0]
        messenger = Messenger(link, self._budget, self.facts, self._wall, self._options.gap)
        await messenger.send_steps(self._steps, self._say)
        if self._options.goes(Reach.FULL):
            await self._measure(messenger)
        self._say("receipts")
        await self._collector.wait(
            self._options.receipts_for, quiet=self._options.quiet, enough=self._has_all_receipts
        )

    async def _connect(self) -> None:
        if unused := ", ".join(map(shown_endpoint, self._account.unused_hosts)):
            self.facts.notes.append(f"the profile also names {unused}: not tried, because another host was stated")
        for host, port in self._account.hosts:
            self._say(f"connect {host}:{port}")
            seen = await reach(host, port, self._account.tls, timeout=self._options.timers.connect, now=self._wall())
            self.facts.reached.append(seen)
        if not any(each.ok for each in self.facts.reached):
            raise NoConnection("no host can be reached: " + self.facts.reached[0].error)

    async def _bind(self) -> None:
        self._say("bind")
        await binds.try_modes(self._account, self._open, self.facts)
        self._links = await binds.open_working(self._account, self._open, self.facts)
        await binds.count_binds(self._account, self._open, self.facts, self._options.max_binds)

    async def _open(self) -> ProbeLink:
        seen = next(each for each in self.facts.reached if each.ok)
        tls = self._account.tls
        endpoint = Endpoint(
            seen.host,
            seen.port,
            client_context(tls) if tls else None,
            tls.server_name if tls else None,
        )
        return await ProbeLink.open(endpoint, self._options.timers, self._collector.status_for)

    async def _measure(self, messenger: Messenger) -> None:
        limits, pdu = self._options.limits, bulk(self._options.target)
        self._say(pace.BURST)
        await pace.burst(messenger, pdu, limits.max_window, self.facts)
        self._say(pace.RATE)
        await pace.find_rate(
            messenger,
            pdu,
            self.facts,
            declared=min(self._account.tps_limit, limits.max_tps),
            max_tps=limits.max_tps,
            window=self._safe_window(),
        )

    def _safe_window(self) -> int:
        """Unanswered submits that measuring the rate may have: what a burst was taken of."""
        seen = self.facts.burst
        return max(1, seen.accepted) if seen is not None else self._account.window_size

    def _has_all_receipts(self) -> bool:
        """As many as messages that asked for one, or nobody is left to take more."""
        if not any(link.alive for link in self._links):
            return True
        wanted = sum(each.accepted and each.wants_receipt for each in self.facts.sent)
        return len(self.facts.arrived) >= wanted

    async def _goodbye(self) -> None:
        for link in self._links:
            await link.unbind()
