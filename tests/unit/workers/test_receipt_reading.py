"""workers.receipt_reading: from the octets of SMPP_RECEIPTS to what the ledger can match."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ghasi.contracts.sessions import SendRules
from ghasi.contracts.submission import LateResponse, encode
from ghasi.correlations.types import ReceiptFacts
from ghasi.smpp.pdu import DataSm, DeliverSm, EnquireLink, Pdu, encode_pdu
from ghasi.smpp.receipt import id_keys
from ghasi.smpp.tlv import Tlv
from workers.receipt_reading import Late, RawReceipt, read

OPERATOR = "550e8400-e29b-41d4-a716-446655440001"
TAKEN = datetime(2026, 4, 18, 10, 30, tzinfo=UTC)
TEXT = "id:0A1B sub:001 dlvrd:001 submit date:2604181029 done date:2604181030 stat:{stat} err:{err} text:Your code"
RULES = SendRules()


def deliver(text: str, **changes: object) -> DeliverSm:
    pdu = DeliverSm(
        source_addr="+93701234567", destination_addr="GHASI", esm_class=0x04, short_message=text.encode("latin-1")
    )
    return replace(pdu, **changes)  # type: ignore[arg-type]


def raw(frame: bytes, kind: str = "") -> RawReceipt:
    return RawReceipt(OPERATOR, 42, frame, TAKEN, kind)


def facts(pdu: Pdu, rules: SendRules = RULES) -> ReceiptFacts:
    found = read(raw(encode_pdu(pdu)), rules)
    assert isinstance(found, ReceiptFacts)
    return found


def test_a_plain_receipt() -> None:
    found = facts(deliver(TEXT.format(stat="DELIVRD", err="000")))
    assert found == ReceiptFacts(
        receipt_key=42,
        operator_id=UUID(OPERATOR),
        operator_message_id="0A1B",
        lookup_keys=("a1b",),
        status="DELIVERED",
        stat="DELIVRD",
        final=True,
        error_code="000",
        done_at=TAKEN,
        taken_at=TAKEN,
        destination="93701234567",
        sender="GHASI",
    )


@pytest.mark.parametrize(
    ("stat", "esm_class", "status", "final"),
    [
        ("UNDELIV", 0x04, "UNDELIVERABLE", True),
        ("ENROUTE", 0x04, "ACCEPTED", False),
        ("DELIVRD", 0x20, "DELIVERED", False),
        ("UNKNOWN", 0x04, "UNKNOWN", False),
        ("NOSUCHWORD", 0x04, "UNKNOWN", False),
    ],
)
def test_states_and_whether_they_are_final(stat: str, esm_class: int, status: str, final: bool) -> None:
    found = facts(deliver(TEXT.format(stat=stat, err="001"), esm_class=esm_class))
    assert (found.status, found.stat, found.final, found.unreadable) == (status, stat, final, None)


def test_unknown_is_final_where_the_operator_means_it_so() -> None:
    pdu = deliver(TEXT.format(stat="UNKNOWN", err="000"))
    assert facts(pdu, SendRules(unknown_is_final=True)).final


@pytest.mark.parametrize(("zone", "hour"), [("Asia/Kabul", 6), ("UTC", 10), ("No/Where", 10), ("../etc", 10)])
def test_the_done_date_is_in_the_operators_zone(zone: str, hour: int) -> None:
    found = facts(deliver(TEXT.format(stat="DELIVRD", err="000")), SendRules(dlr_zone=zone))
    assert found.done_at is not None
    assert found.done_at.hour == hour


@pytest.mark.parametrize(
    ("base", "response", "receipt"),
    [("hex", "3E8", "1000"), ("dec", "1000", "3e8"), ("text", "0A1B", "a1b"), ("hex", "0x3e8", "0001000")],
)
def test_ids_of_responses_and_receipts_meet(base: str, response: str, receipt: str) -> None:
    found = facts(deliver(f"id:{receipt} stat:DELIVRD"), SendRules(id_base=base))
    assert found.lookup_keys[:1] == tuple(id_keys(response, base=base))


@pytest.mark.parametrize(
    ("base", "receipt", "keys"),
    [
        ("hex", "1000", ("#1000", "3e8")),
        ("dec", "3e8", ("#1000", "1000")),
        ("hex", "3e8-x", ("3e8-x",)),
        ("hex", "#ab", ("#ab",)),
        ("hex", "7", ("#7", "7")),
        ("dec", "0x10", ("#16", "16")),
        ("text", "1000", ("1000",)),
    ],
)
def test_a_number_is_looked_for_as_text_too_as_the_response_writes_it(
    base: str, receipt: str, keys: tuple[str, ...]
) -> None:
    assert facts(deliver(f"id:{receipt} stat:DELIVRD"), SendRules(id_base=base)).lookup_keys == keys


def test_tlvs_alone_and_data_sm() -> None:
    tlvs = (Tlv(0x001E, b"0A1B\0"), Tlv(0x0427, b"\x05"))
    pdu = DataSm(source_addr="93701234567", destination_addr="GHASI", esm_class=0x04, tlvs=tlvs)
    found = facts(pdu)
    assert (found.operator_message_id, found.status, found.stat) == ("0A1B", "UNDELIVERABLE", None)


@pytest.mark.parametrize(
    ("pdu", "reason"),
    [
        (deliver("ACK/"), "no_fields"),
        (deliver(""), "empty"),
        (deliver("stat:DELIVRD err:000"), "no_id"),
        (deliver("id:0A1B err:000"), "no_state"),
        (deliver("Salam", esm_class=0), "not_a_receipt"),
        (EnquireLink(), "other_pdu"),
        (deliver(f"id:{'7' * 140} stat:DELIVRD"), "long_id"),
    ],
)
def test_what_cannot_be_read_is_named_and_never_a_failure(pdu: Pdu, reason: str) -> None:
    found = facts(pdu)
    assert (found.unreadable, found.final) == (reason, False)
    assert found.status not in ("UNDELIVERABLE", "REJECTED", "EXPIRED", "DELETED")


@pytest.mark.parametrize("frame", [b"", b"\x00" * 16, b"\x00\x00\x00\x10\x00\x00\x00\x05" + b"\x00" * 8, b"no pdu"])
def test_a_broken_pdu_is_named(frame: bytes) -> None:
    found = read(raw(frame), RULES)
    assert isinstance(found, ReceiptFacts)
    assert found.unreadable == "broken_pdu"
    assert found.lookup_keys == ()


@given(st.binary(max_size=200), st.sampled_from(["", "response", "other"]))
def test_no_octets_raise(frame: bytes, kind: str) -> None:
    assert isinstance(read(raw(frame, kind), RULES), ReceiptFacts | Late)


@given(st.binary(max_size=120), st.integers(0, 255))
def test_no_text_raises(body: bytes, esm_class: int) -> None:
    frame = encode_pdu(DeliverSm(source_addr="1", esm_class=esm_class, short_message=body, data_coding=esm_class % 9))
    assert isinstance(read(raw(frame), RULES), ReceiptFacts)


@pytest.mark.parametrize(
    ("date", "zone", "moment"),
    [
        ("2604181029", "UTC", None),
        ("2604181029", "Etc/UTC", datetime(2026, 4, 18, 10, 29, tzinfo=UTC)),
        ("2604181459", "Asia/Kabul", datetime(2026, 4, 18, 10, 29, tzinfo=UTC)),
        ("260418102930016+", "UTC", datetime(2026, 4, 18, 6, 29, 30, tzinfo=UTC)),
        ("0000000000", "Asia/Kabul", None),
        ("", "Asia/Kabul", None),
    ],
)
def test_a_submit_date_counts_where_its_zone_is_known(date: str, zone: str, moment: datetime | None) -> None:
    text = f"id:1 submit date:{date} done date:2604181030 stat:DELIVRD err:000 text:"
    assert facts(deliver(text), SendRules(dlr_zone=zone)).submit_date == moment


@pytest.mark.parametrize(("value", "told"), [(b"\x12\x34", "1234"), (b"", None), (b"x" * 33, None)])
def test_the_reference_a_receipt_repeats(value: bytes, told: str | None) -> None:
    pdu = deliver(TEXT.format(stat="DELIVRD", err="000"), tlvs=(Tlv(0x0204, value),))
    assert facts(pdu).user_message_reference == told


def test_a_late_response() -> None:
    row = uuid4()
    answered = datetime(2026, 4, 18, 10, 29, 30, 500_000, tzinfo=UTC)
    response = LateResponse(row.hex, "0A1B", 0, int(answered.timestamp() * 1000))
    found = read(raw(encode(response), "response"), RULES)
    assert found == Late(row, response, answered)


@pytest.mark.parametrize("answered_ms", [0, 10**18])
def test_a_late_response_without_a_usable_time_came_when_taken_in(answered_ms: int) -> None:
    found = read(raw(encode(LateResponse(uuid4().hex, "", 8, answered_ms)), "response"), RULES)
    assert isinstance(found, Late)
    assert found.at == TAKEN


@pytest.mark.parametrize("body", [b"", b"\xc1", encode(LateResponse("no uuid", "1", 0, 0))])
def test_a_broken_response_is_named(body: bytes) -> None:
    found = read(raw(body, "response"), RULES)
    assert isinstance(found, ReceiptFacts)
    assert found.unreadable == "broken_response"


def test_the_frame_stays_out_of_the_repr() -> None:
    assert "Your code" not in repr(raw(encode_pdu(deliver(TEXT.format(stat="DELIVRD", err="000")))))
    assert "93701234567" not in repr(raw(encode_pdu(deliver("93701234567"))))
