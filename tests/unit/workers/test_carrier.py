"""workers.carrier: rows before bytes, every verdict of the ledger, and the order in which a command is settled."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from prometheus_client import REGISTRY

from ghasi.contracts.sessions import InDoubtPolicy, SendRules
from ghasi.contracts.submission import Fate, PartFate
from ghasi.correlations import inbox, ledger
from ghasi.correlations.types import Claim, Part, ReceiptFacts, Verdict
from tests.support.platform import iso
from tests.unit.workers.build import Bench, accept, raising, until
from workers import fates
from workers.carrier import LEDGER_RETRY, Carrier
from workers.ledger_work import LedgerAway, Recording, confirm, prepare, record
from workers.outgoing import Outgoing
from workers.route import Route
from workers.settling import BUSY_RETRY
from workers.shelf import Load

LONG = "x" * 400
PERMANENT, THROTTLED = 0x0B, 0x58
Wire = list[tuple[str, bytes]]


class Desk:
    """A carrier and what it told its lane."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.back: list[Outgoing] = []
        self.forgotten: list[Outgoing] = []
        self.spawned: list[tuple[Outgoing, Coroutine[Any, Any, None]]] = []
        self.carrier = Carrier(
            bench.context,
            Route(bench.holders, bench.operator_id),
            self.back.append,
            self.forgotten.append,
            lambda outgoing, coroutine: self.spawned.append((outgoing, coroutine)),
        )

    async def claim(self, outgoing: Outgoing, count: int | None = None, **holder: Any) -> list[tuple[Outgoing, Part]]:
        load = Load(outgoing, outgoing.unsent if count is None else count)
        return await self.carrier.claim([load], self.bench.record(**holder))

    async def carry(self, outgoing: Outgoing, fate: Fate = Fate.ACCEPTED, **fields: Any) -> None:
        """One hand-over of everything unsent, answered by one fate."""
        leaving = await self.claim(outgoing)
        await self.finish(leaving, fate, **fields)

    async def finish(self, leaving: list[tuple[Outgoing, Part]], fate: Fate, **fields: Any) -> None:
        if fate is Fate.ACCEPTED:
            fates = [accept(part.row_id.hex) for _, part in leaving]
        else:
            fates = [PartFate(part.row_id.hex, fate, **fields) for _, part in leaving]
        await self.carrier.finish(leaving, fates)

    async def again(self, sent: dict[str, Any], rules: SendRules | None = None, **changes: Any) -> Outgoing:
        """The same command published once more, in hand."""
        await self.bench.bus.js.publish(
            f"smpp.operator.{self.bench.operator_id}", json.dumps(sent | changes).encode()
        )
        (outgoing,) = await self.bench.outgoings(1, rules)
        return outgoing


@pytest.fixture
def desk(bench: Bench) -> Desk:
    return Desk(bench)


def acks(wire: Wire) -> list[bytes]:
    return [data for kind, data in wire if kind == "ack"]


def kept_before_ack(wire: Wire) -> bool:
    """The first word of the bytes on their way to SMPP_DEAD is older than the last ack."""
    kinds = [kind for kind, _ in wire]
    return kinds.index("smpp.dead") < len(kinds) - 1 - kinds[::-1].index("ack")


def delay_of(nak: bytes) -> float:
    assert nak.startswith(b"-NAK ")
    seconds: float = json.loads(nak.removeprefix(b"-NAK "))["delay"] / 1e9
    return seconds


async def told(bench: Bench, message_id: str, *results: str) -> None:
    await until(lambda: bench.results().get(message_id) == list(results))


def sample(name: str, bench: Bench, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, {"operator_id": bench.operator_id, **labels}) or 0.0


async def test_accepted_is_recorded_told_and_acknowledged_in_this_order(bench: Bench, desk: Desk, wire: Wire) -> None:
    (sent,) = await bench.send(1, text=LONG)
    (outgoing,) = await bench.outgoings(1)
    leaving = await desk.claim(outgoing)
    assert [(part.segment, part.gateway_epoch) for _, part in leaving] == [(1, "e1"), (2, "e1"), (3, "e1")]
    assert acks(wire) == []
    await desk.finish(leaving, Fate.ACCEPTED)
    await told(bench, sent["messageId"], "ACCEPTED")
    await until(lambda: acks(wire) == [b"+ACK"])
    assert bench.works.calls == [prepare, record]
    assert desk.forgotten == [outgoing]
    assert sample("smpp_connector_long_message_segments_total", bench, strategy="csms") == 3


