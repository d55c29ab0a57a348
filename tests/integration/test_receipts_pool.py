"""workers.receipts and workers.upkeep on a real PostgreSQL: receipts and late responses become events."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import connection

from ghasi.contracts import subjects
from ghasi.contracts.publication import Publication
from ghasi.contracts.sessions import SendRules, SessionRecord, State
from ghasi.contracts.submission import LateResponse, encode
from ghasi.correlations import inbox, ledger
from ghasi.correlations.ids import row_id
from ghasi.correlations.models import InboxReceipt, MessageCorrelation
from ghasi.correlations.types import Intent, Part, Verdict
from ghasi.operators.models import Operator as SeenOperator
from ghasi.smpp.pdu import DeliverSm, encode_pdu
from ghasi.smpp.tlv import Tag, Tlv
from workers import fates, metrics
from workers.ledger_work import LedgerAway
from workers.receipts import RawReceipt, RetryLater, confirm, take_in
from workers.upkeep import InboxSweep, Job, jobs

TO = "93701234567"
numbers = itertools.count(1)

pytestmark = pytest.mark.usefixtures("django_ready")


@pytest.fixture(autouse=True)
def _connection() -> Iterator[None]:
    yield
    connection.close()


class Operator:
    """An operator of one test: messages sent through it and what it says of them."""

    def __init__(self) -> None:
        self.id = uuid4()

    def send(self, segments: int = 1) -> list[Part]:
        """Parts claimed and handed over; their fates are not known yet."""
        now = datetime.now(UTC)
        intent = Intent(
            message_id=uuid4(),
            event_id=uuid4(),
            operator_id=self.id,
            requested_operator_id=self.id,
            destination=TO,
            sender="GHASI",
            account_id="account-1",
            segments=segments,
            enqueued_at=now,
            expires_at=now + timedelta(minutes=10),
        )
        [claim] = ledger.claim(
            [intent], replica="gateway-1", epoch="epoch-1", now=now, arm={intent.message_id: segments}
        )
        assert claim.verdict is Verdict.SEND
        return list(claim.parts)

    def accept(self, part: Part, operator_message_id: str, id_base: str = "text") -> None:
        now = datetime.now(UTC)
        ledger.record([fates.accepted(part, operator_message_id, at=now, id_base=id_base)], now=now)

    def doubt(self, *parts: Part) -> None:
        now = datetime.now(UTC)
        ledger.record([fates.in_doubt(part, "unanswered", at=now) for part in parts], now=now)

    def receipt(self, text: str, **fields: Any) -> RawReceipt:
        pdu = DeliverSm(
            source_addr=fields.pop("source", TO),
            destination_addr="GHASI",
            esm_class=fields.pop("esm_class", 0x04),
            short_message=text.encode("latin-1"),
            tlvs=fields.pop("tlvs", ()),
        )
        return self.raw(encode_pdu(pdu), **fields)

    def late(self, row: UUID, operator_message_id: str = "", status: int = 0) -> RawReceipt:
        answered = int(datetime.now(UTC).timestamp() * 1000)
        return self.raw(encode(LateResponse(row.hex, operator_message_id, status, answered)), kind="response")

    def raw(self, frame: bytes, *, kind: str = "", age: timedelta = timedelta()) -> RawReceipt:
        return RawReceipt(str(self.id), next(numbers), frame, datetime.now(UTC) - age, kind)

    def row(self, part: Part) -> MessageCorrelation:
        return MessageCorrelation.objects.get(pk=part.row_id)

    def waiting(self) -> int:
        return InboxReceipt.objects.filter(operator_id=self.id, matched_at=None).count()

    def count(self, metric: Any, *labels: str) -> float:
        return float(metric.labels(str(self.id), *labels)._value.get())


@pytest.fixture
def operator() -> Operator:
    return Operator()


def told(publications: list[Publication]) -> list[tuple[str, dict[str, Any]]]:
    return [(one.subject, json.loads(one.payload)) for one in publications]


def brief(publications: list[Publication]) -> list[tuple[str, Any, str]]:
    """(event, messageId, its word) of each."""
    return [
        (
            "result" if subject == subjects.SUBMIT_RESULT else "dlr",
            event["messageId"],
            event.get("result") or event["status"],
        )
        for subject, event in told(publications)
    ]


def text(operator_message_id: str, stat: str = "DELIVRD") -> str:
    return (
        f"id:{operator_message_id} sub:001 dlvrd:001 submit date:2604181029 done date:2604181030 stat:{stat} err:000"
    )


def test_a_receipt_becomes_an_event_and_a_state(operator: Operator) -> None:
    parts = operator.send(2)
    for part in parts:
        operator.accept(part, f"0A{part.segment}B")
    taken = take_in([operator.receipt(text("0a2b")), operator.receipt(text("A1B", "UNDELIV"))])
    message = str(parts[0].message_id)
    assert brief(taken.publications) == [("dlr", message, "DELIVERED"), ("dlr", message, "UNDELIVERABLE")]
    assert [event["segment"] for _, event in told(taken.publications)] == [2, 1]
    assert [event["operatorMessageId"] for _, event in told(taken.publications)] == ["0A2B", "0A1B"]
    assert {operator.row(part).status for part in parts} == {"DLR_RECEIVED"}
    assert operator.count(metrics.dlr_received, "DELIVERED") == 1
    assert operator.count(metrics.dlr_correlation_not_found) == 0


def test_the_same_batch_again_is_the_same_events(operator: Operator) -> None:
    [part] = operator.send()
    operator.accept(part, "77")
    batch = [operator.receipt(text("77")), operator.receipt(text("unknown-1"))]
    first, again = take_in(batch), take_in(batch)
    assert [one.msg_id for one in first.publications] == [one.msg_id for one in again.publications] != []
    assert operator.waiting() == 1


def test_a_receipt_before_its_response_waits_and_the_sweep_finds_it(operator: Operator) -> None:
    [part] = operator.send()
    early = take_in([operator.receipt(text("88"))])
    assert early.publications == []
    assert operator.waiting() == 1
    assert operator.count(metrics.dlr_correlation_not_found) == 1
    operator.accept(part, "88")
    sweep = InboxSweep()
    found = sweep.run(datetime.now(UTC))
    assert ("dlr", str(part.message_id), "DELIVERED") in brief(found)
    sweep.confirm(datetime.now(UTC))
    later = datetime.now(UTC) + timedelta(minutes=1)
    assert ("dlr", str(part.message_id), "DELIVERED") not in brief(sweep.run(later))


ABSENT = (Tlv(Tag.NETWORK_ERROR_CODE, b"\3\0\x1b"),)
"""GSM: absent subscriber."""


def test_the_cause_is_told_when_it_comes_and_when_it_had_to_wait(operator: Operator) -> None:
    [known], [late] = operator.send(), operator.send()
    operator.accept(known, "91")
    batch = [operator.receipt(text(name, "UNDELIV"), tlvs=ABSENT) for name in ("91", "92")]
    [at_once] = told(take_in(batch).publications)
    operator.accept(late, "92")
    found = told(InboxSweep().run(datetime.now(UTC)))
    [waited] = [event for _, event in found if event["messageId"] == str(late.message_id)]
    assert (at_once[1]["cause"], waited["cause"]) == ("ABSENT_SUBSCRIBER", "ABSENT_SUBSCRIBER")
    assert (at_once[1]["smppErrorCode"], waited["smppErrorCode"]) == ("000", "000")


def test_an_error_nobody_has_a_table_for_is_an_unknown_cause(operator: Operator) -> None:
    [part] = operator.send()
    operator.accept(part, "93")
    [(_, event)] = told(take_in([operator.receipt(text("93", "UNDELIV").replace("err:000", "err:042"))]).publications)
    assert (event["smppErrorCode"], event["cause"]) == ("042", "UNKNOWN")


def test_what_the_sweep_told_and_nobody_confirmed_is_told_again(operator: Operator) -> None:
    [part] = operator.send()
    take_in([operator.receipt(text("89"))])
    operator.accept(part, "89")
    now = datetime.now(UTC)
    lost = [one for one in InboxSweep().run(now) if str(part.message_id).encode() in one.payload]
    again = [
        one for one in InboxSweep().run(now + timedelta(minutes=1)) if str(part.message_id).encode() in one.payload
    ]
    assert [one.msg_id for one in again] == [one.msg_id for one in lost] != []


def test_after_ten_minutes_a_receipt_without_a_part_is_told_without_a_message(operator: Operator) -> None:
    take_in([operator.receipt(text("nobody-1", "EXPIRED"), age=timedelta(minutes=11))])
    sweep = InboxSweep()
    mine = [event for _, event in told(sweep.run(datetime.now(UTC))) if event["operatorId"] == str(operator.id)]
    assert [(event["messageId"], event["status"], event["operatorMessageId"]) for event in mine] == [
        (None, "EXPIRED", "nobody-1")
    ]
    sweep.confirm(datetime.now(UTC))
    later = told(InboxSweep().run(datetime.now(UTC) + timedelta(minutes=1)))
    assert not [event for _, event in later if event["operatorId"] == str(operator.id)]
    assert operator.waiting() == 1


def test_a_late_response_settles_what_was_in_doubt(operator: Operator) -> None:
    [part] = operator.send()
    operator.doubt(part)
    taken = take_in([operator.late(part.row_id, "99")])
    assert brief(taken.publications) == [("result", str(part.message_id), "ACCEPTED")]
    assert (operator.row(part).status, operator.row(part).operator_message_id) == ("SUBMITTED", "99")
    assert operator.count(metrics.late_responses) == 1


def test_a_late_refusal_is_told_as_a_rejection_with_its_receipt(operator: Operator) -> None:
    [part] = operator.send()
    operator.doubt(part)
    taken = take_in([operator.late(part.row_id, status=0x0B)])
    message = str(part.message_id)
    assert brief(taken.publications) == [("result", message, "REJECTED"), ("dlr", message, "REJECTED")]
    assert told(taken.publications)[0][1]["commandStatus"] == "ESME_RINVDSTADR"


def test_a_late_refusal_that_may_be_tried_again_is_no_outcome_yet(operator: Operator) -> None:
    [part] = operator.send()
    operator.doubt(part)
    assert take_in([operator.late(part.row_id, status=0x58)]).publications == []
    row = operator.row(part)
    assert row.status == "REJECTED"
    assert row.retry_at is not None


def test_a_receipt_and_the_late_response_it_needs_in_one_batch(operator: Operator) -> None:
    [part] = operator.send()
    operator.doubt(part)
    taken = take_in([operator.receipt(text("111")), operator.late(part.row_id, "111")])
    message = str(part.message_id)
    assert brief(taken.publications) == [("result", message, "ACCEPTED"), ("dlr", message, "DELIVERED")]


def test_a_late_response_wakes_the_receipt_that_waited(operator: Operator) -> None:
    [part], [other] = operator.send(), operator.send()
    operator.doubt(part, other)
    assert take_in([operator.receipt(text("122"))]).publications == [], "it may mean either"
    taken = take_in([operator.late(part.row_id, "122")])
    message = str(part.message_id)
    assert brief(taken.publications) == [("result", message, "ACCEPTED"), ("dlr", message, "DELIVERED")]
    assert len(taken.woken) == 1
    confirm(taken)
    later = datetime.now(UTC) + timedelta(minutes=1)
    assert message.encode() not in b"".join(one.payload for one in InboxSweep().run(later))


def test_ids_in_another_base_meet(operator: Operator) -> None:
    [part] = operator.send()
    operator.doubt(part)
    rules = SendRules(id_base="hex")
    taken = take_in([operator.late(part.row_id, "3E8"), operator.receipt(text("0001000"))], rules=rules)
    assert ("dlr", str(part.message_id), "DELIVERED") in brief(taken.publications)


@pytest.mark.parametrize(
    ("before", "response", "name"), [("hex", "3E8", "1000"), ("hex", "0x03e8", "0001000"), ("dec", "1000", "3E8")]
)
@pytest.mark.parametrize("now", ["text", "hex", "dec"])
def test_parts_accepted_under_another_base_are_found_after_the_change(
    operator: Operator, before: str, response: str, name: str, now: str
) -> None:
    [part], [after] = operator.send(), operator.send()
    operator.accept(part, response, before)
    rules = SendRules(id_base=now)
    operator.accept(after, {"text": "5", "hex": "ff", "dec": "255"}[now], now)
    later = {"text": "5", "hex": "255", "dec": "ff"}[now]
    taken = take_in([operator.receipt(text(name)), operator.receipt(text(later))], rules=rules)
    assert sorted(message for _, message, _ in brief(taken.publications)) == sorted(
        str(one.message_id) for one in (part, after)
    )


@pytest.mark.parametrize(
    ("response", "base", "name", "source"),
    [
        ("3E8", "hex", "1000", "93709999999"),
        ("1000", "hex", "1000", TO),
        ("1000", "dec", "1000", TO),
        ("0e999f21-0000-4000-8000-000000000000", "hex", "1000", TO),
    ],
)
def test_a_number_alone_brings_no_part_of_another_base(
    operator: Operator, response: str, base: str, name: str, source: str
) -> None:
    """Another subscriber's, or the same digits that never were that number."""
    [part] = operator.send()
    operator.accept(part, response, base)
    assert take_in([operator.receipt(text(name), source=source)]).publications == []
    assert operator.waiting() == 1


