"""A replica that is stopped in the middle of its work and wakes when its binds are another's: nothing leaves it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ghasi import crash
from ghasi.contracts.sessions import SessionRecord
from ghasi.contracts.submission import Fate, SubmitAnswer
from ghasi.smpp.pdu import SubmitSm, encode_pdu
from ghasi.smpp.tlv import Tag, Tlv
from tests.faults import figures
from tests.faults.fates import UNSENT, counted
from tests.faults.seed import at_least
from tests.support.pauses import witness
from tests.support.product import operator
from tests.support.proxy import Proxy
from tests.support.replicas import Replicas, binds_on_the_wire, numbered

PAUSE = 60.0 if at_least("long") else 20.0 if at_least("full") else 0.0
"""Seconds the holder sleeps at least; in the short set until another has taken over."""
QUIET = 3.0

pytestmark = pytest.mark.slow


def one(**changes: Any) -> dict[str, Any]:
    return operator(receipts={"when": "never"}, rules=[], **changes)


def submits(world: Replicas, bind: int) -> list[dict[str, Any]]:
    return [line for line in world.log() if line["event"] == "submit" and line["bind"] == bind]


def fates(answer: SubmitAnswer) -> dict[str, int]:
    found: dict[str, int] = {}
    for fate in answer.fates:
        found[fate.fate] = found.get(fate.fate, 0) + 1
    return found


async def until_taken_over(world: Replicas) -> None:
    """Until the SMSC has accepted another bind."""
    await world.until(lambda: len(binds_on_the_wire(world.log()).accepted) == 2, 60.0, "takeover")


async def awake_and_quiet(world: Replicas, name: str) -> None:
    """Long enough for everything that a process does on waking."""
    await world.until(lambda: world.said(name, "smpp.session.unbound"), 60.0, f"{name} notices")
    await asyncio.sleep(QUIET)


@pytest.mark.proves("pause window")
@pytest.mark.timeout(240)
async def test_a_woken_holder_sends_nothing_and_says_what_is_in_doubt(
    own_servers: Callable[..., Any], tmp_path: Path
) -> None:
    """10 in the window, 20 queued behind it, and 5 that come while it sleeps."""
    servers = own_servers(only=["nats", "valkey"])
    async with Replicas(servers, tmp_path, [one(windowSize=10, responseDelay=120.0)]) as world:
        world.gateway("a")
        record = await world.until_bound("a")
        world.gateway("b")
        await world.until(lambda: world.said("b", "lease.held"))
        keys, pdus = numbered(35)
        first = asyncio.create_task(world.submit(record, pdus[:30], keys[:30]))
        await world.until(lambda: len(submits(world, 1)) == 10)
        began = time.monotonic()
        world.children["a"].pause()
        later = asyncio.create_task(world.submit(record, pdus[30:], keys[30:]))
        await until_taken_over(world)
        took = binds_on_the_wire(world.log()).accepted[1] - began
        await asyncio.sleep(max(0.0, began + PAUSE - time.monotonic()))
        async with witness() as still:
            woken = time.monotonic()
            world.children["a"].resume()
            answers = [await first, await later]
            await awake_and_quiet(world, "a")
        late = sum(line["mono"] > woken for line in submits(world, 1))
        last = [each.fate for answer in answers for each in answer.fates]
        numbers = [str(93700000000 + n) for n in range(35)]
        note = f"asleep for {woken - began:.0f} s, {late} PDUs after waking"
        figures.record(
            "pause window", recovered=took, note=note, **counted(zip(numbers, last, strict=True), world.log())
        )
        assert fates(answers[0]) == {Fate.UNANSWERED: 10, Fate.NOT_SENT: 20}
        assert fates(answers[1]) == {Fate.NOT_SENT: 5}
        assert {fate.fate for fate in (await world.ask(record, keys[:10])).fates} == {Fate.UNANSWERED}
        mine = submits(world, 1)
        assert len(mine) == 10
        assert max(line["mono"] for line in mine) < began
        (end,) = [line for line in world.log() if line["event"] == "closed" and line["bind"] == 1]
        assert "ConnectionResetError" in end["reason"]
        assert end["mono"] - woken - still.total < 1.0, "it gives its connection up at once"
        assert (await world.holders()) == {0: "b"}
        assert len(binds_on_the_wire(world.log()).accepted) == 2, "it does not bind again"


@pytest.mark.proves("pause kernel")
@pytest.mark.timeout(240)
async def test_what_the_kernel_held_is_all_that_arrives(own_servers: Callable[..., Any], tmp_path: Path) -> None:
    """Its writes fill every buffer on the way; after its pause not one octet more comes from it."""
    servers = own_servers(only=["nats", "valkey"])
    operators = [one(windowSize=2000)]
    port = operators[0]["port"]
    with Proxy(port) as proxy:
        hosts = [f"127.0.0.1:{proxy.port}", f"127.0.0.1:{port}"]
        operators[0]["management"] = {"override": {"hosts": hosts}}
        async with Replicas(servers, tmp_path, operators) as world:
            world.gateway("a")
            record = await world.until_bound("a")
            # The other one soon finds the way round the proxy.
            world.gateway("b", SMPP_BIND_TIMEOUT="1", SMPP_RECONNECT_DELAYS="0.5")
            await world.until(lambda: world.said("b", "lease.held"))
            proxy.black_hole()
            answers = [asyncio.create_task(each) for each in large(world, record)]
            await until_stuck(world, "a")
            world.children["a"].pause()
            # The pause is a short one: the kernel gives a stuck connection up after 20 s, and an SMSC does not wait
            # for ever for the rest of a PDU.
            await until_taken_over(world)
            proxy.heal()
            held = await until_still(proxy)
            came = len(submits(world, 1))
            assert came > 0
            world.children["a"].resume()
            totals = [fates(await answer) for answer in answers]
            await awake_and_quiet(world, "a")
            late = len(submits(world, 1)) - came
            after = await until_still(proxy) - held
    unanswered = sum(total.get(Fate.UNANSWERED, 0) for total in totals)
    accepted = sum(total.get(Fate.ACCEPTED, 0) for total in totals)
    unsent = sum(total.get(Fate.NOT_SENT, 0) for total in totals)
    figures.record(
        "pause kernel",
        commands=accepted + unanswered + unsent,
        lost=max(0, accepted - came),
        unexplained=max(0, came - accepted - unanswered),
        in_doubt=unanswered,
        kinds=(UNSENT,) if came > accepted + unanswered else (),
        note=f"{came} PDUs and {held} octets arrived while it slept, {late} PDUs and {after} octets after that",
    )
    assert (late, after) == (0, 0)
    assert accepted + unanswered + unsent == REQUESTS * EACH
    assert came <= accepted + unanswered
    if came < REQUESTS * EACH:
        assert unanswered > came - accepted, "a part that did not leave whole is in doubt too"


@pytest.mark.proves("pause at the check")
@pytest.mark.timeout(240)
async def test_between_the_check_and_the_write_no_more_than_that_write_leaves(
    own_servers: Callable[..., Any], tmp_path: Path
) -> None:
    """Asking and writing cannot be made one: who is frozen just between them writes on waking what it was about to.
    The bind is the first write of a replica, the window the second."""
    servers = own_servers(only=["nats", "valkey"])
    async with Replicas(servers, tmp_path, [one(windowSize=10, responseDelay=120.0)]) as world:
        world.gateway("a", FAULT_POINT=f"{crash.ALLOWED}:2:stop")
        record = await world.until_bound("a")
        world.gateway("b")
        await world.until(lambda: world.said("b", "lease.held"))
        keys, pdus = numbered(30)
        began = time.monotonic()
        asked = asyncio.create_task(world.submit(record, pdus, keys))
        await until_taken_over(world)
        took = binds_on_the_wire(world.log()).accepted[1] - began
        assert submits(world, 1) == [], "it stands before its write"
        await asyncio.sleep(max(0.0, began + PAUSE - time.monotonic()))
        world.children["a"].resume()
        answer = await asked
        await awake_and_quiet(world, "a")
        came = len(submits(world, 1))
        numbers = [str(93700000000 + n) for n in range(30)]
        last = zip(numbers, [each.fate for each in answer.fates], strict=True)
        note = f"{came} PDUs in that one write"
        figures.record("pause at the check", recovered=took, note=note, **counted(last, world.log()))
        assert fates(answer) == {Fate.UNANSWERED: 10, Fate.NOT_SENT: 20}
        assert came <= 10
        assert (await world.holders()) == {0: "b"}
        assert len(binds_on_the_wire(world.log()).accepted) == 2, "it does not bind again"


REQUESTS, EACH = 16, 14
LARGE = 30_000


def large(world: Replicas, record: SessionRecord) -> list[Any]:
    """Requests of together more octets than the kernels' buffers take."""
    payload = Tlv(Tag.MESSAGE_PAYLOAD, b"x" * LARGE)
    pdu = encode_pdu(SubmitSm(source_addr="GHASI", destination_addr="93701234567", tlvs=(payload,)))
    return [world.submit(record, [pdu] * EACH, numbered(EACH)[0]) for _ in range(REQUESTS)]