async def test_characters_that_were_replaced_are_counted(bench: Bench, desk: Desk) -> None:
    await bench.send(1)
    (outgoing,) = await bench.outgoings(1)
    outgoing.changed = 2
    leaving = await desk.claim(outgoing)
    assert sample("smpp_connector_transliterated_characters_total", bench) == 2
    await desk.finish(leaving, Fate.ACCEPTED)


async def test_only_the_parts_of_this_hand_over_are_armed_and_the_rest_comes_back(bench: Bench, desk: Desk) -> None:
    (sent,) = await bench.send(1, text=LONG)
    (outgoing,) = await bench.outgoings(1)
    first = await desk.claim(outgoing, 1)
    assert [part.segment for _, part in first] == [1]
    assert desk.back == [outgoing]
    assert [(part.segment, part.gateway_epoch) for part in outgoing.todo or ()] == [(2, None), (3, None)]
    await desk.finish(first, Fate.ACCEPTED)
    assert (desk.forgotten, bench.results()) == ([], {})
    parts = list(outgoing.todo or ())
    outgoing.todo = None if outgoing.todo is None else type(outgoing.todo)()
    rest = await desk.carrier.claim([Load(outgoing, 2, parts)], bench.record(epoch="e2"))
    assert [part.segment for _, part in rest] == [2, 3]
    await desk.finish(rest, Fate.ACCEPTED)
    await told(bench, sent["messageId"], "ACCEPTED")
    assert desk.forgotten == [outgoing]


async def test_parts_another_process_has_taken_over_go_back_to_the_stream(
    bench: Bench, desk: Desk, wire: Wire
) -> None:
    await bench.send(1, text=LONG)
    (outgoing,) = await bench.outgoings(1)
    await desk.finish(await desk.claim(outgoing, 1), Fate.ACCEPTED)
    assert outgoing.todo is not None
    parts = list(outgoing.todo)
    outgoing.todo.clear()
    intent = outgoing.intent()

    def elsewhere(now: datetime) -> list[Claim]:
        return ledger.claim([intent], replica="r2", epoch="e2", now=now, arm={})

    (claim,) = await bench.works.plainly(elsewhere, datetime.now(UTC))
    assert claim.verdict is Verdict.SEND
    assert await desk.carrier.claim([Load(outgoing, 2, parts)], bench.record()) == []
    assert desk.forgotten == [outgoing]
    await until(lambda: [delay_of(one) for one in acks(wire)] == [BUSY_RETRY])


async def test_unsent_parts_come_back_in_order_whatever_order_the_answers_had(bench: Bench, desk: Desk) -> None:
    await bench.send(1, text="x" * 153 * 4)
    (outgoing,) = await bench.outgoings(1)
    leaving = await desk.claim(outgoing)
    await desk.finish(leaving[:1], Fate.ACCEPTED)
    await desk.finish(leaving[2:], Fate.NOT_SENT, reason="window")
    await desk.finish(leaving[1:2], Fate.NOT_SENT, reason="window")
    assert [part.segment for part in outgoing.todo or ()] == [2, 3, 4]
    assert (desk.forgotten, bench.results()) == ([], {})


async def test_a_command_of_which_nothing_left_is_claimed_anew_and_may_expire(bench: Bench, desk: Desk) -> None:
    await bench.send(1)
    (outgoing,) = await bench.outgoings(1)
    await desk.finish(await desk.claim(outgoing), Fate.NOT_SENT, reason="unbound")
    assert outgoing.todo is None
    assert outgoing.expired(outgoing.command.expires_at)
    assert not outgoing.delivery.settled
    assert desk.forgotten == []
    await desk.finish(await desk.claim(outgoing), Fate.ACCEPTED)
    assert outgoing.delivery.settled


