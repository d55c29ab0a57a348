"""Asks NATS and the gateways how operators stand: sessions, backlogs, workers that live."""

from __future__ import annotations

import asyncio
import contextlib
from datetime import datetime

import msgspec
import nats.errors
from nats.js.errors import Error as JetStreamError
from nats.js.errors import NotFoundError

from ghasi.bus import Bus, BusError, BusSettings
from ghasi.contracts import subjects
from ghasi.env import SettingsError
from ghasi.operators.live import live_now
from ghasi.overview.facts import Backlog, FromNats

CONNECT_WAIT = 2.0
"""Seconds: whoever looks at the page waits for it."""
ANSWER_WAIT = 1.0
LIST_WAIT = 5.0
AGES_AT_MOST = 100
"""Operators with a backlog of which the oldest command is looked up."""
_WORKER = "worker"
_NOT_FOUND = 404


class _Place(msgspec.Struct):
    stream_seq: int = 0
    last_active: datetime | None = None


class _Consumer(msgspec.Struct):
    """Of what the server says of a consumer."""

    name: str
    num_pending: int = 0
    num_ack_pending: int = 0
    ack_floor: _Place = msgspec.field(default_factory=_Place)


class _Error(msgspec.Struct):
    code: int = 0


class _Page(msgspec.Struct):
    """The server names so many consumers at once; `total` is of all."""

    consumers: list[_Consumer] | None = None
    total: int = 0
    error: _Error | None = None


def read() -> FromNats:
    """Connects, asks, closes. Never raises: what went wrong is `trouble`."""
    try:
        return asyncio.run(_read(BusSettings.from_env()))
    except (BusError, SettingsError) as error:
        return FromNats(trouble=str(error))


async def _read(settings: BusSettings) -> FromNats:
    bus = await Bus.connect(settings, name="overview", wait=CONNECT_WAIT)
    try:
        live, commands, receipts, workers = await asyncio.gather(
            live_now(bus), _commands(bus), _consumers(bus, subjects.SMPP_RECEIPTS), _workers(bus)
        )
    finally:
        await bus.close()
    prefix = subjects.receipt_durable("")
    ours = {one.name.removeprefix(prefix): one for one in receipts if one.name.startswith(prefix)}
    waiting = {operator_id: one.num_pending for operator_id, one in ours.items()}
    settled = {operator_id: at for operator_id, one in ours.items() if (at := one.ack_floor.last_active)}
    return FromNats(live, commands, waiting, settled, workers)


async def _commands(bus: Bus) -> dict[str, Backlog]:
    prefix = subjects.dispatch_durable("")
    found = [one for one in await _consumers(bus, subjects.SMS_DISPATCH) if one.name.startswith(prefix)]
    busy = [one for one in found if one.num_pending or one.num_ack_pending][:AGES_AT_MOST]
    stored = await asyncio.gather(*(_oldest(bus, one) for one in busy))
    ages = dict(zip((one.name for one in busy), stored, strict=True))
    return {
        one.name.removeprefix(prefix): Backlog(one.num_pending, one.num_ack_pending, ages.get(one.name))
        for one in found
    }


async def _consumers(bus: Bus, stream: str) -> list[_Consumer]:
    """Raises BusError; a stream nobody has made yet has none.

    Asked without nats-py, whose objects for a hundred consumers take longer than all the rest of the page's answers.
    """
    found: list[_Consumer] = []
    while True:
        wish = msgspec.json.encode({"offset": len(found)})
        page = _page(stream, await bus.request(f"$JS.API.CONSUMER.LIST.{stream}", wish, LIST_WAIT))
        found += page.consumers or []
        if not page.consumers or len(found) >= page.total:
            return found


def _page(stream: str, answer: bytes) -> _Page:
    try:
        page = msgspec.json.decode(answer, type=_Page)
    except msgspec.DecodeError:
        raise BusError(f"consumers of {stream}: not understood") from None
    if page.error is not None and page.error.code != _NOT_FOUND:
        raise BusError(f"consumers of {stream}: {page.error.code}")
    return page


async def _oldest(bus: Bus, consumer: _Consumer) -> datetime | None:
    """When the first command behind the ack floor was stored; None where the stream has no direct get."""
    operator_id = consumer.name.removeprefix(subjects.dispatch_durable(""))
    wish = {"seq": consumer.ack_floor.stream_seq + 1, "next_by_subj": subjects.dispatch(operator_id)}
    with contextlib.suppress(nats.errors.Error, TimeoutError, OSError, ValueError):
        answer = await bus.nc.request(
            f"$JS.API.DIRECT.GET.{subjects.SMS_DISPATCH}", msgspec.json.encode(wish), timeout=ANSWER_WAIT
        )
        stored = (answer.headers or {}).get("Nats-Time-Stamp")
        return datetime.fromisoformat(stored) if stored else None
    return None


async def _workers(bus: Bus) -> dict[str, int]:
    """Raises BusError."""
    counts = {"dispatch": 0, "receipts": 0}
    try:
        keys = await bus.bucket_keys(subjects.BUCKET_REPLICAS)
    except NotFoundError:
        return counts
    except (JetStreamError, nats.errors.Error, TimeoutError, OSError) as error:
        raise BusError(f"bucket {subjects.BUCKET_REPLICAS}: {type(error).__name__}") from None
    for key in keys:
        kind, _, rest = key.partition(".")
        pool = rest.partition(".")[0]
        if kind == _WORKER and pool in counts:
            counts[pool] += 1
    return counts
