from __future__ import annotations

import pytest

from ghasi.explain import explain_pdu, explain_receipt, explain_segments
from ghasi.smpp.pdu import BindTransceiver, DataSm, DeliverSm, Pdu, QuerySmResp, SubmitSm, SubmitSmResp
from ghasi.smpp.receipt import parse_receipt
from ghasi.smpp.tlv import Tag, Tlv
from ghasi.sms.coding import Alphabet, Wanted
from ghasi.sms.segmentation import LongMode, Strategy, split


def _pdu(pdu: Pdu) -> str:
    return "\n".join(explain_pdu(pdu))


def test_why_a_text_is_ucs2() -> None:
    assert "gsm7 has no 'č' U+010D, character 3" in explain_segments("abč", split("abč"))[0]
    assert "has no" not in explain_segments("abc", split("abc", Wanted.UCS2))[0]
    latin1 = split("á€", alphabet=Alphabet.LATIN1)
    assert "latin1 has no '€'" in explain_segments("á€", latin1, Alphabet.LATIN1)[0]


@pytest.mark.parametrize(
    ("text", "options", "words"),
    [
        ("x" * 160, {}, "1, plain (up to 160 septets)"),
        ("x" * 161, {}, "2, joined by a user data header (153 septets each, 8-bit reference)"),
        (
            "ж" * 71,
            {"reference_bits": 16},
            "2, joined by a user data header (66 UTF-16 units each, 16-bit reference)",
        ),
        ("x" * 161, {"strategy": Strategy.TLV}, "1 PDU for 2 parts, in message_payload, cut by the SMSC"),
        ("x" * 161, {"long_mode": LongMode.SAR}, "2, joined by sar_* TLVs"),
        ("á" * 141, {"alphabet": Alphabet.LATIN1}, "(134 octets each, 8-bit reference)"),
    ],
)
def test_parts(text: str, options: dict[str, object], words: str) -> None:
    assert words in "\n".join(explain_segments(text, split(text, **options)))  # type: ignore[arg-type]


def test_octets_and_text_of_parts() -> None:
    lines = explain_segments("", split("x" * 153 + "[" * 8))
    assert "  part 2: 16 septets, 22 octets" in lines
    assert "    udh   050003000202" in lines
    assert f"    body  {'1b3c' * 8}" in lines
    assert "    text  '[[[[[[[['" in lines


def test_receipt() -> None:
    text = b"id:7 sub:001 submit date:0809011130 done date:0809011131 stat:UNDELIV err:027 text:hi"
    words = "\n".join(explain_receipt(parse_receipt(DeliverSm(esm_class=4, short_message=text))))
    for shown in ("UNDELIVERABLE, final", "2008-09-01 11:31:00", "error         027", "'hi'", "delivery receipt"):
        assert shown in words


def test_receipts_that_are_not_plain() -> None:
    assert explain_receipt(parse_receipt(DeliverSm(short_message=b"hi"))) == ["no receipt: an incoming message"]
    words = "\n".join(explain_receipt(parse_receipt(DeliverSm(esm_class=0x20, short_message=b"ACK/"))))
    assert "intermediate notification" in words
    assert "unreadable    no_fields" in words
    tlvs = (Tlv(Tag.RECEIPTED_MESSAGE_ID, b"7\0"), Tlv(Tag.MESSAGE_STATE, b"\x63"))
    words = "\n".join(explain_receipt(parse_receipt(DeliverSm(esm_class=4, tlvs=tlvs))))
    assert "99 (not listed)" in words
    assert "UNKNOWN, not final" in words


def test_submit() -> None:
    words = _pdu(
        SubmitSm(
            source_addr_ton=5,
            source_addr="GHASI",
            dest_addr_ton=1,
            dest_addr_npi=1,
            destination_addr="93701234567",
            esm_class=0x43,
            registered_delivery=0x11,
            data_coding=0x18,
            short_message=bytes.fromhex("050003010201") + "سلام".encode("utf-16-be"),
            tlvs=(Tlv(Tag.SAR_MSG_REF_NUM, b"\x01\x02"), Tlv(0x1400, b"x")),
        )
    )
    for shown in (
        "alphanumeric",
        "international",
        "store and forward, user data header",
        "receipt, intermediate",
        "0x18: UCS-2, flash",
        "udh 050003010201  'سلام'",
        "sar_msg_ref_num",
        "258",
        "(vendor)",
    ):
        assert shown in words


@pytest.mark.parametrize(
    ("pdu", "shown"),
    [
        (SubmitSmResp(command_status=0x0B), "ESME_RINVDSTADR: Invalid D"),
        (SubmitSmResp(command_status=0x404), "0x00000404 0x00000404"),
        (BindTransceiver(system_id="me", interface_version=0x34), "SMPP 3.4"),
        (QuerySmResp(message_id="7", message_state=2), "2 DELIVERED"),
        (SubmitSm(data_coding=4, short_message=b"\1"), "binary"),
        (SubmitSm(data_coding=0, short_message=b"a\0"), "'a@'"),
        (SubmitSm(source_addr_ton=9), "not listed"),
        (SubmitSm(esm_class=0x40, short_message=b"\x09a"), "2 octets 0961"),
        (SubmitSm(registered_delivery=2), "receipt on failure"),
        (DeliverSm(esm_class=4, short_message=b"id:a_b"), "'id:a_b'"),
        (DataSm(tlvs=(Tlv(Tag.MESSAGE_PAYLOAD, b"a\0"),)), "'a@'"),
        (DataSm(tlvs=(Tlv.c_string(Tag.RECEIPTED_MESSAGE_ID, "0A7"),)), "'0A7'"),
    ],
)
def test_details(pdu: Pdu, shown: str) -> None:
    assert shown in _pdu(pdu)