async def test_a_permanent_refusal_keeps_the_bytes_before_the_ack(bench: Bench, desk: Desk, wire: Wire) -> None:
    (sent,) = await bench.send(1)
    (outgoing,) = await bench.outgoings(1)
    await desk.carry(outgoing, Fate.REJECTED, command_status=PERMANENT)
    await until(lambda: acks(wire) == [b"+ACK"])
    assert kept_before_ack(wire)
    await told(bench, sent["messageId"], "REJECTED")
    await until(lambda: len(bench.dead()) == 1)
    headers, body = bench.dead()[0]
    assert (headers["Smpp-Reason"], headers["Smpp-Message-Id"]) == ("rejected:ESME_RINVDSTADR", sent["messageId"])
    assert body == outgoing.delivery.data
    assert [one["status"] for one in bench.platform.receipts_of(sent["messageId"])] == ["REJECTED"]


async def test_a_retryable_refusal_goes_back_with_its_delay(bench: Bench, desk: Desk, wire: Wire) -> None:
    await bench.send(1)
    (outgoing,) = await bench.outgoings(1)
    await desk.carry(outgoing, Fate.REJECTED, command_status=THROTTLED)
    await until(lambda: len(acks(wire)) == 1)
    assert 0.7 < delay_of(acks(wire)[0]) <= 0.8
    assert (desk.forgotten, desk.carrier.settling.count_retries()) == ([outgoing], 1)
    (again,) = await bench.outgoings(1)
    await desk.carry(again)
    await told(bench, str(outgoing.message_id), "ACCEPTED")
    assert desk.carrier.settling.count_retries() == 0
    assert bench.dead() == []


async def test_the_soonest_of_several_retries_counts(bench: Bench, desk: Desk, wire: Wire) -> None:
    await bench.send(1, text=LONG)
    (outgoing,) = await bench.outgoings(1)
    leaving = await desk.claim(outgoing)
    answers = [("", 0, Fate.ACCEPTED), ("", 0x14, Fate.REJECTED), ("", THROTTLED, Fate.REJECTED)]
    fates = [
        PartFate(part.row_id.hex, fate, given, status)
        for (_, part), (given, status, fate) in zip(leaving, answers, strict=True)
    ]
    await desk.carrier.finish(leaving, fates)
    await until(lambda: len(acks(wire)) == 1)
    assert 0.7 < delay_of(acks(wire)[0]) <= 1.0
    assert bench.results() == {}


async def test_retries_that_are_due_are_counted_out_whatever_is_still_to_wait(bench: Bench, desk: Desk) -> None:
    await bench.send(2)
    long, short = await bench.outgoings(2)
    await desk.carrier.settling.give_back(long, 60.0)
    await desk.carrier.settling.give_back(short, 0.0)
    assert desk.carrier.settling.count_retries() == 2
    await until(lambda: desk.carrier.settling.count_retries() == 1)


@pytest.mark.parametrize("fate", [Fate.UNANSWERED, Fate.FORGOTTEN])
async def test_what_is_in_doubt_goes_back_for_the_wait(bench: Bench, desk: Desk, wire: Wire, fate: Fate) -> None:
    (sent,) = await bench.send(1)
    (outgoing,) = await bench.outgoings(1, SendRules(in_doubt_wait=33.0))
    await desk.carry(outgoing, fate)
    await told(bench, sent["messageId"], "IN_DOUBT")
    await until(lambda: [delay_of(one) for one in acks(wire)] == [33.0])
    assert desk.forgotten == [outgoing]
    assert sample("smpp_connector_in_doubt_total", bench) == 1
    assert bench.dead() == []


async def test_wait_goes_back_for_as_long_as_the_ledger_says(bench: Bench, desk: Desk, wire: Wire) -> None:
    (sent,) = await bench.send(1)
    (outgoing,) = await bench.outgoings(1, SendRules(in_doubt_wait=33.0))
    await desk.carry(outgoing, Fate.UNANSWERED)
    again = await desk.again(sent, SendRules(in_doubt_wait=33.0))
    assert await desk.claim(again) == []
    await until(lambda: len(acks(wire)) == 2)
    assert 30.0 < delay_of(acks(wire)[1]) < 33.0
    assert desk.forgotten == [outgoing, again]


