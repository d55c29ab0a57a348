"""workers.gateway_client: whatever comes back, or does not, is a fate."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from ghasi.bus import Bus, BusSettings
from ghasi.contracts import subjects
from ghasi.contracts.submission import (
    AskRequest,
    Fate,
    PartFate,
    SubmitAnswer,
    SubmitRequest,
    decode_request,
    encode,
)
from workers import gateway_client
from workers.gateway_client import GatewayClient

OPERATOR, REPLICA = "550e8400-e29b-41d4-a716-446655440077", "r1"
Answer = Callable[[SubmitRequest | AskRequest], bytes | None]


@pytest.fixture
async def bus(nats_url: str) -> AsyncIterator[Bus]:
    made = await Bus.connect(BusSettings((nats_url,)), "test")
    yield made
    await made.close()


@pytest.fixture
async def answering(bus: Bus) -> AsyncIterator[Callable[[Answer], Awaitable[None]]]:
    """Plays the gateway: `answer` gives the reply's octets, or None for silence."""
    subscriptions = []

    async def play(answer: Answer) -> None:
        async def take(message: object) -> None:
            reply = answer(decode_request(message.data))  # type: ignore[attr-defined]
            if reply is not None:
                await message.respond(reply)  # type: ignore[attr-defined]

        subscriptions.append(await bus.nc.subscribe(subjects.submit(OPERATOR, REPLICA), cb=take))
        await bus.flush()

    yield play
    for subscription in subscriptions:
        await subscription.unsubscribe()


async def submit(bus: Bus) -> SubmitAnswer:
    return await GatewayClient(bus).submit(OPERATOR, REPLICA, "epoch", ["a", "b"], [1, 1], b"pdus")


async def test_fates_come_back_in_the_order_of_the_keys(bus: Bus, answering: Callable[..., Awaitable[None]]) -> None:
    fates = [PartFate("b", Fate.REJECTED, command_status=0x58), PartFate("a", Fate.ACCEPTED, "id")]
    await answering(lambda request: encode(SubmitAnswer(fates, 7)))
    answer = await submit(bus)
    assert [fate.key for fate in answer.fates] == ["a", "b"]
    assert answer.window_free == 7


async def test_nobody_there_means_not_sent(bus: Bus) -> None:
    answer = await submit(bus)
    assert {fate.fate for fate in answer.fates} == {Fate.NOT_SENT}


async def test_a_refused_request_was_not_sent(bus: Bus, answering: Callable[..., Awaitable[None]]) -> None:
    await answering(lambda request: encode(SubmitAnswer([], error="epoch")))
    answer = await submit(bus)
    assert [(fate.fate, fate.reason) for fate in answer.fates] == [(Fate.NOT_SENT, "epoch")] * 2


