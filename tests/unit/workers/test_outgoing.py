"""workers.outgoing: from a delivery to PDUs by the operator's rules, or to the reason there are none."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from ghasi.contracts.commands import DeadReason, Refused
from ghasi.contracts.sessions import InDoubtPolicy, SendRules
from ghasi.correlations.types import DoubtRule
from ghasi.smpp.pdu import SubmitSm, decode_pdu
from ghasi.smpp.tlv import Tag, find
from workers.outgoing import Outgoing, dead_letter_body, take

NOW = datetime(2026, 4, 18, 10, 31, tzinfo=UTC)
OPERATOR = "550e8400-e29b-41d4-a716-446655440001"


class FakeDelivery:
    """What `take` reads of a delivery."""

    def __init__(self, data: bytes, headers: dict[str, str] | None = None) -> None:
        self.data = data
        self.headers = headers or {}
        self.stored = 1_000_000_000.0

    def header(self, name: str) -> str | None:
        return self.headers.get(name)


def taken(rules: SendRules | None = None, headers: dict[str, str] | None = None, **changes: Any) -> Outgoing:
    command = {
        "version": "1.0",
        "eventId": "2f1c4a52-6a0e-4a6e-9c39-0d5a2a1b7c11",
        "messageId": "7a9d1c34-5b6e-4f80-9a1b-2c3d4e5f6071",
        "to": "+93701234567",
        "from": "GHASI",
        "text": "Your code is 482913",
        "operatorId": OPERATOR,
        "accountId": "a",
        "messageType": "SMS",
        "encoding": "GSM7",
        "longMessageStrategy": "CSMS",
        "enqueuedAt": "2026-04-18T10:30:00.000Z",
        "expiresAt": "2026-04-18T10:40:00.000Z",
    } | changes
    delivery: Any = FakeDelivery(json.dumps(command).encode(), headers)
    return take(delivery, OPERATOR, rules or SendRules(), NOW, 30)


def submits(outgoing: Outgoing) -> list[SubmitSm]:
    decoded = [decode_pdu(pdu) for pdu in outgoing.pdus]
    assert all(isinstance(pdu, SubmitSm) for pdu in decoded)
    return [pdu for pdu in decoded if isinstance(pdu, SubmitSm)]


def test_a_short_text_is_one_plain_submit_sm() -> None:
    outgoing = taken()
    (pdu,) = submits(outgoing)
    assert pdu.destination_addr == "93701234567"
    assert (pdu.source_addr_ton, pdu.source_addr_npi, pdu.source_addr) == (5, 0, "GHASI")
    assert (pdu.dest_addr_ton, pdu.dest_addr_npi) == (1, 1)
    assert (pdu.esm_class, pdu.data_coding, pdu.registered_delivery) == (0, 0, 1)
    assert pdu.short_message == b"Your code is 482913"
    assert outgoing.strategy == ""


def test_a_long_text_goes_in_parts_with_one_reference() -> None:
    outgoing = taken(text="x" * 320)
    parts = submits(outgoing)
    assert len(parts) == 3
    assert all(part.esm_class == 0x40 for part in parts)
    assert {part.short_message[:4] for part in parts} == {parts[0].short_message[:4]}
    assert [part.short_message[5] for part in parts] == [1, 2, 3]
    assert outgoing.strategy == "csms"
    assert [pdu.short_message for pdu in submits(taken(text="x" * 320))] == [p.short_message for p in parts]


def test_parts_carry_a_reference_of_their_own_where_the_operator_wants_one() -> None:
    outgoing = taken(SendRules(user_message_reference=True), text="x" * 320)
    found = [find(part.tlvs, Tag.USER_MESSAGE_REFERENCE) for part in submits(outgoing)]
    values = [int.from_bytes(tlv.value, "big") for tlv in found if tlv is not None]
    assert values == [values[0], values[0] + 1, values[0] + 2]
    assert outgoing.intent().user_message_reference == f"{values[0]:04x}"
    again = taken(SendRules(user_message_reference=True), text="x" * 320)
    assert again.pdus == outgoing.pdus, "a later attempt carries the same"


def test_no_reference_unless_the_operator_wants_one() -> None:
    outgoing = taken()
    assert submits(outgoing)[0].tlvs == ()
    assert outgoing.intent().user_message_reference is None


def test_tlv_is_one_pdu_with_message_payload() -> None:
    outgoing = taken(text="x" * 320, longMessageStrategy="TLV")
    (pdu,) = submits(outgoing)
    assert pdu.short_message == b""
    assert [tlv.tag for tlv in pdu.tlvs] == [0x0424]
    assert outgoing.strategy == "tlv"


def test_a_character_outside_gsm_goes_out_as_ucs2_unless_the_rules_are_strict() -> None:
    (pdu,) = submits(taken(text="سلام"))
    assert pdu.data_coding == 8
    assert pdu.short_message == "سلام".encode("utf-16-be")
    with pytest.raises(Refused) as refused:
        taken(SendRules(strict=True), text="سلام")
    assert refused.value.reason is DeadReason.BAD_TEXT


@pytest.mark.parametrize(
    ("rules", "encoding", "data_coding"),
    [("dcs", "GSM7", 0x10), ("dcs", "UCS2", 0x18), ("f0", "GSM7", 0xF0), ("subunit", "GSM7", 0)],
)
def test_flash_by_the_operators_rule(rules: str, encoding: str, data_coding: int) -> None:
    (pdu,) = submits(taken(SendRules(flash=rules), messageType="FLASH", encoding=encoding))
    assert pdu.data_coding == data_coding
    assert [tlv.tag for tlv in pdu.tlvs] == ([0x0005] if rules == "subunit" else [])


def test_sar_tlvs_by_rule() -> None:
    parts = submits(taken(SendRules(long_mode="sar"), text="x" * 320))
    assert [sorted(tlv.tag for tlv in part.tlvs) for part in parts] == [[0x020C, 0x020E, 0x020F]] * 3


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"text": "x" * 255 * 153 + "y"}, DeadReason.TOO_LONG),
        ({"from": "TWELVELETTERS"}, DeadReason.BAD_SENDER),
        ({"from": "x" * 30}, DeadReason.BAD_SENDER),
        ({"from": ""}, DeadReason.BAD_SENDER),
    ],
)
def test_what_can_never_be_sent_is_refused(changes: dict[str, Any], reason: DeadReason) -> None:
    with pytest.raises(Refused) as refused:
        taken(**changes)
    assert refused.value.reason is reason
    assert refused.value.message_id == "7a9d1c34-5b6e-4f80-9a1b-2c3d4e5f6071"


TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def test_a_traceparent_that_is_none_is_not_carried_on() -> None:
    assert taken(None, {"traceparent": "+93701234567"}).intent().traceparent is None
    assert taken(traceparent="Your code is 482913").intent().traceparent is None
    assert taken(traceparent=TRACE).intent().traceparent == TRACE


def test_the_intent_carries_what_the_ledger_needs() -> None:
    outgoing = taken(
        SendRules(in_doubt_wait=5.0),
        {"traceparent": TRACE, "Smpp-Replay": "3"},
        text="x" * 320,
    )
    intent = outgoing.intent()
    assert (str(intent.operator_id), str(intent.requested_operator_id)) == (OPERATOR, OPERATOR)
    assert (intent.segments, intent.destination, intent.sender) == (3, "93701234567", "GHASI")
    assert (intent.traceparent, intent.replay_attempt, intent.in_doubt_wait) == (TRACE, 3, 5.0)


def test_the_intent_names_who_carries_and_how_others_handle_their_doubts() -> None:
    backup = UUID("550e8400-e29b-41d4-a716-446655440009")
    outgoing = taken(text="x" * 161)
    outgoing.encode(SendRules(long_mode="sar", in_doubt_policy=InDoubtPolicy.HOLD), str(backup), NOW)
    own, other = DoubtRule(backup, "resend", 60.0), DoubtRule(UUID(OPERATOR), "fail", 3.0)
    intent = outgoing.intent((own, other), apart=True)
    assert (intent.operator_id, str(intent.requested_operator_id)) == (backup, OPERATOR)
    assert intent.other_doubts == (other,)
    assert intent.apart
    assert intent.doubt_of(UUID(OPERATOR)) == ("fail", 3.0)
    assert intent.doubt_of(backup) == ("hold", 60.0), "as built, not as heard since"
    assert [len(pdu.tlvs) for pdu in submits(outgoing)] == [3, 3]


def test_expiry_counts_only_before_anything_is_claimed() -> None:
    outgoing = taken()
    late = NOW + timedelta(minutes=10)
    assert not outgoing.expired(NOW)
    assert outgoing.expired(late)
    outgoing.todo = type(outgoing.todo or __import__("collections").deque())()
    assert not outgoing.expired(late)


def test_a_giant_dead_letter_is_its_head_length_and_hash() -> None:
    assert dead_letter_body(b"abc", 3) == (b"abc", {})
    body, headers = dead_letter_body(b"abcd", 3)
    assert body == b"abc"
    assert headers["Smpp-Length"] == "4"
    assert headers["Smpp-Sha256"].startswith("88d4266fd4e6338d13b845fcf289579d")


@pytest.mark.parametrize(
    ("encoding", "text", "data_coding", "body"),
    [
        ("LATIN1", "Olá", 0x03, "4f6ce1"),
        ("ASCII", "a@", 0x01, "6140"),
        ("ISO-8859-5", "Да", 0x06, "b4d0"),
        ("BINARY", "00ffA0", 0x04, "00ffa0"),
        ("LATIN1", "čd", 0x08, "010d0064"),
    ],
)
def test_other_encodings_by_the_command(encoding: str, text: str, data_coding: int, body: str) -> None:
    (pdu,) = submits(taken(encoding=encoding, text=text))
    assert (pdu.data_coding, pdu.short_message.hex(), pdu.esm_class) == (data_coding, body, 0)


def test_a_binary_body_with_its_own_header() -> None:
    (pdu,) = submits(taken(encoding="BINARY", text="0102", udh="05040b8423f0"))
    assert (pdu.esm_class, pdu.short_message.hex()) == (0x40, "06" + "05040b8423f0" + "0102")
    parts = submits(taken(encoding="BINARY", text="5a" * 200, udh="05040b8423f0"))
    assert [len(part.short_message) for part in parts] == [140, 84]
    assert all(part.short_message[6:12].hex() == "05040b8423f0" for part in parts)
    (whole,) = submits(taken(encoding="BINARY", text="5a" * 200, longMessageStrategy="TLV"))
    payload = find(whole.tlvs, Tag.MESSAGE_PAYLOAD)
    assert payload is not None
    assert payload.value == b"\x5a" * 200


@pytest.mark.parametrize(
    ("changes", "detail"),
    [
        ({"encoding": "BINARY", "text": "12 34"}, "text is not hexadecimal, two digits an octet"),
        ({"encoding": "BINARY", "text": "1"}, "text is not hexadecimal, two digits an octet"),
        ({"encoding": "BINARY", "text": "12", "udh": "x"}, "udh is not hexadecimal, two digits an octet"),
        ({"encoding": "BINARY", "text": "12", "udh": ""}, "udh is not hexadecimal, two digits an octet"),
        ({"encoding": "BINARY", "text": "12", "udh": "0504"}, "udh ends within an element"),
        ({"encoding": "BINARY", "text": "12", "udh": "0003010101"}, "udh may not hold element 0x00 (concatenation)"),
        ({"encoding": "GSM7", "udh": "05040b8423f0"}, "udh is for encoding BINARY only"),
        ({"encoding": "LATIN1", "messageType": "FLASH"}, "data_coding has no flash form for LATIN1"),
        (
            {"encoding": "ISO-8859-5", "messageType": "FLASH", "text": "Да"},
            "data_coding has no flash form for ISO-8859-5",
        ),
    ],
)
def test_a_body_or_header_that_is_malformed_says_why(changes: dict[str, Any], detail: str) -> None:
    with pytest.raises(Refused) as caught:
        taken(**changes)
    assert (caught.value.reason, caught.value.detail) == (DeadReason.BAD_TEXT, detail)


def test_a_header_of_another_type_is_malformed() -> None:
    with pytest.raises(Refused) as caught:
        taken(encoding="BINARY", text="12", udh=5)
    assert caught.value.reason is DeadReason.MALFORMED


def test_a_command_without_a_header_may_say_so() -> None:
    assert taken(udh=None).changed == 0


def test_replaced_characters_are_counted_by_the_rules_of_the_carrier() -> None:
    outgoing = taken(SendRules(transliteration="punctuation"), text="“quoted” – and long " * 20)
    assert (outgoing.changed, len(outgoing.pdus), outgoing.strategy) == (60, 3, "csms")
    assert all(pdu.data_coding == 0 for pdu in submits(outgoing))
    assert "quoted" not in repr(outgoing)


def test_national_tables_by_the_rules() -> None:
    rules = SendRules(locking_shift=("turkish",), single_shift=("turkish", "spanish"))
    (pdu,) = submits(taken(rules, text="Şifreniz: 1234"))
    assert (pdu.data_coding, pdu.esm_class, pdu.short_message[:4].hex()) == (0, 0x40, "03240101")
    with pytest.raises(ValueError, match="klingon"):
        taken(SendRules(single_shift=("klingon",)))


def test_packed_by_the_rules() -> None:
    (pdu,) = submits(taken(SendRules(packed=True), text="hello"))
    assert pdu.short_message.hex() == "e8329bfd06"


def test_data_codings_by_the_rules() -> None:
    with pytest.raises(Refused) as caught:
        taken(SendRules(allowed_data_codings=(0,)), text="Ж")
    assert caught.value.detail == "the operator does not take data_coding 0x08"
    rules = SendRules(allowed_data_codings=(0, 6), data_coding_fallback=True)
    assert submits(taken(rules, text="Ж"))[0].data_coding == 6
