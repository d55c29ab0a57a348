"""Takes one operator's commands in: pulled as there is room, checked, put on the shelf, or buried."""

from __future__ import annotations

import asyncio

from ghasi import crash
from ghasi.bus import Arrived, PullLane, Settlement
from ghasi.contracts import topology
from ghasi.contracts.commands import Refused
from ghasi.logs import get_logger
from ghasi.tasks import SideTasks, wait_event
from workers.context import Context, utc_now
from workers.dead_letters import DeadLetters
from workers.delivery import Delivery, given_back
from workers.hands import Hands
from workers.outgoing import take
from workers.route import Route
from workers.shelf import Shelf

log = get_logger()

FETCH_TIMEOUT = 5.0
IDLE_TICK = 0.5
RULES_RETRY = 10.0
"""Seconds until a command is looked at again that plain rules refuse, while its operator's own are not known."""


class Intake:
    """`freed` is set when a command has left the shelf: then there is room again."""

    def __init__(
        self, context: Context, route: Route, shelf: Shelf, hands: Hands, side: SideTasks, freed: asyncio.Event
    ) -> None:
        self._context = context
        self._route = route
        self._shelf = shelf
        self._hands = hands
        self._side = side
        self._freed = freed
        self._consumer = topology.dispatch_consumer(route.operator_id)
        self._dead = DeadLetters(context, route.operator_id)
        self._burials = 0
        self._pull: PullLane | None = None

    async def start(self) -> None:
        """Raises BusError or TopologyConflict."""
        await self._context.bus.ensure_consumer(self._consumer)
        self._pull = await self._context.bus.pull(self._consumer)

    async def take(self, room: int) -> int:
        """Pulls up to `room` commands; how many came. Returns at the latest after FETCH_TIMEOUT."""
        room -= self._burials
        if room <= 0 or self._pull is None or self._route.stuck():
            self._freed.clear()
            await wait_event(self._freed, IDLE_TICK)
            return 0
        messages = await self._pull.fetch(room, FETCH_TIMEOUT)
        if messages:
            crash.point("dispatch.fetched")
        if messages and self._route.stuck():
            # Said while they were on their way.
            await self._context.bus.settle(messages, Settlement.GIVEN_BACK)
            return 0
        for message in messages:
            self._take(message)
        if self._pull.missing:
            await self._context.bus.ensure_consumer(self._consumer)
        return len(messages)

    def _take(self, message: Arrived) -> None:
        operator_id = self._route.operator_id
        delivery = Delivery(self._context.bus, message, asyncio.get_running_loop().time())
        self._hands.hold(delivery)
        try:
            # By its own operator's rules: only what these refuse can never be sent, whoever carries for it now.
            rules = self._route.rules_of(operator_id)
            outgoing = take(delivery, operator_id, rules, utc_now(), self._context.config.retention_days)
        except Refused as refused:
            if refused.by_rules and not self._route.known():
                self._side.spawn(self._until_known(delivery))
            else:
                self._side.spawn(self.bury(delivery, refused))
        except Exception:
            # A fault of ours: it lapses and holds up nobody behind it.
            self._hands.lapse(delivery)
            log.exception("lane.not_taken", operatorId=operator_id, streamSeq=delivery.sequence)
        else:
            self._shelf.put(outgoing)

    async def _until_known(self, delivery: Delivery) -> None:
        """Its operator's own rules may take what plain ones refuse: it waits on the stream until they are known."""
        try:
            await delivery.release(RULES_RETRY)
        finally:
            self._freed.set()

    async def bury(self, delivery: Delivery, refused: Refused) -> None:
        """To SMPP_DEAD; what a fault of ours keeps from there lapses and comes again."""
        self._burials += 1
        try:
            await self._dead.bury(delivery, refused)
        except Exception:
            self._hands.lapse(delivery)
            raise
        finally:
            self._burials -= 1
            self._freed.set()

    async def stop(self) -> None:
        """What was pulled and not taken goes back at once."""
        if self._pull is not None:
            await given_back(self._route.operator_id, self._give_back(self._pull))

    async def _give_back(self, pull: PullLane) -> None:
        await self._context.bus.settle(await pull.stop(), Settlement.GIVEN_BACK)
