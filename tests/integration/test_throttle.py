"""workers.throttle on a real Valkey: the limit over all processes, in every sliding second."""

from __future__ import annotations

import asyncio
import bisect
import itertools
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from uuid import uuid4

import pytest
import redis.asyncio as aioredis

from ghasi.devstack.servers import Servers
from tests.support.pauses import undisturbed, witness
from workers import metrics
from workers.throttle import CALL_TIMEOUT, Booking, Throttle, _Operator

SPAN = 1.02
PAUSE = 0.3
"""Seconds; bookings reach further ahead than this, so that shorter pauses of the machine change no rate."""
PATIENCE = 60.0


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """A server that lives is waited for, however long the machine stands still; a test that takes it away says from
    when on the product's own patience counts."""

    def wait_for(seconds: float) -> None:
        monkeypatch.setattr("workers.throttle.CALL_TIMEOUT", seconds)

    wait_for(PATIENCE)
    return wait_for


class Recording(Throttle):
    """Notes on the server's clock when each PDU booked leaves: exact, whatever the test machine does."""

    def __init__(self, *arguments: object) -> None:
        super().__init__(*arguments)  # type: ignore[arg-type]
        self.leaves: list[float] = []

    def _booking(self, operator: _Operator, answer: list[int]) -> Booking:
        for window, count in zip(answer[4::2], answer[5::2], strict=True):
            self.leaves += [max(window / 100, answer[0] / 1e6)] * count
        return super()._booking(operator, answer)


@pytest.fixture
async def connect(redis_url: str) -> AsyncIterator[Callable[..., Recording]]:
    """Throttles with connections of their own, on a server that has been in use for longer than a pause."""
    async with AsyncExitStack() as stack:

        def make(url: str = redis_url, cluster: bool = False, live: int = 1) -> Recording:
            redis = aioredis.Redis.from_url(url)
            stack.push_async_callback(redis.aclose)
            return Recording(redis, cluster, lambda: live)

        await settled(make(), str(uuid4()))
        yield make


async def settled(throttle: Throttle, operator: str) -> Booking:
    """The first booking after any pause."""
    while True:
        booking = await throttle.book(operator, 1000, 1)
        if booking.delays:
            return booking
        await asyncio.sleep(booking.retry_after)


async def greedy(throttle: Recording, operator: str, limit: int, n: int, until: float) -> None:
    while time.monotonic() < until:
        booking = await throttle.book(operator, limit, n)
        assert list(booking.delays) == sorted(booking.delays)
        assert all(0 <= delay <= 1 for delay in booking.delays)
        assert (booking.retry_after > 0) == (len(booking.delays) < n)
        if booking.retry_after:
            await asyncio.sleep(booking.retry_after)


def worst(leaves: list[float], span: float) -> int:
    """The most PDUs that any half-open span starting at a PDU holds."""
    return max(bisect.bisect_left(leaves, start + span) - index for index, start in enumerate(leaves))


def fresh(throttles: list[Recording]) -> str:
    """An operator for which nobody booked yet; what was recorded for others is forgotten."""
    for throttle in throttles:
        throttle.leaves.clear()
    return str(uuid4())


def merged(throttles: list[Recording]) -> list[float]:
    return sorted(leave for throttle in throttles for leave in throttle.leaves)


@pytest.mark.parametrize(
    ("limit", "n", "mean"), [(100, 5, 97.0), (100, 130, 97.0), (1000, 50, 970.0), (7, 3, 6.7), (1, 1, 0.95)]
)
async def test_four_greedy_processes_share_the_limit(
    connect: Callable[..., Recording], limit: int, n: int, mean: float
) -> None:
    throttles = [connect() for _ in range(4)]

    async def measured() -> list[float]:
        operator, until = fresh(throttles), time.monotonic() + 5
        await asyncio.gather(*(greedy(throttle, operator, limit, n, until) for throttle in throttles))
        assert worst(merged(throttles), 1.01) <= limit
        return merged(throttles)

    leaves = await undisturbed(measured, PAUSE, connect()._redis.ping)
    assert (len(leaves) - 1) / (leaves[-1] - leaves[0]) >= mean


