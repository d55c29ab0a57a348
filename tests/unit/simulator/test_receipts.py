"""Every dialect, as octets and as read by the connector's own parser."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from ghasi.simulator.dialects import DIALECTS
from ghasi.simulator.receipts import Address, ReceiptFacts, build, render, state_of
from ghasi.smpp.pdu import DataSm, DeliverSm, decode_pdu, encode_pdu
from ghasi.smpp.receipt import parse_receipt
from ghasi.smpp.tlv import Tag, find

FACTS = ReceiptFacts(
    id="0123456789",
    tlv_id="0123456789",
    stat="DELIVRD",
    submitted=datetime(2026, 4, 18, 10, 30, 15, 250_000, UTC),
    done=datetime(2026, 4, 18, 10, 31, 16, 900_000, UTC),
    source=Address(ton=5, npi=0, number="GHASI"),
    destination=Address(ton=1, npi=1, number="93700000001"),
    text="Your code is 482913 and more",
)
FAILED = replace(FACTS, stat="UNDELIV", err="027")

TEXTS = {
    "standard": "id:0123456789 sub:001 dlvrd:001 submit date:2604181030 done date:2604181031 stat:DELIVRD err:000 "
    "text:Your code is 482913 ",
    "seconds": "id:0123456789 sub:001 dlvrd:001 submit date:260418103015 done date:260418103116 stat:DELIVRD err:000 "
    "text:Your code is 482913 ",
    "fullYear": "id:0123456789 submit date:20260418103015 done date:20260418103116 stat:DELIVRD err:0 "
    "text:Your code is 482913 ",
    "fullYearMinutes": "id:0123456789 sub:001 dlvrd:001 submit date:202604181030 done date:202604181031 stat:DELIVRD "
    "err:000 text:Your code is 482913 ",
    "tenths": "id:0123456789 sub:001 dlvrd:001 submit date:260418103015200+ done date:260418103116900+ stat:DELIVRD "
    "err:000 text:Your code is 482913 ",
    "openMarket": "id:0123456789 sub:001 dlvrd:001 submitdate:260418103015 donedate:260418103116 stat:DELIVRD "
    "err:000 text:",
    "camelCase": "id:0123456789 sub:001 dlvrd:001 submitDate:2604181030 doneDate:2604181031 stat:DELIVRD err:000 "
    "text:Your code is 482913 ",
    "prefixed": "4790000000SMSAlert^id:0123456789 sub:0 dlvrd:1 submit date:2604181030 done date:2604181031 "
    "stat:DELIVRD err: text:",
    "nullWords": "id:0123456789 sub:null dlvrd:null submit date:2604181030 done date:2604181031 stat:DELIVRD "
    "err:null text:Your code is 482913 ",
    "csv": "00,2604181031,2604181030,,93700000001,GHASI,DELIVRD,0123456789",
    "ack": "ACK/",
}


@pytest.mark.parametrize("name", TEXTS)
def test_texts(name: str) -> None:
    assert render(DIALECTS[name], FACTS) == TEXTS[name]


def test_texts_of_a_failure() -> None:
    assert "dlvrd:000" in render(DIALECTS["standard"], FAILED)
    assert "stat:UNDELIV err:027" in render(DIALECTS["standard"], FAILED)
    assert "stat:FAILED err:027 text:none" in render(DIALECTS["failedWord"], FAILED)
    assert "stat:UNKNOWN err:01B" in render(DIALECTS["telesign"], FAILED)
    assert state_of(DIALECTS["telesign"], FAILED) == 9
    assert "err:0027" in render(DIALECTS["fourDigitErr"], FAILED)
    assert "donedate:000000000000 stat:REJECTED" in render(DIALECTS["openMarket"], replace(FAILED, stat="REJECTD"))
    assert "stat:undeliv" in render(DIALECTS["lowerCase"], FAILED)


def test_hexadecimal_errors_stay_as_given() -> None:
    assert "err:4A6" in render(DIALECTS["telesign"], replace(FAILED, err="4A6"))


def test_local_dates() -> None:
    kabul = timezone(timedelta(hours=4, minutes=30))
    local = replace(FACTS, submitted=FACTS.submitted.astimezone(kabul), done=FACTS.done.astimezone(kabul))
    assert "submit date:2604181500 done date:2604181501" in render(DIALECTS["standard"], local)
    assert "submit date:2604181030" in render(DIALECTS["standard"], FACTS)
    assert "done date:260418150116918+" in render(DIALECTS["tenths"], local)
    west = timezone(-timedelta(hours=3))
    assert "done date:260418073116912-" in render(
        DIALECTS["tenths"], replace(FACTS, done=FACTS.done.astimezone(west))
    )


@pytest.mark.parametrize("name", DIALECTS)
def test_every_receipt_goes_over_the_wire_and_back(name: str) -> None:
    pdu = build(DIALECTS[name], FACTS)
    assert decode_pdu(encode_pdu(pdu)) == pdu
    assert pdu.source_addr == "93700000001"
    assert pdu.destination_addr == "GHASI"
    assert (pdu.source_addr_ton, pdu.dest_addr_ton) == (1, 5)
    assert isinstance(pdu, DataSm) is (name == "dataSm")


UNUSABLE = {"csv", "ack"}


@pytest.mark.parametrize("facts", [FACTS, FAILED], ids=["delivered", "failed"])
@pytest.mark.parametrize("name", [name for name in DIALECTS if name not in UNUSABLE])
def test_the_connector_reads_every_usable_dialect(name: str, facts: ReceiptFacts) -> None:
    receipt = parse_receipt(build(DIALECTS[name], facts))
    assert receipt.is_receipt
    assert receipt.unreadable is None
    assert receipt.ids[0] == "0123456789"
    assert receipt.state == ("DELIVERED" if facts.stat == "DELIVRD" else "UNDELIVERABLE")


@pytest.mark.parametrize("name", sorted(UNUSABLE))
def test_what_nobody_can_read_is_never_a_failure(name: str) -> None:
    receipt = parse_receipt(build(DIALECTS[name], FAILED))
    assert receipt.unreadable is not None
    assert receipt.state is None


def value(pdu: DeliverSm | DataSm, tag: Tag) -> Any:
    found = find(pdu.tlvs, tag)
    return found.value if found else None


def test_tlv_only() -> None:
    pdu = build(DIALECTS["tlvOnly"], FAILED)
    assert isinstance(pdu, DeliverSm)
    assert pdu.short_message == b""
    assert value(pdu, Tag.RECEIPTED_MESSAGE_ID) == b"0123456789\0"
    assert value(pdu, Tag.MESSAGE_STATE) == b"\x05"
    assert value(pdu, Tag.NETWORK_ERROR_CODE) == b"\x03\x00\x1b"


def test_ucs2_and_payload() -> None:
    ucs2, payload = build(DIALECTS["ucs2"], FACTS), build(DIALECTS["messagePayload"], FACTS)
    assert isinstance(ucs2, DeliverSm)
    assert isinstance(payload, DeliverSm)
    assert ucs2.data_coding == 8
    assert ucs2.short_message.decode("utf-16-be") == TEXTS["standard"]
    assert payload.short_message == b""
    assert value(payload, Tag.MESSAGE_PAYLOAD).decode() == TEXTS["standard"]


def test_a_text_too_long_for_short_message_goes_as_payload() -> None:
    pdu = build(DIALECTS["ucs2"], replace(FACTS, id="9" * 60, text="x" * 20))
    assert isinstance(pdu, DeliverSm)
    assert pdu.short_message == b""
    assert len(value(pdu, Tag.MESSAGE_PAYLOAD)) > 255


def test_reference_and_esm_class() -> None:
    pdu = build(DIALECTS["standard"], replace(FACTS, reference=b"\x12\x34", esm_class=0x20))
    assert value(pdu, Tag.USER_MESSAGE_REFERENCE) == b"\x12\x34"
    assert pdu.esm_class == 0x20
    assert build(DIALECTS["unmarked"], FACTS).esm_class == 0


def test_states() -> None:
    standard = DIALECTS["standard"]
    words = ("ENROUTE", "DELIVRD", "EXPIRED", "DELETED", "UNDELIV", "ACCEPTD", "UNKNOWN", "REJECTD", "WEIRD")
    assert [state_of(standard, replace(FACTS, stat=word)) for word in words] == [1, 2, 3, 4, 5, 6, 7, 8, 7]
    assert state_of(standard, replace(FACTS, state=9)) == 9


def test_numbers_are_not_shown() -> None:
    assert "93700000001" not in repr(FACTS.destination) + repr(FACTS)
