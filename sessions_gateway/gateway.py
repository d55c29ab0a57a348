"""The process: builds the parts, starts them in order, stops them in the reverse (docs/architecture.md)."""

from __future__ import annotations

import asyncio
import contextlib
import time
import uuid

from ghasi.bus import Bus, BusError, BusSettings, TopologyConflict, said
from ghasi.contracts.sessions import ReplicaRecord, SessionRecord, WantedRecord
from ghasi.contracts.topology import SESSION_TTL
from ghasi.logs import get_logger
from ghasi.profiles.resolve import Resolver
from ghasi.redis_settings import RedisSettings
from ghasi.release import VERSION
from ghasi.tasks import end_task
from sessions_gateway.backups import Backups
from sessions_gateway.bind import SlotTools
from sessions_gateway.config import GatewayConfig
from sessions_gateway.control import Control
from sessions_gateway.counted_credentials import CountedCredentials
from sessions_gateway.failover_watch import FailoverWatch
from sessions_gateway.health import Health
from sessions_gateway.http import HttpServer
from sessions_gateway.leases import SlotLeases
from sessions_gateway.memory import Memory
from sessions_gateway.metrics import Metrics
from sessions_gateway.mirrors import Mirrors
from sessions_gateway.neighbours import Neighbours
from sessions_gateway.operator import Operator
from sessions_gateway.operator_tools import OperatorTools
from sessions_gateway.receipts import Receipts
from sessions_gateway.records import Records
from sessions_gateway.replica_lease import ReplicaLease, lease_clock
from sessions_gateway.slot_keeper import Leases
from sessions_gateway.slot_view import SlotView
from sessions_gateway.store import Store, StoreAway
from sessions_gateway.submissions import Desk, Submissions
from sessions_gateway.tracing import Tracing

CONNECT_RETRY = 1.0
STOP_MARGIN = 3.0
RECEIPTS_FLUSH = 5.0

log = get_logger()