async def test_a_backlog_leaves_evenly(connect: Callable[..., Recording]) -> None:
    throttles = [connect() for _ in range(2)]

    async def measured() -> list[float]:
        operator, until = fresh(throttles), time.monotonic() + 3
        await asyncio.gather(*(greedy(each, operator, 100, 5, until) for each in throttles))
        return merged(throttles)

    leaves = await undisturbed(measured, PAUSE, connect()._redis.ping)
    steady = [leave for leave in leaves if leave > leaves[0] + 1.1]
    assert worst(steady, 0.0999) <= 11


async def test_what_comes_after_a_silence_leaves_at_once(connect: Callable[..., Recording]) -> None:
    throttle, operator = connect(), str(uuid4())
    first = await throttle.book(operator, 30, 20)
    second = await throttle.book(operator, 30, 20)
    assert first.delays == (0.0,) * 20
    assert second.delays[:10] == (0.0,) * 10
    # What is booked ahead for the first window after the span, where it has come near enough by now.
    assert worst(throttle.leaves, 1.01) <= 30
    assert (0 < second.retry_after < SPAN) == (len(second.delays) < 20)


async def test_first_come_first_served(connect: Callable[..., Recording]) -> None:
    early, late, operator = connect(), connect(), str(uuid4())
    assert len((await early.book(operator, 100, 100)).delays) == 100
    await asyncio.sleep(0.3)
    ahead = await early.book(operator, 100, 25)
    behind = await late.book(operator, 100, 5)
    assert len(ahead.delays) == 25
    assert behind.delays
    assert late.leaves[0] >= early.leaves[-1]


async def test_a_message_of_more_parts_than_the_limit_gets_its_parts_in_order(
    connect: Callable[..., Recording],
) -> None:
    throttle, operator, left = connect(), str(uuid4()), 5
    while left:
        booking = await throttle.book(operator, 1, left)
        left -= len(booking.delays)
        await asyncio.sleep(booking.retry_after)
    assert throttle.leaves == sorted(throttle.leaves)
    assert worst(throttle.leaves, 1.01) == 1
    assert throttle.leaves[-1] - throttle.leaves[0] < 5 * 2 * SPAN


@pytest.mark.parametrize("cluster", [False, True])
async def test_windows_stand_under_the_names_of_the_contract(
    connect: Callable[..., Recording], redis_url: str, cluster: bool
) -> None:
    throttle, operator = connect(cluster=cluster), str(uuid4())
    while not (await throttle.book(operator, 100, 7)).delays:
        await asyncio.sleep(0.05)
    marked = f"{{{operator}}}" if cluster else operator
    async with aioredis.Redis.from_url(redis_url) as redis:
        names = [name.decode() async for name in redis.scan_iter(f"tps:{marked}:*".replace("{", "[{]"))]
        values = [await redis.get(name) for name in names]
        until = [await redis.pexpiretime(name) / 1000 for name in names]
    assert [name.rpartition(":")[0] for name in names] == [f"tps:{marked}"]
    assert int(names[0].rpartition(":")[2]) % 10 == 0
    assert values == [b"7"]
    assert 2.99 < until[0] - throttle.leaves[0] < 3.01


async def test_operators_do_not_disturb_each_other(connect: Callable[..., Recording]) -> None:
    throttle = connect()
    assert len((await throttle.book(str(uuid4()), 10, 10)).delays) == 10
    assert (await throttle.book(str(uuid4()), 10, 10)).delays == (0.0,) * 10


async def test_a_lower_limit_counts_at_once(connect: Callable[..., Recording]) -> None:
    throttle, operator = connect(), str(uuid4())
    await throttle.book(operator, 100, 50)
    while not (booking := await throttle.book(operator, 10, 1)).delays:
        await asyncio.sleep(booking.retry_after)
    assert throttle.leaves[50] - throttle.leaves[49] > 1.01


@pytest.mark.parametrize(("limit", "n"), [(0, 1), (-5, 1), (10, 0)])
async def test_an_unknown_limit_is_refused(connect: Callable[..., Recording], limit: int, n: int) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        await connect().book(str(uuid4()), limit, n)


