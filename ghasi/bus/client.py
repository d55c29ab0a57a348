"""One NATS connection of a process, with what this product asks of it."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Iterable, Sequence

import nats.errors
from nats.aio.client import Client
from nats.js import JetStreamContext
from nats.js.api import ConsumerInfo
from nats.js.kv import KeyValue

from ghasi.bus import topology
from ghasi.bus.arrived import Arrived
from ghasi.bus.batch import BatchPublisher
from ghasi.bus.errors import BusError, BusTimeout, NoHolder
from ghasi.bus.lean_client import LeanClient
from ghasi.bus.pull import PullLane
from ghasi.bus.settings import BusSettings
from ghasi.bus.wire import Settlement, settlement
from ghasi.contracts.publication import Publication
from ghasi.contracts.topology import BUCKETS, STREAMS, Consumer
from ghasi.logs import get_logger
from ghasi.tasks import end_task

Hook = Callable[[], Awaitable[None]]
PUBLISH_TIMEOUT = 5.0
CLOSE_TIMEOUT = 3.0
CONSUMERS_A_PAGE = 256
"""As many as the server names at once."""

log = get_logger()


class Bus:
    """Made by `Bus.connect`; reconnects for ever; closed by `close`."""

    def __init__(self, settings: BusSettings, nc: LeanClient) -> None:
        self.settings = settings
        self.nc = nc
        self.js: JetStreamContext = nc.jetstream(timeout=PUBLISH_TIMEOUT)
        self.on_disconnect: Hook | None = None
        self.on_reconnect: Hook | None = None
        self._publisher = BatchPublisher(nc, PUBLISH_TIMEOUT)
        self._closing = False

    @classmethod
    async def connect(cls, settings: BusSettings, name: str, *, wait: float = 30.0) -> Bus:
        """Connects within `wait` seconds or raises BusError."""
        nc = LeanClient()
        bus = cls(settings, nc)

        tls, credentials = settings.tls_context(), settings.credentials()

        async def disconnected() -> None:
            _read_anew(settings, tls)
            if not nc.is_closed and not bus._closing:
                log.warning("bus.disconnected")
            if bus.on_disconnect is not None:
                await bus.on_disconnect()

        async def reconnected() -> None:
            log.info("bus.reconnected")
            if bus.on_reconnect is not None:
                await bus.on_reconnect()

        async def failed(error: Exception) -> None:
            if "permissions violation" in str(error).lower():
                log.error("bus.forbidden", detail=str(error)[:200])
            elif "auth" in str(error).lower():
                log.error("bus.not_let_in", detail=str(error)[:200])
            else:
                log.debug("bus.error", errorType=type(error).__name__)

        async def attempt() -> None:
            await nc.connect(
                servers=list(settings.urls),
                name=name,
                max_reconnect_attempts=-1,
                reconnect_time_wait=0.25,  # type: ignore[arg-type]  # it is slept, any number will do
                connect_timeout=2,
                ping_interval=5,
                max_outstanding_pings=2,
                pending_size=16 * 1024 * 1024,
                allow_reconnect=True,
                user_jwt_cb=credentials.jwt if credentials else None,
                signature_cb=credentials.sign if credentials else None,
                user=settings.user or None,
                password=settings.password(),
                inbox_prefix=settings.inbox_prefix,
                tls=tls,
                error_cb=failed,
                disconnected_cb=disconnected,
                reconnected_cb=reconnected,
            )

        attempting = asyncio.create_task(attempt())
        try:
            if not (await asyncio.wait({attempting}, timeout=wait))[0]:
                raise TimeoutError
            attempting.result()
        except (TimeoutError, OSError, nats.errors.Error) as error:
            await end_task(attempting)
            await _quietly_close(nc)
            raise BusError(f"NATS cannot be reached: {type(error).__name__}") from None
        finally:
            await end_task(attempting)
        return bus

    @property
    def connected(self) -> bool:
        return self.nc.is_connected

    @property
    def reconnects(self) -> int:
        """How often the connection has been made anew."""
        return self.nc.stats["reconnects"]

    @property
    def max_payload(self) -> int:
        """The server's limit in octets; nothing of ours exceeds half of it (docs/architecture.md)."""
        return self.nc.max_payload

    async def ensure(self, *, streams: bool = True, buckets: bool = True) -> None:
        """Creates what is missing. Raises TopologyConflict where a stream cannot serve or be made, BusError where it
        could be later."""
        if streams:
            for stream in STREAMS:
                await topology.ensure_stream(self.js, stream, self.settings.stream_max_bytes, self.settings.replicas)
        if buckets:
            for bucket in BUCKETS:
                await topology.ensure_bucket(self.js, bucket, self.settings.replicas)

    async def ensure_consumer(self, consumer: Consumer) -> ConsumerInfo:
        return await topology.ensure_consumer(self.js, consumer)

    async def pull(self, consumer: Consumer) -> PullLane:
        """A started lane over a durable that exists."""
        return await PullLane(self.nc, consumer).start()

    async def bucket(self, name: str) -> KeyValue:
        return await self.js.key_value(name)

    async def publish(self, publication: Publication) -> int:
        """Waits for the PubAck; returns the stream sequence. Raises PublishFailed or BusTimeout."""
        return await self._publisher.single(publication)

    async def publish_many(self, publications: Sequence[Publication]) -> None:
        """Waits until all are stored; raises PublishFailed or BusTimeout, then any part may be stored."""
        if publications:
            await self._publisher.publish(publications)

    async def settle(self, deliveries: Iterable[Arrived], kind: Settlement, delay: float | None = None) -> None:
        """Answers deliveries in one write; what is given back comes again after `delay` seconds. Nothing says that
        it arrived: what is lost comes again, whatever was said. Raises BusError."""
        messages = [settlement(one.reply, kind, delay) for one in deliveries]
        if not messages:
            return
        try:
            await self.nc.write(messages)
        except (nats.errors.Error, OSError) as error:
            raise BusError(type(error).__name__) from None

    async def settle_surely(self, delivery: Arrived, timeout: float) -> None:
        """Acknowledges and waits until the server has it. Raises BusError."""
        try:
            await self.nc.request(delivery.reply, Settlement.DONE.value, timeout=timeout)
        except (nats.errors.Error, OSError, TimeoutError) as error:
            raise BusError(type(error).__name__) from None

    async def bucket_keys(self, bucket: str, pattern: str = ">") -> list[str]:
        """Keys of a bucket as its stream names them: nats-py's `KeyValue.keys()` is empty at times, when its
        consumer's messages are still on their way as it asks whether there are any. Raises as nats-py does."""
        prefix = f"$KV.{bucket}."
        info = await self.js.stream_info(f"KV_{bucket}", subjects_filter=prefix + pattern)
        return [subject.removeprefix(prefix) for subject in info.state.subjects or {}]

    async def consumers(self, stream: str) -> list[ConsumerInfo]:
        """All consumers of a stream, page by page. Raises as nats-py does."""
        found: list[ConsumerInfo] = []
        while page := await self.js.consumers_info(stream, offset=len(found)):
            found += page
            if len(page) < CONSUMERS_A_PAGE:
                break
        return found

    async def request(self, subject: str, payload: bytes, timeout: float) -> bytes:
        """One answer; raises NoHolder when nobody listens, BusTimeout when no answer came, BusError else."""
        try:
            reply = await self.nc.request(subject, payload, timeout=timeout)
        except nats.errors.NoRespondersError:
            raise NoHolder(subject) from None
        except (TimeoutError, nats.errors.TimeoutError):
            raise BusTimeout(subject) from None
        except (nats.errors.Error, OSError) as error:
            raise BusError(type(error).__name__) from None
        return reply.data

    async def flush(self, timeout: float = 2.0) -> None:
        """Returns when the server has read everything written so far; raises BusError."""
        try:
            await self.nc.flush(timeout=int(timeout) or 1)
        except (TimeoutError, nats.errors.Error, OSError) as error:
            raise BusError(type(error).__name__) from None

    async def close(self) -> None:
        """Flush and close. Never `drain()`: after empty pulls it hangs for its whole timeout."""
        self._closing = True
        try:
            await self.flush()
        except BusError:
            pass
        await _quietly_close(self.nc)


def _read_anew(settings: BusSettings, tls: ssl.SSLContext | None) -> None:
    """Certificates may have been rotated since the last connection."""
    if tls is None:
        return
    try:
        settings.load_files(tls)
    except OSError as error:  # ssl.SSLError is one
        log.error("bus.tls_unreadable", errorType=type(error).__name__)


async def _quietly_close(nc: Client) -> None:
    try:
        await asyncio.wait_for(nc.close(), CLOSE_TIMEOUT)
    except (TimeoutError, nats.errors.Error, OSError):
        pass