async def test_what_waits_in_doubt_is_told_though_its_first_process_died_before_it_could(
    bench: Bench, desk: Desk
) -> None:
    (sent,) = await bench.send(1)
    (outgoing,) = await bench.outgoings(1)
    ((_, part),) = await desk.claim(outgoing)
    fate = fates.in_doubt(part, "unanswered", at=datetime.now(UTC))
    await bench.works.plainly(record, Recording(UUID(bench.operator_id), [fate], datetime.now(UTC)))
    assert bench.results() == {}
    assert await desk.claim(await desk.again(sent)) == []
    await told(bench, sent["messageId"], "IN_DOUBT")


async def test_a_part_that_is_too_late_to_be_sent_again_is_kept_for_a_person(bench: Bench, desk: Desk) -> None:
    """The policy is `resend`; SMPP_DEAD knows no such reason."""
    rules = SendRules(in_doubt_wait=0.0)
    soon = datetime.now(UTC) + timedelta(seconds=1)
    (sent,) = await bench.send(1, expiresAt=iso(soon))
    (outgoing,) = await bench.outgoings(1, rules)
    await desk.carry(outgoing, Fate.UNANSWERED)
    again = await desk.again(sent, rules)
    await until(lambda: datetime.now(UTC) > soon)
    assert await desk.claim(again) == []
    await until(lambda: len(bench.dead()) == 1)
    assert bench.dead()[0][0]["Smpp-Reason"] == "in_doubt:hold"


@pytest.mark.parametrize("policy", [InDoubtPolicy.HOLD, InDoubtPolicy.FAIL])
async def test_parked_by_policy_keeps_the_bytes_before_the_ack(
    bench: Bench, desk: Desk, wire: Wire, policy: InDoubtPolicy
) -> None:
    rules = SendRules(in_doubt_wait=0.0, in_doubt_policy=policy)
    (sent,) = await bench.send(1)
    (outgoing,) = await bench.outgoings(1, rules)
    await desk.carry(outgoing, Fate.UNANSWERED)
    again = await desk.again(sent, rules)
    assert await desk.claim(again) == []
    await until(lambda: acks(wire)[1:] == [b"+ACK"])
    assert kept_before_ack(wire)
    await until(lambda: len(bench.dead()) == 1)
    assert bench.dead()[0][0]["Smpp-Reason"] == f"in_doubt:{policy.value}"
    assert bench.dead()[0][1] == again.delivery.data


async def test_resend_by_policy_says_that_it_may_double(bench: Bench, desk: Desk) -> None:
    rules = SendRules(in_doubt_wait=0.0)
    (sent,) = await bench.send(1)
    (outgoing,) = await bench.outgoings(1, rules)
    await desk.carry(outgoing, Fate.UNANSWERED)
    ((again, part),) = await desk.claim(await desk.again(sent, rules))
    assert (part.attempt, part.possible_duplicate) == (2, True)
    await desk.finish([(again, part)], Fate.ACCEPTED)
    await told(bench, sent["messageId"], "IN_DOUBT", "ACCEPTED")


async def test_of_a_message_only_the_part_in_doubt_is_sent_again_with_the_same_octets(
    bench: Bench, desk: Desk
) -> None:
    rules = SendRules(in_doubt_wait=0.0, user_message_reference=True)
    (sent,) = await bench.send(1, text=LONG)
    (outgoing,) = await bench.outgoings(1, rules)
    leaving = await desk.claim(outgoing)
    answers = [accept(part.row_id.hex) for _, part in leaving]
    answers[1] = PartFate(leaving[1][1].row_id.hex, Fate.UNANSWERED)
    await desk.carrier.finish(leaving, answers)
    again = await desk.again(sent, rules)
    ((_, part),) = await desk.claim(again)
    assert (part.segment, part.attempt, part.possible_duplicate) == (2, 2, True)
    assert again.pdus[1] == outgoing.pdus[1], "one concatenation reference, one reference for receipts"


