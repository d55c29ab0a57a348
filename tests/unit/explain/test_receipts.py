from __future__ import annotations

from ghasi.explain.dialect import PLAIN, Dialect, dialect_of
from ghasi.explain.receipts import explain_receipt
from ghasi.explain.show import in_plain
from ghasi.profiles.presets import effective
from ghasi.smpp.pdu import DeliverSm
from ghasi.smpp.tlv import Tag, Tlv

TEXT = b"id:0A sub:001 submit date:2604181030 done date:260418103107 stat:UNDELIV err:027 text:hi"


def told(pdu: DeliverSm, dialect: Dialect = PLAIN) -> list[str]:
    return [" ".join(line.split()) for line in in_plain(explain_receipt(pdu, dialect))]


def test_all_from_the_text() -> None:
    assert told(DeliverSm(esm_class=4, short_message=TEXT)) == [
        "delivery receipt",
        "told by esm_class 0x04",
        "id '0A' from the text",
        "lookup key a as written, without case, padding and leading zeros",
        "stat UNDELIV UNDELIVERABLE, text",
        "state UNDELIVERABLE by the text, final: nothing more is expected",
        "err '027' from the text",
        "error 027 as the event tells it",
        "cause UNKNOWN no table lists that code",
        "submit date 2026-04-18 10:30:00 2026-04-18 10:30:00 UTC, the operator's zone is taken for UTC",
        "done date 2026-04-18 10:31:07 2026-04-18 10:31:07 UTC, the operator's zone is taken for UTC",
        "text 'hi' the sender's own words, as far as they are repeated",
    ]


def test_the_tlvs_are_believed_first_and_a_difference_is_told() -> None:
    tlvs = (
        Tlv.integer(Tag.MESSAGE_STATE, 2),
        Tlv(Tag.NETWORK_ERROR_CODE, b"\3\0\5"),
        Tlv.c_string(Tag.RECEIPTED_MESSAGE_ID, "10"),
    )
    lines = told(DeliverSm(esm_class=4, short_message=TEXT, tlvs=tlvs))
    for line in (
        "id '10' from the TLV, looked for first",
        "id '0A' from the text",
        "message_state 2 DELIVERED, TLV",
        "state DELIVERED by the TLV, final: nothing more is expected",
        "network error 030005 from the TLV",
        "! TLV and text name two ids: the part may be under either",
        "! TLV and text tell different states: the TLV is believed",
    ):
        assert line in lines


def test_an_operators_profile() -> None:
    document = {
        "receipts": {
            "zone": "Asia/Kabul",
            "words": {"HANDED": "undeliverable"},
            "idBase": "dec",
            "errors": {"form": "dec", "base": 0x1000, "causes": {"0x107E": "ABSENT_SUBSCRIBER"}},
        }
    }
    body = b"id:0A done date:2604181030 stat:HANDED err:126"
    lines = told(DeliverSm(esm_class=4, short_message=body), dialect_of(effective(document)))
    for line in (
        "lookup key #10 the number, ids read as hex",
        "stat HANDED UNDELIVERABLE, text, by the operator's own table",
        "error 126 as the event tells it; by the profile 0x107E",
        "cause ABSENT_SUBSCRIBER why it was not delivered",
        "done date 2026-04-18 10:30:00 2026-04-18 06:00:00 UTC, in Asia/Kabul",
    ):
        assert line in lines


def test_what_is_no_receipt_and_why() -> None:
    assert told(DeliverSm(short_message=b"hi")) == [
        "no receipt: an incoming message",
        "esm_class 0x00 neither 0x04 nor 0x20 stands in it",
        "shape - no receipted_message_id, and no text with id, stat and one more field",
    ]


def test_receipts_that_are_not_plain() -> None:
    lines = told(DeliverSm(esm_class=0x20, short_message=b"ACK/"))
    assert lines[0] == "intermediate notification"
    assert "! unreadable (no_fields): a text without a single key that is known" in lines
    lines = told(DeliverSm(esm_class=4, short_message=b"id:7 stat:WHATEVER"))
    assert "state UNKNOWN by the text, not final: another receipt is expected" in lines
    assert "! no table has that word: the state is UNKNOWN and never a failure" in lines
    lines = told(DeliverSm(short_message=b"id:7 stat:DELIVRD err:000"))
    assert "told by the shape of its text; esm_class does not say so" in lines
    lines = told(DeliverSm(esm_class=4, short_message=b"id:7 submit date:2604181030 done date:2604171030"))
    assert any(line.startswith("! done before it was submitted") for line in lines)


def test_optional_parameters_that_the_profile_reads() -> None:
    read = [{"tag": 0x1403, "name": "mccMnc"}, {"tag": 0x1404, "name": "cost", "encoding": "integer"}]
    pdu = DeliverSm(esm_class=4, short_message=TEXT, tlvs=(Tlv(0x1404, b"\x0c"), Tlv(0x1405, b"x")))
    lines = told(pdu, dialect_of(effective({"tlvs": {"read": read}})))
    assert "cost '12' read by the profile; stands in the event's tlvs" in lines
    assert not any(line.startswith("mccMnc") for line in lines)