async def until_stuck(world: Replicas, name: str) -> None:
    """Until the kernel takes no more from the replica."""
    before = -1
    while (now := sent_octets(await world.http(world.http_ports[name], "/metrics"))) != before or now < LARGE:
        before = now
        await asyncio.sleep(0.5)


def sent_octets(metrics: str) -> int:
    lines = [line for line in metrics.splitlines() if line.startswith("smpp_connector_pdu_bytes_sent_total")]
    return int(sum(float(line.rpartition(" ")[2]) for line in lines))


async def until_still(proxy: Proxy) -> int:
    """Octets carried to the SMSC once nothing comes any more."""
    before = -1
    while (now := proxy.octets[0]) != before:
        before = now
        await asyncio.sleep(1.0)
    return now


@pytest.mark.proves("pause counted")
@pytest.mark.timeout(240)
async def test_an_smsc_that_counts_binds_never_has_one_too_many(
    own_servers: Callable[..., Any], tmp_path: Path
) -> None:
    """It still believes in the sleeper's session and refuses until its own heartbeat has ended that."""
    servers = own_servers(only=["nats", "valkey"])
    timers = {"enquireLink": 6.0, "enquireLinkTimeout": 9.0}
    async with Replicas(servers, tmp_path, [one(bindLimit=1, timers=timers)]) as world:
        world.gateway("a")
        await world.until_bound("a")
        world.gateway("b")
        await world.until(lambda: world.said("b", "lease.held"))
        world.children["a"].pause()
        began = time.monotonic()
        await world.until_bound("b", timeout=60.0)
        took = time.monotonic() - began
        world.children["a"].resume()
        await world.until(lambda: world.said("a", "lease.lost"), 60.0)
        await asyncio.sleep(QUIET)
        binds = binds_on_the_wire(world.log())
        assert (await world.holders()) == {0: "b"}
    note = f"at most {binds.most} binds at once, 1 allowed; {binds.refused} refused as already bound"
    figures.record("pause counted", recovered=took, note=note)
    assert binds.most == 1
    assert len(binds.accepted) == 2