async def test_a_command_proven_meanwhile_is_acknowledged_when_it_comes_again(
    bench: Bench, desk: Desk, wire: Wire
) -> None:
    (sent,) = await bench.send(1)
    (outgoing,) = await bench.outgoings(1)
    await desk.carry(outgoing, Fate.UNANSWERED)
    now = datetime.now(UTC)
    number = sent["to"].lstrip("+")
    facts = ReceiptFacts(
        1, UUID(bench.operator_id), "77", ("77",), "DELIVERED", "DELIVRD", True, "000", now, now, number, sent["from"]
    )
    (matched,) = await bench.works.plainly(lambda: inbox.take_receipts([facts], now=now))
    assert matched.settled is not None
    assert await desk.claim(await desk.again(sent)) == []
    await until(lambda: acks(wire)[1:] == [b"+ACK"])
    await told(bench, sent["messageId"], "IN_DOUBT", "ACCEPTED")


async def test_a_repeat_of_what_is_settled_is_told_again_and_acknowledged(
    bench: Bench, desk: Desk, wire: Wire
) -> None:
    (sent,) = await bench.send(1)
    (outgoing,) = await bench.outgoings(1)
    await desk.carry(outgoing)
    again = await desk.again(sent)
    assert await desk.claim(again) == []
    await until(lambda: acks(wire) == [b"+ACK", b"+ACK"])
    assert bench.results() == {sent["messageId"]: ["ACCEPTED"]}
    assert bench.dead() == []


async def test_a_repeat_of_a_refused_command_keeps_its_bytes_too(bench: Bench, desk: Desk) -> None:
    (sent,) = await bench.send(1)
    (outgoing,) = await bench.outgoings(1)
    await desk.carry(outgoing, Fate.REJECTED, command_status=PERMANENT)
    again = await desk.again(sent)
    assert await desk.claim(again) == []
    await until(lambda: len(bench.dead()) == 2)
    assert {headers["Smpp-Reason"] for headers, _ in bench.dead()} == {"rejected:ESME_RINVDSTADR"}
    assert bench.results() == {sent["messageId"]: ["REJECTED"]}
    assert len(bench.platform.receipts_of(sent["messageId"])) == 1


async def test_a_new_event_for_a_message_that_is_gone_is_a_duplicate(bench: Bench, desk: Desk, wire: Wire) -> None:
    (sent,) = await bench.send(1)
    (outgoing,) = await bench.outgoings(1)
    await desk.carry(outgoing)
    again = await desk.again(sent, eventId=str(uuid4()))
    assert await desk.claim(again) == []
    await until(lambda: acks(wire) == [b"+ACK", b"+ACK"])
    assert sample("smpp_connector_duplicates_total", bench) == 1
    assert desk.forgotten == [outgoing, again]


async def test_expired_unsent_is_told_and_acknowledged_without_a_bind(bench: Bench, desk: Desk, wire: Wire) -> None:
    (sent,) = await bench.send(1, text=LONG, expiresAt=iso(datetime.now(UTC) - timedelta(seconds=1)))
    (outgoing,) = await bench.outgoings(1)
    await desk.carrier.settle_expired([outgoing])
    await told(bench, sent["messageId"], "EXPIRED")
    await until(lambda: len(bench.platform.receipts_of(sent["messageId"])) == 3)
    assert {one["status"] for one in bench.platform.receipts_of(sent["messageId"])} == {"EXPIRED"}
    await until(lambda: acks(wire) == [b"+ACK"])
    assert desk.forgotten == [outgoing]


async def test_a_late_command_part_of_which_has_left_is_sent_to_its_end(bench: Bench, desk: Desk) -> None:
    (sent,) = await bench.send(1, text=LONG)
    (outgoing,) = await bench.outgoings(1)
    await desk.finish(await desk.claim(outgoing, 1), Fate.ACCEPTED)
    late = await desk.again(sent, expiresAt=iso(datetime.now(UTC) - timedelta(seconds=1)))
    await desk.carrier.settle_expired([late])
    assert desk.back[-1] is late
    assert [(part.segment, part.gateway_epoch) for part in late.todo or ()] == [(2, None), (3, None)]
    assert bench.results() == {}