def test_a_part_under_its_own_text_goes_before_one_of_another_base(operator: Operator) -> None:
    [former], [own] = operator.send(), operator.send()
    operator.accept(former, "3E8", "hex")
    operator.accept(own, "1000")
    taken = take_in([operator.receipt(text("1000"))])
    assert brief(taken.publications) == [("dlr", str(own.message_id), "DELIVERED")]


def test_a_late_response_of_a_row_nobody_knows_is_passed_over(operator: Operator) -> None:
    assert take_in([operator.late(uuid4(), "1")]).publications == []


def test_what_cannot_be_read_stands_in_the_inbox_by_name(operator: Operator) -> None:
    batch = [
        operator.receipt("ACK/"),
        operator.receipt("Salam", esm_class=0),
        operator.raw(b"no pdu"),
        operator.raw(b"\xc1", kind="response"),
        operator.receipt(f"id:{'5' * 3000} stat:DELIVRD"[:250]),
    ]
    assert take_in(batch).publications == []
    stored = InboxReceipt.objects.filter(operator_id=operator.id).order_by("receipt_key")
    names = [row.unreadable for row in stored]
    assert names == ["no_fields", "not_a_receipt", "broken_pdu", "broken_response", "long_id"]
    assert {row.final for row in stored} == {False}
    assert operator.count(metrics.dlr_unreadable, "broken_pdu") == 1
    assert operator.count(metrics.dlr_correlation_not_found) == 0


