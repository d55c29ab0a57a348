"""One bind slot of an operator: fetch credentials, connect, bind, serve, back off, for as long as it is wanted."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from ghasi.contracts.sessions import State
from ghasi.logs import get_logger
from ghasi.operator_settings import OperatorSettings
from ghasi.smpp.status import BindAction
from ghasi.tasks import end_task
from sessions_gateway.backoff import Backoff, jittered
from sessions_gateway.config import LinkTimers, Retries
from sessions_gateway.connection import Link, LinkOwner
from sessions_gateway.credentials import CredentialsClient, CredentialsError
from sessions_gateway.dial import Endpoint
from sessions_gateway.establish import BindFailed, BoundLinks, Plan, establish, plan_of
from sessions_gateway.tls import TlsUnusable, client_context, expiries

REBIND_GRACE = 5.0

log = get_logger()


class SlotOwner(Protocol):
    """The operator, as its slots see it."""

    operator_id: str
    remembered_plan: Plan | None

    @property
    def traffic(self) -> LinkOwner: ...
    def settings_fetched(self, settings: OperatorSettings) -> None: ...
    def slot_bound(self, slot: int, bound: BoundLinks) -> None: ...
    def slot_unbound(self, slot: int, reason: str) -> None: ...
    def slot_changed(self, slot: int) -> None: ...
    def credentials_refused(self, times: int, reason: str) -> None: ...
    def attempt_again(self) -> None: ...
    def tls_seen(self, expiries: dict[str, float]) -> None: ...


@dataclass(frozen=True, slots=True)
class SlotTools:
    """What every slot of the process uses."""

    credentials: CredentialsClient
    timers: LinkTimers
    retries: Retries
    may_write: Callable[[], bool]


class BindSlot:
    """Runs from `start` to `close`. `state` is one of docs/contract.md §7."""

    def __init__(self, owner: SlotOwner, slot: int, tools: SlotTools) -> None:
        self._owner = owner
        self._tools = tools
        self._loop = asyncio.get_running_loop()
        self._backoff = Backoff(tools.retries.reconnect)
        self._already_bound = 0
        self._credential_refusals = 0
        self._tries = 0
        self._task: asyncio.Task[None] | None = None
        self._closing = False
        self._rebinding = False
        self._at_once = False
        self.slot = slot
        self.state = State.CONNECTING
        self.bound: BoundLinks | None = None
        self.reason: str | None = None
        self.host = ""
        self.port = 0
        self.next_attempt_in: float | None = None
        self.response_timeout = tools.timers.response
        """Seconds that its submits may stay unanswered."""

    @property
    def failures(self) -> int:
        """Attempts that failed since the last bind that held."""
        return self._backoff.failures

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name=f"bind-{self._owner.operator_id}-{self.slot}")

    async def close(self, grace: float, reason: str, *, within: float | None = None) -> None:
        """Stops submitting, lets the window empty for `grace` seconds, unbinds; nothing is left afterwards.

        `within`: after that many seconds the connection is reset, whatever has been said.
        """
        self._closing = True
        if self.bound is not None:
            unbind = self._tools.timers.unbind
            await self._retire(self.bound, grace, reason, grace + unbind if within is None else within)
        await end_task(self._task)

    async def rebind(self, reason: str, *, at_once: bool) -> None:
        """Ends the bind and makes it anew with credentials fetched afresh, after the back-off unless `at_once`."""
        if self.bound is not None and not self._rebinding and not self._closing:
            self._rebinding, self._at_once = True, at_once
            # One that a person orders is no reason to leave anything unanswered; one after a fault is in a hurry.
            grace = self.response_timeout if at_once else REBIND_GRACE
            await self._retire(self.bound, grace, reason, grace + self._tools.timers.unbind, unless_closing=True)

    async def _retire(
        self, bound: BoundLinks, grace: float, reason: str, within: float, *, unless_closing: bool = False
    ) -> None:
        self._owner.slot_unbound(self.slot, reason)
        until = self._loop.time() + within
        transmitter = bound.transmitter
        if transmitter is not None:
            await transmitter.drain(grace)
        if unless_closing and self._closing:
            # Whoever closes has a grace of its own, and says goodbye after it.
            return
        goodbye = min(self._tools.timers.unbind, max(0.0, until - self._loop.time()))
        await asyncio.gather(*(link.unbind(goodbye, reason) for link in bound.links))

    async def _run(self) -> None:
        while True:
            try:
                delay = await self._attempt()
            except Exception as error:
                # A slot whose task has ended would stay down until the process is restarted.
                delay = self._after_surprise(error)
            if self._closing:
                return
            self.next_attempt_in = delay
            self._owner.slot_changed(self.slot)
            await asyncio.sleep(delay)
            self.next_attempt_in = None

    async def _attempt(self) -> float:
        if self._tries:
            self._owner.attempt_again()
        self._tries += 1
        self._set(State.CONNECTING, self.reason)
        return await self._once()

    async def _once(self) -> float:
        """One bind from beginning to end: seconds until the next."""
        try:
            bound = await self._bind()
        except CredentialsError as error:
            return self._after_credentials(error)
        except BindFailed as error:
            return self._after_refusal(error)
        self._already_bound = self._credential_refusals = 0
        began = self._loop.time()
        self.bound = bound
        self._set(State.BOUND, None)
        self._owner.slot_bound(self.slot, bound)
        reason = await self._serve(bound)
        self.bound = None
        self._backoff.lived(self._loop.time() - began)
        self._set(State.UNBOUND, reason)
        self._owner.slot_unbound(self.slot, reason)
        at_once, self._rebinding, self._at_once = self._at_once, False, False
        if at_once:
            self._tries = 0
            return 0.0
        return self._backoff.failed(random.random())  # noqa: S311 - jitter

    async def _bind(self) -> BoundLinks:
        owner, tools = self._owner, self._tools
        credentials = await tools.credentials.fetch(owner.operator_id)
        settings = credentials.settings
        owner.settings_fetched(settings)
        endpoint = self._endpoint(settings)
        self.host, self.port = endpoint.host, endpoint.port

        timers = tools.timers.of(settings)
        self.response_timeout = timers.response

        async def connect() -> Link:
            link = await Link.open(endpoint, owner.traffic, timers, settings.window_size, tools.may_write)
            owner.traffic.opened(link, self.slot)
            if settings.tls is not None:
                owner.tls_seen(expiries(settings.tls, link.protocol.peer_certificate))
            return link

        plan = plan_of(settings, owner.remembered_plan)
        try:
            bound = await establish(credentials, plan, connect, already_bound=self._already_bound)
        except BindFailed:
            # What worked once may not any more: the next attempt begins with a transceiver again.
            owner.remembered_plan = None
            raise
        owner.remembered_plan = bound.plan
        return bound

    def _endpoint(self, settings: OperatorSettings) -> Endpoint:
        """Slots start at different hosts, and each goes on to the next after a failure."""
        host, port = settings.hosts[(self.slot + self._backoff.failures) % len(settings.hosts)]
        if settings.tls is None:
            return Endpoint(host, port)
        try:
            return Endpoint(host, port, client_context(settings.tls), settings.tls.server_name)
        except TlsUnusable as error:
            raise BindFailed(str(error)) from None

    async def _serve(self, bound: BoundLinks) -> str:
        """Until one of the links ends; then the other has no use either."""
        waits = [asyncio.create_task(link.closed.wait()) for link in bound.links]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
        reason = next(link.reason for link in bound.links if link.closed.is_set())
        if not (self._closing or self._rebinding):
            self._owner.slot_unbound(self.slot, reason)
            rest = [link for link in bound.links if not link.closed.is_set()]
            await asyncio.gather(*(self._leave(link, reason) for link in rest))
        return reason

    async def _leave(self, link: Link, reason: str) -> None:
        """What it was sent is answered first: its session was well."""
        await link.drain(self.response_timeout)
        await link.unbind(self._tools.timers.unbind, reason)

    def _after_credentials(self, error: CredentialsError) -> float:
        delay = self._backoff.failed(random.random())  # noqa: S311 - jitter
        if error.slow:
            # Nothing changes until a person or a deployment changes it.
            log.error("smpp.credentials.not_given", operatorId=self._owner.operator_id, reason=error.reason)
        self._fail(error.reason)
        return self._slow(delay) if error.slow else delay

    def _after_refusal(self, error: BindFailed) -> float:
        retries, failures = self._tools.retries, self._already_bound
        delay = self._backoff.failed(random.random())  # noqa: S311 - jitter
        waits_for_old = error.action is BindAction.WAIT_OLD_SESSION
        self._already_bound = self._already_bound + 1 if waits_for_old else 0
        self._fail(error.reason)
        if waits_for_old:
            wait = retries.old_session[min(failures, len(retries.old_session) - 1)]
            return max(delay, jittered(wait, random.random()))  # noqa: S311
        if error.action is BindAction.CREDENTIALS:
            self._credential_refusals += 1
            self._owner.credentials_refused(self._credential_refusals, error.reason)
            return self._slow(delay)
        self._credential_refusals = 0
        return delay

    def _after_surprise(self, error: Exception) -> float:
        """What nothing above knows of is one more failed attempt."""
        log.error("smpp.bind.unexpected", operatorId=self._owner.operator_id, slot=self.slot, exc_info=error)
        reason = f"unexpected {type(error).__name__}"
        bound, self.bound = self.bound, None
        for link in bound.links if bound else ():
            link.abort(reason)
        self._rebinding = self._at_once = False
        delay = self._backoff.failed(random.random())  # noqa: S311 - jitter
        try:
            self._fail(reason)
        except Exception:
            log.exception("smpp.bind.unexpected", operatorId=self._owner.operator_id, slot=self.slot)
        return delay

    def _slow(self, delay: float) -> float:
        return max(delay, jittered(self._tools.retries.slow, random.random()))  # noqa: S311 - jitter

    def _fail(self, reason: str) -> None:
        self._set(State.UNBOUND, reason)
        self._owner.slot_unbound(self.slot, reason)

    def _set(self, state: State, reason: str | None) -> None:
        self.state, self.reason = state, reason
        self._owner.slot_changed(self.slot)