@pytest.mark.parametrize("settle", [False, True])
@pytest.mark.parametrize(
    ("known", "results"),
    [
        (Fate.ACCEPTED, ["ACCEPTED"]),
        (Fate.NOT_SENT, ["ACCEPTED"]),
        (Fate.FORGOTTEN, ["IN_DOUBT"]),
        (Fate.UNANSWERED, ["IN_DOUBT"]),
    ],
)
async def test_what_an_earlier_life_handed_over_is_asked_for_and_claimed_again(
    bench: Bench, desk: Desk, known: Fate, results: list[str], settle: bool
) -> None:
    (sent,) = await bench.send(1)
    (before,) = await bench.outgoings(1)
    ((_, part),) = await desk.claim(before, replica="r0", epoch="e0")
    again = await desk.again(sent)
    bench.gateway.known = lambda key: (
        accept(key) if known is Fate.ACCEPTED else PartFate(key, known, reason="refused")
    )
    if settle:
        await desk.carrier.settle_expired([again])
    else:
        assert await desk.claim(again) == []
    ((asked_for, asking),) = desk.spawned
    assert asked_for is again
    await asking
    assert bench.gateway.asked == [("r0", "e0", [part.row_id.hex])]
    assert (desk.back, again.todo, again.delivery.settled) == ([again], None, False)
    leaving = await desk.claim(again)
    assert len(leaving) == (1 if known is Fate.NOT_SENT else 0)
    if leaving:
        assert leaving[0][1].possible_duplicate is False
        await desk.finish(leaving, Fate.ACCEPTED)
    await told(bench, sent["messageId"], *results)
    assert again.delivery.settled


async def test_a_ledger_that_is_away_is_asked_until_it_is_back(bench: Bench, desk: Desk) -> None:
    away = raising(LedgerAway("OperationalError"))
    bench.works.script(prepare, away, away)
    bench.works.script(record, away, away, away)
    (sent,) = await bench.send(1)
    (outgoing,) = await bench.outgoings(1)
    await desk.carry(outgoing)
    await told(bench, sent["messageId"], "ACCEPTED")
    assert bench.sleeps.slept == [LEDGER_RETRY] * 5
    assert [bench.works.calls.count(one) for one in (prepare, record)] == [3, 4]


async def test_a_receipt_that_came_before_its_response_is_told_and_confirmed(bench: Bench, desk: Desk) -> None:
    from ghasi.correlations import inbox
    from ghasi.correlations.types import ReceiptFacts

    (sent,) = await bench.send(1)
    (outgoing,) = await bench.outgoings(1)
    leaving = await desk.claim(outgoing)
    name = f"id-{leaving[0][1].row_id.hex}"
    now = datetime.now(UTC)
    facts = ReceiptFacts(
        receipt_key=outgoing.delivery.sequence,
        operator_id=UUID(bench.operator_id),
        operator_message_id=name,
        lookup_keys=(name,),
        status="DELIVERED",
        stat="DELIVRD",
        final=True,
        error_code="000",
        done_at=now,
        taken_at=now,
        destination="93700000001",
    )
    early = await bench.works.plainly(lambda: inbox.take_receipts([facts], now=now))
    assert early == []
    bench.works.script(confirm, raising(LedgerAway("OperationalError")))
    await desk.finish(leaving, Fate.ACCEPTED)
    await told(bench, sent["messageId"], "ACCEPTED")
    await until(lambda: len(bench.platform.receipts_of(sent["messageId"])) == 1)
    assert bench.works.calls == [prepare, record, confirm]
    assert outgoing.delivery.settled, "an event that is not confirmed is told again, and holds up nothing"


async def test_the_carrier_is_idle_only_when_no_claim_is_under_way(bench: Bench, desk: Desk) -> None:
    gate = asyncio.Event()
    bench.works.script(prepare, gate.wait)
    await bench.send(1)
    (outgoing,) = await bench.outgoings(1)
    assert desk.carrier.idle.is_set()
    claiming = asyncio.create_task(desk.claim(outgoing))
    await until(lambda: prepare in bench.works.calls)
    assert not desk.carrier.idle.is_set()
    gate.set()
    await claiming
    await asyncio.wait_for(desk.carrier.idle.wait(), 60)