def test_one_value_no_column_takes_does_not_hold_up_its_batch(operator: Operator) -> None:
    parts = [*operator.send(), *operator.send()]
    for part, name in zip(parts, ("141", "142"), strict=True):
        operator.accept(part, name)
    taken = take_in([operator.receipt(text("141")), operator.receipt(text("1\x0041")), operator.receipt(text("142"))])
    assert [message for _, message, _ in brief(taken.publications)] == [str(part.message_id) for part in parts]
    assert operator.waiting() == 1


def test_a_receipt_settles_a_part_in_doubt_whose_id_is_known(operator: Operator) -> None:
    """Resent in doubt and proved by the receipt of the first try."""
    [part] = operator.send()
    operator.doubt(part)
    MessageCorrelation.objects.filter(pk=part.row_id).update(operator_message_keys=["151"], operator_message_id="151")
    taken = take_in([operator.receipt(text("151"))])
    message = str(part.message_id)
    assert brief(taken.publications) == [("dlr", message, "DELIVERED"), ("result", message, "ACCEPTED")]


@pytest.fixture
def database_away(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    connection.close()
    monkeypatch.setitem(connection.settings_dict, "PORT", "1")
    yield
    connection.close()


@pytest.mark.usefixtures("database_away")
def test_a_database_that_is_away_means_later(operator: Operator) -> None:
    before = operator.count(metrics.dlr_received, "DELIVERED")
    for batch in ([operator.receipt(text("161"))], [operator.late(uuid4(), "1")]):
        with pytest.raises(RetryLater) as later:
            take_in(batch)
        assert later.value.seconds > 0
        assert TO not in str(later.value)
    assert operator.count(metrics.dlr_received, "DELIVERED") == before
    with pytest.raises(LedgerAway):
        job("inbox_sweep").function(datetime.now(UTC))


@pytest.mark.usefixtures("database_away")
def test_confirming_never_raises(operator: Operator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    [part] = operator.send()
    operator.doubt(part)
    take_in([operator.receipt(text("171"))])
    taken = take_in([operator.late(part.row_id, "171")])
    connection.close()
    monkeypatch.setitem(connection.settings_dict, "PORT", "1")
    confirm(taken)


def job(name: str) -> Job:
    [found] = [one for one in jobs(30, list) if one.name == name]
    return found


def test_every_job_runs_and_may_run_again() -> None:
    now = datetime.now(UTC)
    assert len({one.name for one in jobs(30, list)}) == len(jobs(30, list))
    for _ in range(2):
        for one in jobs(30, list):
            assert isinstance(one.function(now), list)
            if one.confirm is not None:
                one.confirm(now)


def test_the_admin_knows_the_operators_the_gateways_report() -> None:
    now, known = datetime.now(UTC), str(uuid4())
    records = [SessionRecord(known, "gw-1", "e1", State.BOUND, operator_name="Roshan", tps_limit=50)]
    [remember] = [one for one in jobs(30, lambda: records) if one.name == "operators"]
    assert remember.function(now) == []
    row = SeenOperator.objects.get(operator_id=known)
    assert (row.name, row.state, row.tps_limit) == ("Roshan", "BOUND", 50)
    records[0] = SessionRecord(known, "gw-1", "e1", State.UNBOUND, operator_name="Roshan", reason="silent for 40 s")
    remember.function(now)
    row.refresh_from_db()
    assert (row.state, row.reason) == ("UNBOUND", "silent for 40 s")


def test_the_inbox_shows_its_size_and_how_long_nobody_was_told(operator: Operator) -> None:
    show, now = job("inbox_size").function, datetime.now(UTC)
    [part] = operator.send()
    take_in([operator.receipt(text("nobody-2"), age=timedelta(seconds=700)), operator.receipt(text("nobody-3"))])
    take_in([operator.receipt("no receipt at all")])
    show(now)
    assert operator.count(metrics.receipts_inbox) == 2, "what cannot be read waits for nothing"
    assert 699 < operator.count(metrics.receipts_inbox_oldest) < 720
    sweep = InboxSweep()
    sweep.run(now)
    sweep.confirm(now)
    assert operator.count(metrics.receipts_given_up) == 1
    show(now)
    assert operator.count(metrics.receipts_inbox) == 2, "still matchable"
    assert operator.count(metrics.receipts_inbox_oldest) < 20
    operator.accept(part, "nobody-2")
    InboxReceipt.objects.filter(operator_id=operator.id, operator_message_id="nobody-3").delete()
    inbox.rematch(operator.id, ["nobody-2"], now=now)
    show(now)
    assert operator.count(metrics.receipts_inbox) == operator.count(metrics.receipts_inbox_oldest) == 0


def test_a_receipt_of_an_unknown_id_proves_a_part_in_doubt(operator: Operator) -> None:
    [part] = operator.send()
    operator.doubt(part)
    batch = [operator.receipt(text("201"))]
    message = str(part.message_id)
    first, again = take_in(batch), take_in(batch)
    assert brief(first.publications) == [("dlr", message, "DELIVERED"), ("result", message, "ACCEPTED")]
    assert {one.msg_id for one in again.publications} == {one.msg_id for one in first.publications}
    assert told(first.publications)[0][1]["operatorMessageId"] == "201"
    assert operator.count(metrics.in_doubt_proven, "facts") == 1
    assert operator.count(metrics.dlr_correlation_not_found) == 0


def test_the_sweep_tells_what_it_proved_and_counts_it(operator: Operator) -> None:
    [part] = operator.send()
    take_in([operator.receipt(text("211"))])
    operator.doubt(part)
    sweep = InboxSweep()
    found = [one for one in brief(sweep.run(datetime.now(UTC))) if one[1] == str(part.message_id)]
    assert found == [("dlr", str(part.message_id), "DELIVERED"), ("result", str(part.message_id), "ACCEPTED")]
    sweep.confirm(datetime.now(UTC))
    assert operator.count(metrics.in_doubt_proven, "facts") == 1


@pytest.mark.parametrize("status", [0x58, 0x0B])
def test_a_late_refusal_of_a_parked_part_is_final(operator: Operator, status: int) -> None:
    """Its command has been acknowledged: nobody would make the next try."""
    [part] = operator.send()
    operator.doubt(part)
    MessageCorrelation.objects.filter(pk=part.row_id).update(policy_action="hold")
    taken = take_in([operator.late(part.row_id, status=status)])
    message = str(part.message_id)
    assert brief(taken.publications) == [("result", message, "REJECTED"), ("dlr", message, "REJECTED")]


def test_a_late_response_whose_events_were_lost_tells_them_again(operator: Operator) -> None:
    accepted, refused = operator.send()[0], operator.send()[0]
    operator.doubt(accepted, refused)
    batch = [operator.late(accepted.row_id, "181"), operator.late(refused.row_id, status=0x0B)]
    first, again = take_in(batch), take_in(batch)
    assert len(first.publications) == 3
    assert {one.msg_id for one in again.publications} == {one.msg_id for one in first.publications}


def test_a_late_response_against_what_stands_tells_nothing(operator: Operator) -> None:
    [part] = operator.send()
    operator.accept(part, "191")
    assert take_in([operator.late(part.row_id, "192"), operator.late(part.row_id, status=0x0B)]).publications == []


def test_a_late_refusal_knows_the_refusals_before_it(operator: Operator) -> None:
    [part] = operator.send()
    now = datetime.now(UTC)
    row = operator.row(part)
    MessageCorrelation.objects.filter(pk=part.row_id).update(status="REJECTED", command_status=0x58, retry_at=now)
    row.pk, row.attempt = row_id(now), 2
    row.save(force_insert=True)
    [(carrier, found)] = ledger.find_parts([row.pk], now=now).values()
    assert (carrier, found.attempt, found.same_refusals, found.last_refusal) == (operator.id, 2, 1, 0x58)
