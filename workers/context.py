"""What all lanes of a dispatch process share."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from ghasi.bus import Bus, BusError, Publication
from ghasi.logs import get_logger
from workers.broker.works import WorkQueue
from workers.config import WorkerConfig
from workers.gateway_client import GatewayClient
from workers.holders import Holders
from workers.throttle import Throttle

log = get_logger()
PUBLISH_RETRY = (0.2, 0.5, 1.0, 2.0, 5.0)

Sleep = Callable[[float], Awaitable[None]]


def utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(slots=True)
class Context:
    """Made once by the pool; `jitter` gives numbers of 0 to 1."""

    config: WorkerConfig
    bus: Bus
    works: WorkQueue
    holders: Holders
    gateway: GatewayClient
    throttle: Throttle
    sleep: Sleep
    jitter: Callable[[], float] = field(default=random.random)

    async def publish(self, publications: list[Publication]) -> None:
        """Until they are stored: what is to be published stands in the ledger already, and a repeat is dropped
        by its message id."""
        tries = 0
        while publications:
            try:
                await self.bus.publish_many(publications)
                return
            except BusError as error:
                delay = PUBLISH_RETRY[min(tries, len(PUBLISH_RETRY) - 1)]
                tries += 1
                log.warning("publish.retried", count=len(publications), detail=str(error), retryIn=delay)
                await self.sleep(delay)
