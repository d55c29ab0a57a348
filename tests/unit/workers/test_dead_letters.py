"""workers.dead_letters: the bytes are durable before anything is acknowledged, and a person can find them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import pytest
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from ghasi.bus import Bus, BusError, BusSettings
from ghasi.contracts.commands import DeadReason, Refused
from ghasi.correlations.models import DeadLetter
from ghasi.devstack.servers import Servers
from tests.unit.workers.build import Bench, raising, until
from workers.dead_letters import ACK_RETRY, DeadLetters
from workers.delivery import Delivery
from workers.ledger_work import LedgerAway, index_dead_letter
from workers.outgoing import Outgoing

Wire = list[tuple[str, bytes]]


async def buried(bench: Bench, data: bytes, refused: Refused) -> Delivery:
    await bench.platform.send_raw(bench.operator_id, data)
    (delivery,) = await bench.deliveries(1)
    await DeadLetters(bench.context, bench.operator_id).bury(delivery, refused)
    await until(lambda: len(bench.dead()) == 1)
    return delivery


async def index_of(bench: Bench) -> list[tuple[Any, ...]]:
    found: list[tuple[Any, ...]] = await bench.works.plainly(
        lambda: list(
            DeadLetter.objects.filter(operator_id=bench.operator_id).values_list("reason", "message_id", "size")
        )
    )
    return found


async def test_bytes_reason_and_place_are_stored_before_the_ack(bench: Bench, wire: Wire) -> None:
    delivery = await buried(bench, b"not json", Refused(DeadReason.NOT_JSON, "not a JSON object in UTF-8"))
    await until(bench.settled)
    ((headers, body),) = bench.dead()
    assert body == b"not json"
    assert headers["Smpp-Reason"] == "not_json"
    assert headers["Smpp-Detail"] == "not a JSON object in UTF-8"
    assert headers["Smpp-Stream-Seq"] == str(delivery.sequence)
    assert "Smpp-Message-Id" not in headers
    kinds = [kind for kind, _ in wire]
    assert kinds.index("smpp.dead") < kinds.index("ack")
    assert await index_of(bench) == [("not_json", None, 8)]
    assert bench.results() == {}, "a message nobody can name has no result"
    labels = {"operator_id": bench.operator_id, "reason": "not_json"}
    assert REGISTRY.get_sample_value("smpp_connector_dead_letters_total", labels) == 1


async def test_a_message_with_a_name_has_a_result(bench: Bench) -> None:
    message_id = str(uuid4())
    await buried(bench, b"{}", Refused(DeadReason.BAD_SENDER, "from is empty", message_id))
    told = lambda: [one for one in bench.platform.results_of(message_id) if one["operatorId"] == bench.operator_id]  # noqa: E731
    await until(lambda: len(told()) == 1 and bench.dead())
    (result,) = told()
    assert (result["result"], result["reason"], result["segments"], result["attempt"]) == ("DEAD", "bad_sender", 0, 0)
    assert bench.dead()[0][0]["Smpp-Message-Id"] == message_id
    assert await index_of(bench) == [("bad_sender", UUID(message_id), 2)]


async def test_of_what_is_too_big_its_head_length_and_hash_are_kept(bench: Bench) -> None:
    data = b"{" + b"x" * (300 * 1024)
    await buried(bench, data, Refused(DeadReason.TOO_BIG, "too big"))
    ((headers, body),) = bench.dead()
    assert body == data[: 64 * 1024]
    assert headers["Smpp-Length"] == str(len(data))
    assert headers["Smpp-Sha256"] == hashlib.sha256(data).hexdigest()
    assert headers["Smpp-Truncated"] == "1"
    assert await index_of(bench) == [("too_big", None, len(data))]


async def test_the_same_delivery_buried_twice_is_stored_once(bench: Bench) -> None:
    refused = Refused(DeadReason.NOT_JSON, "x")
    await bench.platform.send_raw(bench.operator_id, b"no")
    (delivery,) = await bench.deliveries(1)
    dead = DeadLetters(bench.context, bench.operator_id)
    await dead.bury(delivery, refused)
    await dead.bury(delivery, refused)
    await until(lambda: len(bench.dead()) == 1)
    assert await index_of(bench) == [("not_json", None, 2)]
    stored = await bench.bus.js.stream_info("SMPP_DEAD", subjects_filter=f"smpp.dead.{bench.operator_id}")
    assert stored.state.subjects == {f"smpp.dead.{bench.operator_id}": 1}


async def test_keep_stores_the_bytes_and_leaves_the_ack_to_the_caller(bench: Bench) -> None:
    (sent,) = await bench.send(1)
    outgoing: Outgoing
    (outgoing,) = await bench.outgoings(1)
    await DeadLetters(bench.context, bench.operator_id).keep(outgoing, "rejected:ESME_RINVDSTADR")
    await until(lambda: len(bench.dead()) == 1)
    ((headers, body),) = bench.dead()
    assert json.loads(body) == sent
    assert (headers["Smpp-Reason"], headers["Smpp-Message-Id"]) == ("rejected:ESME_RINVDSTADR", sent["messageId"])
    assert not outgoing.delivery.settled
    labels = {"operator_id": bench.operator_id, "reason": "rejected"}
    assert REGISTRY.get_sample_value("smpp_connector_dead_letters_total", labels) == 1
    await outgoing.delivery.ack()


async def test_an_index_that_is_away_is_written_later_and_the_ack_waits(bench: Bench) -> None:
    away = raising(LedgerAway("OperationalError"))
    bench.works.script(index_dead_letter, away, away)
    await buried(bench, b"no", Refused(DeadReason.NOT_JSON, "x"))
    assert bench.sleeps.slept == [ACK_RETRY] * 2
    assert await index_of(bench) == [("not_json", None, 2)]
    await until(bench.settled)


async def test_an_ack_that_may_be_lost_is_repeated(bench: Bench) -> None:
    class Flaky(Delivery):
        failures = 2

        async def ack_sync(self, timeout: float = 5.0) -> None:
            if self.failures:
                self.failures -= 1
                raise BusError("TimeoutError")
            await super().ack_sync(timeout)

    await bench.platform.send_raw(bench.operator_id, b"no")
    (plain,) = await bench.deliveries(1)
    delivery = Flaky(bench.bus, plain._arrived, plain.received_at)
    await DeadLetters(bench.context, bench.operator_id).bury(delivery, Refused(DeadReason.NOT_JSON, "x"))
    assert bench.sleeps.slept == [ACK_RETRY] * 2
    assert await bench.settled()


@pytest.mark.parametrize("times", [1, 3])
async def test_bytes_that_cannot_be_stored_yet_are_not_acknowledged(
    bench: Bench, own_servers: Callable[..., Servers], times: int
) -> None:
    """A NATS without our streams: they appear while the dead letter is retried."""
    servers = own_servers(only=["nats"])
    bare = await Bus.connect(BusSettings((servers.nats_url,)), "test")
    await bench.platform.send_raw(bench.operator_id, b"no")
    (delivery,) = await bench.deliveries(1)

    labels = {"operator_id": bench.operator_id}

    async def appear() -> None:
        assert not delivery.settled
        assert REGISTRY.get_sample_value("smpp_connector_dead_letters_waiting", labels) == 1
        if len(bench.sleeps.slept) == times:
            await bare.ensure(buckets=False)

    bench.sleeps.then = appear
    context = bench.context
    context.bus = bare
    try:
        with capture_logs() as lines:
            await DeadLetters(context, bench.operator_id).bury(delivery, Refused(DeadReason.NOT_JSON, "x"))
        stored = await bare.js.get_last_msg("SMPP_DEAD", f"smpp.dead.{bench.operator_id}")
        assert stored.data == b"no"
        assert bench.sleeps.slept == [ACK_RETRY] * times
        assert REGISTRY.get_sample_value("smpp_connector_dead_letters_waiting", labels) == 0
        said = [line["event"] for line in lines if line["event"].startswith("dead_letters.")]
        assert said == ["dead_letters.refused", "dead_letters.taken_again"], "once, however often it is tried"
        assert await bench.settled()
    finally:
        await bare.close()


TRACEPARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (json.dumps({"to": 1, "traceparent": TRACEPARENT}).encode(), TRACEPARENT),
        (b'{"traceparent": 7}', None),
        (b"not json", None),
        (b'{"traceparent": "\xff"}', None),
        (b"[]", None),
    ],
)
async def test_its_log_line_names_the_trace_however_wrong_the_command_is(
    bench: Bench, data: bytes, found: str | None
) -> None:
    with capture_logs() as told:
        await buried(bench, data, Refused(DeadReason.NOT_JSON, "wrong"))
    [line] = [one for one in told if one["event"] == "command.dead"]
    assert line["traceparent"] == found