async def test_a_server_that_came_back_empty_costs_a_pause_and_nothing_else(
    own_servers: Callable[..., Servers], connect: Callable[..., Recording]
) -> None:
    url = own_servers(only=["valkey"]).redis_url
    throttles = [connect(url) for _ in range(4)]

    async def measured() -> list[float]:
        operator, until = fresh(throttles), time.monotonic() + 5
        tasks = [asyncio.create_task(greedy(throttle, operator, 100, 5, until)) for throttle in throttles]
        await asyncio.sleep(2.5)
        async with aioredis.Redis.from_url(url) as redis:
            await redis.flushall()
        await asyncio.gather(*tasks)
        assert worst(merged(throttles), 1.01) <= 100
        return merged(throttles)

    leaves = await undisturbed(measured, PAUSE, connect(url)._redis.ping)
    gaps = [after - before for before, after in itertools.pairwise(leaves)]
    assert 0.9 < max(gaps) < 2.2
    assert leaves[-1] - leaves[0] > 4


async def test_a_process_that_knows_nothing_waits_too_after_the_server_lost_its_windows(
    own_servers: Callable[..., Servers], connect: Callable[..., Recording]
) -> None:
    url = own_servers(only=["valkey"]).redis_url
    busy, idle, operator = connect(url), connect(url), str(uuid4())
    await settled(busy, str(uuid4()))
    await busy.book(operator, 10, 10)
    async with aioredis.Redis.from_url(url) as redis:
        await redis.flushall()
    refused = await idle.book(operator, 10, 10)
    assert refused.delays == ()
    assert 0.9 < refused.retry_after <= SPAN + 0.001


async def test_windows_lost_alone_are_noticed_by_who_booked_them(
    own_servers: Callable[..., Servers], connect: Callable[..., Recording]
) -> None:
    """A replica that lagged takes over: the mark is there, the last bookings are not."""
    url = own_servers(only=["valkey"]).redis_url
    throttle, operator = connect(url), str(uuid4())
    await settled(throttle, str(uuid4()))
    await throttle.book(operator, 10, 10)
    async with aioredis.Redis.from_url(url) as redis:
        await redis.delete(*[name async for name in redis.scan_iter(f"tps*{operator}*")])
    refused = await throttle.book(operator, 10, 10)
    assert (refused.delays, refused.paused) == ((), True)
    while not (booking := await throttle.book(operator, 10, 10)).delays:
        await asyncio.sleep(booking.retry_after)
    assert len(booking.delays) == 10
    assert worst(throttle.leaves[-20:], 1.01) == 10


async def test_a_clock_that_went_back_does_not_stop_the_operator(
    own_servers: Callable[..., Servers], connect: Callable[..., Recording]
) -> None:
    url = own_servers(only=["valkey"]).redis_url
    throttle, operator = connect(url), str(uuid4())
    await settled(throttle, str(uuid4()))
    ahead_ms = int(time.time() * 1000) + 3_600_000
    async with aioredis.Redis.from_url(url) as redis:
        await redis.set(f"tps-tail:{operator}", f"{ahead_ms // 10} 10 {ahead_ms // 10}")
        await redis.set("tps-hold", ahead_ms)
    refused = await throttle.book(operator, 10, 10)
    assert refused.delays == ()
    assert refused.retry_after <= SPAN + 0.001
    await asyncio.sleep(refused.retry_after)
    assert len((await throttle.book(operator, 10, 10)).delays) == 10


async def test_a_dead_server_means_the_share_of_this_process_and_back_again(
    own_servers: Callable[..., Servers], connect: Callable[..., Recording], patience: Callable[[float], None]
) -> None:
    servers = own_servers(only=["valkey"])
    throttle, operator = connect(servers.redis_url, live=4), str(uuid4())
    share = metrics.tps_local_share.labels(operator)._value
    await settled(throttle, operator)
    servers.valkey.kill()
    patience(CALL_TIMEOUT)
    lost = await throttle.book(operator, 100, 30)
    assert (lost.delays, lost.paused) == ((), True)
    assert 0.9 < lost.retry_after <= 2 * SPAN
    assert throttle.on_local_share(operator)
    assert share.get() == 1
    await asyncio.sleep(lost.retry_after)
    local = await throttle.book(operator, 100, 30)
    assert len(local.delays) == 25
    assert local.retry_after > 0
    await asyncio.to_thread(servers.valkey.start)
    patience(PATIENCE)
    async with witness() as still:
        began = time.monotonic()
        while throttle.on_local_share(operator):
            pause = await throttle.book(operator, 100, 1)
            await asyncio.sleep(0.02)
        took = time.monotonic() - began
    assert took - still.total < 2
    assert share.get() == 0
    assert pause.delays == ()
    assert pause.retry_after <= 2 * SPAN
    throttle.leaves.clear()
    assert (await settled(throttle, operator)).delays
    assert throttle.leaves