class Gateway:
    """One replica. `start` returns when everything runs, which may wait for NATS; `stop` is graceful."""

    def __init__(self, config: GatewayConfig, bus_settings: BusSettings) -> None:
        self.config = config
        self.epoch = uuid.uuid4().hex
        self.metrics = Metrics()
        self.http = HttpServer(
            config.http_host, config.http_port, config.redis or RedisSettings(config.redis_url), self.metrics
        )
        self.operators: dict[str, Operator] = {}
        self._bus_settings = bus_settings
        self._side: set[asyncio.Task[None]] = set()
        self._running = False
        self.bus: Bus

    # -- the view of the HTTP server

    def nats_connected(self) -> bool:
        return self.bus.connected

    def records(self) -> list[SessionRecord]:
        return [operator.record() for operator in self.operators.values()]

    def others(self) -> list[SessionRecord]:
        return [
            record
            for _, record in self._mirrors.sessions.fresh(SESSION_TTL)
            if record.operator_id in self.operators and record.replica != self.config.replica
        ]

    def observe(self) -> None:
        self.metrics.nats_connected.set(self.bus.connected)
        for operator in self.operators.values():
            operator.observe()

    # -- life

    async def start(self) -> None:
        """Raises OSError where the HTTP port is taken, TopologyConflict where a stream cannot serve."""
        await self.http.start()
        self.bus = await self._connect()
        await self._ensure()
        self._build()
        self.bus.on_reconnect = self._reconnected
        self._mirrors.start()
        # What the staff wants, who else is there and how operators are spoken to is known before the first bind.
        await self._mirrors.known()
        await self._submissions.start()
        await self._control.start()
        with contextlib.suppress(BusError):
            # A record that others read must not be ahead of the subscriptions it invites to use.
            await self.bus.flush()
        self._lease.start()
        self._records.start()
        for operator_id in self.config.operator_ids:
            self._start_operator(operator_id)
        self._failover.start()
        self._health.start()
        self.http.view = self
        self._running = True
        log.info(
            "gateway.started",
            replica=self.config.replica,
            epoch=self.epoch,
            count=len(self.operators),
            port=self.http.port,
        )

    async def stop(self) -> None:
        """Stops taking, finishes the windows within the deadline, unbinds, gives slots and names back."""
        if self._running:
            began = time.monotonic()
            log.info("gateway.stopping", replica=self.config.replica)
            self._lease.withdraw()
            grace = max(0.0, self.config.shutdown_deadline - STOP_MARGIN)
            await self._failover.stop()
            # What is new is given back from now on; questions are answered until the windows are empty, else whoever
            # waits for an answer takes this gateway for dead.
            await asyncio.gather(*(operator.stop(grace) for operator in self.operators.values()))
            await self._submissions.stop_taking()
            await self._receipts.stop(RECEIPTS_FLUSH)
            await self._submissions.stop()
            await self._health.stop()
            await self._control.stop()
            await self._tracing.stop()
            await self._records.stop()
            await self._lease.stop()
            await self._mirrors.stop()
            log.info("gateway.stopped", replica=self.config.replica, seconds=round(time.monotonic() - began, 2))
        await asyncio.gather(*(end_task(task) for task in self._side))
        if hasattr(self, "bus"):
            await self.bus.close()
        await self.http.stop()

    async def _connect(self) -> Bus:
        while True:
            try:
                return await Bus.connect(self._bus_settings, f"gateway-{self.config.replica}", wait=5.0)
            except BusError as error:
                log.warning("bus.unreachable", detail=str(error))
            await asyncio.sleep(CONNECT_RETRY)

    async def _ensure(self) -> None:
        while True:
            try:
                await self.bus.ensure()
                return
            except TopologyConflict:
                raise
            except Exception as error:
                log.warning("bus.not_ready", errorType=type(error).__name__, detail=said(error))
            await asyncio.sleep(CONNECT_RETRY)

    def _build(self) -> None:
        config, loop = self.config, asyncio.get_running_loop()
        store = Store(self.bus)
        self._receipts = Receipts(self.bus)
        self._mirrors = mirrors = Mirrors(
            self.bus,
            config.replica,
            session_changed=self._session_changed,
            replica_changed=self._replica_changed,
            slot_changed=self._slot_changed,
            wanted_changed=self._wanted_changed,
            profile_changed=self._profile_changed,
        )
        replica = ReplicaRecord(config.replica, self.epoch, time.time(), list(config.operator_ids), VERSION)
        self._lease = ReplicaLease(
            store, replica, self.metrics, sole=config.sole, changed=self._lease_changed, clock=lease_clock
        )
        self._slots = SlotLeases(store, config.replica, self.epoch, self.metrics, sole=config.sole)
        resolver = Resolver(mirrors.profiles.get)
        view = SlotView(config.replica, mirrors.slots, mirrors.replicas, sole=config.sole)
        self._tools = OperatorTools(
            replica=config.replica,
            epoch=self.epoch,
            slot_tools=SlotTools(
                CountedCredentials(config.management, resolver).counted_in(self.metrics),
                config.timers,
                config.retries,
                self._lease.may_write,
            ),
            leases=Leases(self._lease, self._slots, view),
            sessions=mirrors.sessions,
            memory=Memory(loop.time()),
            metrics=self.metrics,
            receipts=self._receipts,
            changed=self._operator_changed,
            want=self._want,
            resolver=resolver,
        )
        self._desks: dict[str, Desk] = {}
        for operator_id in config.operator_ids:
            self._add_operator(operator_id, assigned=True)
        self._submissions = Submissions(self.bus, config.replica, self._desks)
        self._records = Records(store, config.replica, self.operators)
        self._tracing = Tracing(self.bus, config.replica, self.metrics, unmasked_allowed=config.trace_unmasked)
        self._control = Control(self.bus, store, config.replica, self.operators, self._tracing)
        neighbours = Neighbours(config.replica, self._slots, mirrors.sessions, mirrors.replicas)
        self._health = Health(self.bus, self.operators, neighbours, self.metrics)
        backups = Backups(config.operator_ids, self.operators, neighbours, self._open_backup, self._close_backup)
        self._failover = FailoverWatch(config.operator_ids, self.operators, neighbours, backups, config.failover)

    def _add_operator(self, operator_id: str, *, assigned: bool) -> None:
        operator = Operator(operator_id, self._tools, assigned=assigned)
        clock = asyncio.get_running_loop().time
        self.operators[operator_id] = operator
        self._desks[operator_id] = Desk(
            operator_id, self.epoch, operator.outbound, self._tools.memory, operator.metrics, clock
        )

    def _start_operator(self, operator_id: str) -> None:
        self.operators[operator_id].want(self._mirrors.wanted.get(operator_id))
        self.operators[operator_id].start()

    def _open_backup(self, operator_id: str) -> None:
        self._add_operator(operator_id, assigned=False)
        self._lease.serves(list(self.operators))
        self._start_operator(operator_id)

    async def _close_backup(self, operator_id: str) -> None:
        """Its desk stays, to answer for what was handed over."""
        await self.operators[operator_id].stop(self.config.timers.response)
        del self.operators[operator_id]
        self._lease.serves(list(self.operators))
        await self._records.remove(operator_id)

    # -- what changes

    def _operator_changed(self, operator_id: str) -> None:
        self._records.changed(operator_id)
        self._health.changed(operator_id)
        self._failover.changed(operator_id)

    def _session_changed(self, key: str) -> None:
        operator_id, _, replica = key.partition(".")
        operator = self.operators.get(operator_id)
        if operator is not None and replica != self.config.replica:
            operator.share_gate()
            self._health.changed(operator_id)
            self._failover.changed(operator_id)

    def _wanted_changed(self, operator_id: str) -> None:
        operator = self.operators.get(operator_id)
        if operator is not None:
            operator.want(self._mirrors.wanted.get(operator_id))

    def _profile_changed(self, key: str) -> None:
        """A profile of that name, or the operator's own; one that was missing so far may be anybody's."""
        for operator in self.operators.values():
            operator.profiles_changed()

    def _slot_changed(self, key: str) -> None:
        operator_id, _, slot = key.partition(".")
        if not slot.isdecimal():
            return
        keys = self._mirrors.slots
        self._slots.seen(operator_id, int(slot), keys.get(key), keys.revision(key))
        self._wake(operator_id)
        self._health.changed(operator_id)

    def _replica_changed(self, replica: str) -> None:
        """A replica that came, went or gave up operators."""
        for operator_id in self.operators:
            self._wake(operator_id)

    def _wake(self, operator_id: str) -> None:
        operator = self.operators.get(operator_id)
        if operator is not None:
            operator.wake()

    def _lease_changed(self) -> None:
        if not self._lease.may_write():
            self._slots.lose_all()
        for operator in self.operators.values():
            operator.wake()

    async def _want(self, operator_id: str, wanted: WantedRecord) -> None:
        """A wish of the gateway's own; where it cannot be written, it holds here until it can."""
        self.operators[operator_id].want(wanted)
        try:
            await self._control.want(operator_id, wanted)
        except StoreAway:
            log.error("wanted.not_written", operatorId=operator_id, wanted=wanted.wanted.value)

    async def _reconnected(self) -> None:
        """A server that lost its memory lost the bucket of the session records with it."""
        task = asyncio.create_task(self._ensure())
        self._side.add(task)
        task.add_done_callback(self._side.discard)
        for operator_id in self.operators:
            self._records.changed(operator_id)
