"""The two pools: what Dramatiq's queues "dispatch" and "receipts" run on."""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack
from functools import partial
from typing import TYPE_CHECKING

import nats.errors

from ghasi.bus import Bus, BusError
from ghasi.contracts import timers, topology
from ghasi.logs import get_logger
from ghasi.redis_settings import RedisSettings
from ghasi.tasks import end_task, lasting
from ghasi.telemetry import TRACES
from workers.accounting import Accounting
from workers.backups import Backups
from workers.broker.works import WorkQueue
from workers.chores import Chores
from workers.config import WorkerConfig
from workers.context import Context
from workers.gateway_client import GatewayClient
from workers.holders import Holders
from workers.lane import Lane
from workers.metrics import begin_dispatch, begin_process, begin_receipts
from workers.minute_keeper import MinuteKeeper
from workers.presence import Presence
from workers.profile_keeper import ProfileKeeper
from workers.receipt_lane import ReceiptLane
from workers.receipt_lanes import ReceiptLanes
from workers.strays import Strays
from workers.throttle import Throttle
from workers.upkeep_runner import UpkeepRunner

if TYPE_CHECKING:
    from redis.asyncio import Redis, RedisCluster

RENEW_EVERY = timers.ACK_WAIT / 6
RENEW_AFTER = timers.ACK_WAIT / 4

log = get_logger()


async def _renew_for_ever(lanes: list[Lane] | list[ReceiptLane]) -> None:
    """In-progress for every delivery not settled, however long its operator makes it wait."""
    loop = asyncio.get_running_loop()
    while True:
        await asyncio.sleep(RENEW_EVERY)
        for lane in lanes:
            try:
                await lane.renew(loop.time() - RENEW_AFTER)
            except (BusError, nats.errors.Error, OSError) as error:
                log.warning("lane.not_renewed", operatorId=lane.operator_id, errorType=type(error).__name__)


class DispatchPool:
    """Lanes from SMS_DISPATCH to the gateways."""

    def __init__(self, works: WorkQueue, config: WorkerConfig) -> None:
        self._works = works
        self._config = config
        self._lanes: list[Lane] = []
        self._renewing: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Raises BusError while NATS cannot be reached, TopologyConflict; nothing of it is left running then."""
        async with AsyncExitStack() as undo:
            await self._start(undo)
            undo.pop_all()

    async def _start(self, undo: AsyncExitStack) -> None:
        config = self._config
        self._bus = await Bus.connect(config.bus, "workers-dispatch")
        undo.push_async_callback(self._bus.close)
        await self._bus.ensure()
        self._presence = Presence(self._bus, "dispatch", config.operator_ids)
        undo.push_async_callback(self._presence.stop)
        await self._presence.start()
        self._redis = _redis(config)
        self._holders = Holders(time.monotonic)
        undo.push_async_callback(self._holders.stop)
        await self._holders.start(self._bus)
        context = Context(
            config=config,
            bus=self._bus,
            works=self._works,
            holders=self._holders,
            gateway=GatewayClient(self._bus),
            throttle=Throttle(self._redis, config.redis_cluster, lambda: self._presence.live),
            sleep=asyncio.sleep,
        )
        self._lanes = [Lane(context, operator_id) for operator_id in config.operator_ids]
        begin_process()
        for operator_id in config.operator_ids:
            begin_dispatch(operator_id)
        for lane in self._lanes:
            await lane.start()
            undo.push_async_callback(lane.stop, 0.0)
        self._renewing = lasting(partial(_renew_for_ever, self._lanes), "renew")
        consumers = [topology.dispatch_consumer(one) for one in config.operator_ids]
        self._accounting = Accounting(
            self._bus, self._works, self._presence, config.operator_ids, config.retention_days
        )
        self._accounting.start()
        self._chores = Chores(self._bus, self._presence, "dispatch", consumers, self._accounting)
        self._chores.start()
        self._minutes = MinuteKeeper(self._works)
        self._minutes.start()
        log.info("pool.started", queue="dispatch", lanes=len(self._lanes))

    async def stop(self, deadline: float) -> None:
        log.info("pool.stopping", queue="dispatch")
        await self._chores.stop()
        await self._accounting.stop()
        await asyncio.gather(*(lane.stop(deadline) for lane in self._lanes))
        await self._minutes.stop()
        await end_task(self._renewing)
        await self._holders.stop()
        await self._presence.stop()
        await self._redis.aclose()
        await self._bus.close()
        await asyncio.to_thread(TRACES.stop)
        log.info("pool.stopped", queue="dispatch")


class ReceiptsPool:
    """Lanes from SMPP_RECEIPTS to the ledger and the platform, and the ledger's upkeep."""

    def __init__(self, works: WorkQueue, config: WorkerConfig) -> None:
        self._works = works
        self._config = config
        self._renewing: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Raises BusError while NATS cannot be reached, TopologyConflict; nothing of it is left running then."""
        async with AsyncExitStack() as undo:
            await self._start(undo)
            undo.pop_all()

    async def _start(self, undo: AsyncExitStack) -> None:
        config = self._config
        self._bus = await Bus.connect(config.bus, "workers-receipts")
        undo.push_async_callback(self._bus.close)
        await self._bus.ensure()
        self._presence = Presence(self._bus, "receipts", config.operator_ids)
        undo.push_async_callback(self._presence.stop)
        await self._presence.start()
        self._holders = Holders(time.monotonic)
        undo.push_async_callback(self._holders.stop)
        await self._holders.start(self._bus)
        self._lanes = ReceiptLanes(self._bus, self._works, self._holders)
        undo.push_async_callback(self._lanes.stop, 0.0)
        begin_process()
        for operator_id in config.operator_ids:
            begin_receipts(operator_id)
            await self._lanes.open(operator_id)
        self._renewing = lasting(partial(_renew_for_ever, self._lanes.running), "renew")
        self._chores = Chores(self._bus, self._presence, "receipts", self._lanes.consumers)
        self._chores.start()
        self._backups = Backups(self._holders, config.operator_ids, self._lanes.open)
        self._backups.start()
        self._strays = Strays(self._bus, self._presence, self._lanes)
        self._strays.start()
        self._upkeep = UpkeepRunner(
            self._bus, self._works, self._presence, config.retention_days, self._holders.everyone
        )
        self._upkeep.start()
        self._profiles = ProfileKeeper(self._bus, self._works, self._presence)
        self._profiles.start()
        self._minutes = MinuteKeeper(self._works)
        self._minutes.start()
        log.info("pool.started", queue="receipts", lanes=len(self._lanes.running))

    async def stop(self, deadline: float) -> None:
        log.info("pool.stopping", queue="receipts")
        await self._strays.stop()
        await self._backups.stop()
        await self._upkeep.stop()
        await self._profiles.stop()
        await self._chores.stop()
        await self._lanes.stop(deadline)
        await self._minutes.stop()
        await end_task(self._renewing)
        await self._holders.stop()
        await self._presence.stop()
        await self._bus.close()
        await asyncio.to_thread(TRACES.stop)
        log.info("pool.stopped", queue="receipts")


def _redis(config: WorkerConfig) -> Redis | RedisCluster:
    settings = config.redis or RedisSettings(config.redis_url)
    if config.redis_cluster:
        return settings.connect_cluster(socket_timeout=1.0)
    return settings.connect(socket_timeout=1.0, socket_connect_timeout=1.0)