async def test_a_server_that_takes_no_writes_is_as_good_as_away(
    own_servers: Callable[..., Servers], connect: Callable[..., Recording]
) -> None:
    servers = own_servers(only=["valkey"])
    throttle, operator = connect(servers.redis_url, live=2), str(uuid4())
    await settled(throttle, operator)
    async with aioredis.Redis.from_url(servers.redis_url) as redis:
        await redis.config_set("maxmemory", 1)
        lost = await throttle.book(operator, 10, 10)
        assert (lost.delays, lost.paused) == ((), True)
        await asyncio.sleep(lost.retry_after)
        assert len((await throttle.book(operator, 10, 10)).delays) == 5
        assert throttle.on_local_share(operator)
        await redis.config_set("maxmemory", 0)
    async with asyncio.timeout(PATIENCE):
        while throttle.on_local_share(operator):
            await throttle.book(operator, 10, 1)
            await asyncio.sleep(0.02)
    assert (await settled(throttle, operator)).delays


async def test_a_server_that_hangs_is_as_good_as_away(
    own_servers: Callable[..., Servers], connect: Callable[..., Recording], patience: Callable[[float], None]
) -> None:
    servers = own_servers(only=["valkey"])
    throttle, operator = connect(servers.redis_url, live=2), str(uuid4())
    await settled(throttle, operator)
    servers.valkey.pause()
    patience(CALL_TIMEOUT)
    async with witness() as still:
        began = time.monotonic()
        lost = await throttle.book(operator, 10, 10)
        took = time.monotonic() - began
    assert took - still.total < 2
    assert lost.delays == ()
    await asyncio.sleep(lost.retry_after)
    assert len((await throttle.book(operator, 10, 10)).delays) == 5
    servers.valkey.resume()


async def test_a_server_that_forgot_the_script_gets_it_again(
    connect: Callable[..., Recording], redis_url: str
) -> None:
    throttle, operator = connect(), str(uuid4())
    await throttle.book(operator, 10, 1)
    async with aioredis.Redis.from_url(redis_url) as redis:
        await redis.script_flush()
    assert len((await throttle.book(operator, 10, 1)).delays) == 1
    assert not throttle.on_local_share(operator)


# --- the rate an operator takes


@pytest.fixture
def no_recovery(monkeypatch: pytest.MonkeyPatch) -> None:
    """A lower rate stays what it is while the test lasts."""
    monkeypatch.setattr("workers.throttle.pace.RECOVERY_MS", 10**9)


@pytest.mark.usefixtures("no_recovery")
async def test_one_round_of_throttling_lowers_the_rate_of_all_processes_once(
    connect: Callable[..., Recording],
) -> None:
    one, other, operator = connect(), connect(), str(uuid4())
    mark = (await one.book(operator, 100, 1)).mark
    assert mark == (await other.book(operator, 100, 1)).mark == 0
    await asyncio.gather(*(each.slow(operator, 100, mark) for each in (one, other, one, other)))
    assert one.effective(operator, 100) == 70
    later = await other.book(operator, 100, 1)
    assert other.effective(operator, 100) == 70
    assert later.mark > 0
    await one.slow(operator, 100, later.mark)
    await other.slow(operator, 100, later.mark)
    assert (await other.book(operator, 100, 1)).mark > later.mark
    assert one.effective(operator, 100) == 49