async def test_a_request_the_gateway_cannot_read_is_not_repeated_at_once(
    bus: Bus, answering: Callable[..., Awaitable[None]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gateway_client, "MALFORMED_AGAIN", 0.3)
    await answering(lambda request: encode(SubmitAnswer([], error="malformed")))
    began = time.monotonic()
    answer = await submit(bus)
    assert time.monotonic() - began >= 0.3
    assert [(fate.fate, fate.reason) for fate in answer.fates] == [(Fate.NOT_SENT, "malformed")] * 2


async def test_a_part_the_answer_does_not_mention_is_in_doubt(
    bus: Bus, answering: Callable[..., Awaitable[None]]
) -> None:
    await answering(lambda request: encode(SubmitAnswer([PartFate("a", Fate.ACCEPTED, "id")])))
    answer = await submit(bus)
    assert [fate.fate for fate in answer.fates] == [Fate.ACCEPTED, Fate.UNANSWERED]


@pytest.mark.parametrize("garbage", [b"", b"\xc1\xc1", b"text"])
async def test_an_unreadable_answer_is_doubt_not_a_crash(
    bus: Bus, answering: Callable[..., Awaitable[None]], garbage: bytes
) -> None:
    await answering(lambda request: garbage)
    answer = await submit(bus)
    assert {fate.fate for fate in answer.fates} == {Fate.UNANSWERED}


async def test_without_an_answer_the_gateway_is_asked_what_it_knows(
    bus: Bus, answering: Callable[..., Awaitable[None]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gateway_client, "QUEUE_DEADLINE", 0.05)
    monkeypatch.setattr(gateway_client, "ANSWER_MARGIN", 0.0)
    monkeypatch.setattr(gateway_client.timers, "SUBMIT_RESPONSE", 0.1)

    def answer(request: SubmitRequest | AskRequest) -> bytes | None:
        if isinstance(request, SubmitRequest):
            return None
        return encode(SubmitAnswer([PartFate("a", Fate.ACCEPTED, "id"), PartFate("b", Fate.FORGOTTEN)]))

    await answering(answer)
    answer_ = await asyncio.wait_for(submit(bus), 60)
    assert [fate.fate for fate in answer_.fates] == [Fate.ACCEPTED, Fate.FORGOTTEN]


async def test_an_answer_that_may_have_gone_to_nobody_is_asked_for(
    bus: Bus, answering: Callable[..., Awaitable[None]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gateway_client, "PING_EVERY", 0.1)
    connections = iter(range(1_000))
    monkeypatch.setattr(Bus, "reconnects", property(lambda _: next(connections)))

    def answer(request: SubmitRequest | AskRequest) -> bytes | None:
        if isinstance(request, SubmitRequest):
            return None
        return encode(SubmitAnswer([PartFate(key, Fate.ACCEPTED, "id") for key in request.ask]))

    await answering(answer)
    async with asyncio.timeout(30):
        answered = await submit(bus)
    assert [fate.fate for fate in answered.fates] == [Fate.ACCEPTED, Fate.ACCEPTED]


def silent_but_alive(error: str) -> Answer:
    """Never answers a submit; says `error` to everything else."""

    def answer(request: SubmitRequest | AskRequest) -> bytes | None:
        if isinstance(request, SubmitRequest):
            return None
        return encode(SubmitAnswer([PartFate(key, Fate.FORGOTTEN) for key in request.ask], error=error))

    return answer


async def test_a_gateway_that_was_replaced_is_not_waited_for(
    bus: Bus, answering: Callable[..., Awaitable[None]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gateway_client, "PING_EVERY", 0.1)
    await answering(silent_but_alive("epoch"))
    answer = await asyncio.wait_for(submit(bus), 60)
    assert [(fate.fate, fate.reason) for fate in answer.fates] == [(Fate.UNANSWERED, "epoch")] * 2


async def test_a_gateway_that_went_away_is_not_waited_for(
    bus: Bus, answering: Callable[..., Awaitable[None]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gateway_client, "PING_EVERY", 0.1)
    monkeypatch.setattr(gateway_client, "GONE_AFTER", 0.1)
    monkeypatch.setattr(gateway_client, "ASK_AGAIN", 0.05)
    subscription = await bus.nc.subscribe(subjects.submit(OPERATOR, REPLICA))
    asking = asyncio.create_task(submit(bus))
    await subscription.next_msg(timeout=60)
    await subscription.unsubscribe()
    answer = await asyncio.wait_for(asking, 60)
    assert [(fate.fate, fate.reason) for fate in answer.fates] == [(Fate.UNANSWERED, "epoch_gone")] * 2


@pytest.mark.parametrize("ping", [encode(SubmitAnswer([])), b"\xc1", None], ids=["same epoch", "garbage", "silence"])
async def test_a_slow_gateway_is_waited_for(
    bus: Bus, answering: Callable[..., Awaitable[None]], monkeypatch: pytest.MonkeyPatch, ping: bytes | None
) -> None:
    monkeypatch.setattr(gateway_client, "PING_EVERY", 0.05)
    pings = 0
    replies: list[str] = []

    async def late() -> None:
        while pings < 3:
            await asyncio.sleep(0.01)
        await bus.nc.publish(replies[0], encode(SubmitAnswer([PartFate("a", Fate.ACCEPTED, "id")])))

    async def take(message: object) -> None:
        nonlocal pings
        if isinstance(decode_request(message.data), SubmitRequest):  # type: ignore[attr-defined]
            replies.append(message.reply)  # type: ignore[attr-defined]
            return
        pings += 1
        if ping is not None:
            await message.respond(ping)  # type: ignore[attr-defined]

    subscription = await bus.nc.subscribe(subjects.submit(OPERATOR, REPLICA), cb=take)
    answer, _ = await asyncio.wait_for(asyncio.gather(submit(bus), late()), 60)
    await subscription.unsubscribe()
    assert answer.fates[0].fate is Fate.ACCEPTED


async def test_an_epoch_that_is_gone_leaves_doubt(bus: Bus, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gateway_client, "GONE_AFTER", 0.1)
    monkeypatch.setattr(gateway_client, "ASK_AGAIN", 0.05)
    answer = await GatewayClient(bus).ask(OPERATOR, "gone", "old", ["a"])
    assert [(fate.fate, fate.reason) for fate in answer.fates] == [(Fate.UNANSWERED, "epoch_gone")]


async def test_sizes_stay_below_half_of_what_the_server_takes(bus: Bus) -> None:
    client = GatewayClient(bus)
    assert 1 <= client.max_pdus <= 500
    assert client.max_octets < bus.max_payload // 2