@pytest.mark.usefixtures("no_recovery")
async def test_the_slowest_is_one_a_second(connect: Callable[..., Recording]) -> None:
    throttle, operator, mark = connect(), str(uuid4()), 0
    for _ in range(20):
        await throttle.slow(operator, 50, mark)
        mark = (await throttle.book(operator, 50, 1)).mark
    assert throttle.effective(operator, 50) == 1


async def test_four_greedy_processes_keep_the_lower_rate_and_it_comes_back(
    connect: Callable[..., Recording], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The limit holds in every span whatever the rate does, and what is lowered is lowered for all of them."""
    monkeypatch.setattr("workers.throttle.pace.RECOVERY_MS", 8_000)
    throttles = [connect() for _ in range(4)]

    async def measured() -> list[float]:
        operator, until = fresh(throttles), time.monotonic() + 6
        tasks = [asyncio.create_task(greedy(each, operator, 100, 5, until)) for each in throttles]
        await asyncio.sleep(1.2)
        for _ in range(3):
            mark = (await throttles[0].book(operator, 100, 1)).mark
            await asyncio.gather(*(each.slow(operator, 100, mark) for each in throttles))
        await asyncio.gather(*tasks)
        assert worst(merged(throttles), 1.01) <= 100
        return merged(throttles)

    leaves = await undisturbed(measured, PAUSE, connect()._redis.ping)
    first = leaves[0]
    slow = [leave for leave in leaves if first + 2.4 <= leave < first + 3.4]
    fast = [leave for leave in leaves if first + 5.0 <= leave < first + 6.0]
    assert 24 <= len(slow) <= 70
    assert len(fast) >= len(slow) + 15


async def test_a_lower_rate_is_kept_where_the_contract_says(
    connect: Callable[..., Recording], redis_url: str
) -> None:
    throttle, operator = connect(), str(uuid4())
    await throttle.slow(operator, 100, 0)
    async with aioredis.Redis.from_url(redis_url) as redis:
        value = await redis.get(f"tps-rate:{operator}")
        kept = await redis.pttl(f"tps-rate:{operator}")
    rate, mark = value.decode().split()
    assert float(rate) == pytest.approx(70)
    assert abs(int(mark) - time.time() * 1000) < 5_000
    assert 90_000 < kept <= 100_000


@pytest.mark.usefixtures("no_recovery")
async def test_a_process_without_its_server_slows_down_by_itself(
    own_servers: Callable[..., Servers], connect: Callable[..., Recording], patience: Callable[[float], None]
) -> None:
    servers = own_servers(only=["valkey"])
    throttle, operator = connect(servers.redis_url, live=1), str(uuid4())
    await settled(throttle, operator)
    servers.valkey.kill()
    patience(CALL_TIMEOUT)
    lost = await throttle.book(operator, 100, 30)
    await asyncio.sleep(lost.retry_after)
    booked = await throttle.book(operator, 100, 100)
    assert len(booked.delays) == 100
    for _ in range(3):
        await throttle.slow(operator, 100, booked.mark)
    assert throttle.effective(operator, 100) == 70
    await asyncio.sleep(2.1)
    assert (await throttle.book(operator, 100, 100)).delays == (0.0,) * 70


@pytest.mark.usefixtures("no_recovery")
async def test_no_span_holds_more_than_the_rate_once_the_limits_own_span_is_over(
    connect: Callable[..., Recording],
) -> None:
    """PDUs booked before the rate went down count: the operator's second empties before more is sent."""
    throttles = [connect() for _ in range(3)]

    async def measured() -> list[float]:
        operator, until = fresh(throttles), time.monotonic() + 5
        tasks = [asyncio.create_task(greedy(each, operator, 100, 7, until)) for each in throttles]
        await asyncio.sleep(1.5)
        mark = (await throttles[0].book(operator, 100, 1)).mark
        await throttles[1].slow(operator, 100, mark)
        await asyncio.gather(*tasks)
        slowed_at = (await throttles[1].book(operator, 100, 1)).mark / 1000
        leaves = merged(throttles)
        assert worst(leaves, 1.01) <= 100
        later = [leave for leave in leaves if leave >= slowed_at + 1.05]
        assert worst(later, 1.01) <= 70
        return later

    later = await undisturbed(measured, PAUSE, connect()._redis.ping)
    assert worst(later, 1.01) >= 60
