from __future__ import annotations

from uuid import UUID

import pytest

from ghasi.smpp.pdu import SubmitSm, decode_pdu, encode_pdu
from ghasi.smpp.tlv import Tag, Tlv, find
from ghasi.sms.coding import Alphabet, FlashMode, Wanted
from ghasi.sms.errors import InvalidNumber, InvalidSender, NotEncodable, TooLong
from ghasi.sms.reference import concatenation_reference
from ghasi.sms.segmentation import LongMode, Strategy
from ghasi.sms.submit import MessageType, SubmitOptions, build_submits, segment_message

MESSAGE_ID = UUID("7a9d1c34-5b6e-4f80-9a1b-2c3d4e5f6071")
PLAIN = SubmitOptions()


def _submits(
    text: str,
    options: SubmitOptions = PLAIN,
    *,
    strategy: Strategy = Strategy.CSMS,
    message_type: MessageType = MessageType.SMS,
) -> list[SubmitSm]:
    segmented = segment_message(text, Wanted.GSM7, strategy, MESSAGE_ID, options)
    pdus = build_submits(segmented, to="+93701234567", sender="GHASI", message_type=message_type, options=options)
    for pdu in pdus:
        assert decode_pdu(encode_pdu(pdu)) == pdu
    return pdus


def _value(pdu: SubmitSm, tag: Tag) -> bytes | None:
    tlv = find(pdu.tlvs, tag)
    return tlv.value if tlv else None


def test_plain_message() -> None:
    assert _submits("hello @") == [
        SubmitSm(
            source_addr_ton=5,
            source_addr_npi=0,
            source_addr="GHASI",
            dest_addr_ton=1,
            dest_addr_npi=1,
            destination_addr="93701234567",
            registered_delivery=1,
            short_message=b"hello \0",
        )
    ]


def test_parts_by_header() -> None:
    pdus = _submits("x" * 200)
    assert [pdu.esm_class for pdu in pdus] == [0x40, 0x40]
    reference = concatenation_reference(MESSAGE_ID)
    assert [pdu.short_message[:6] for pdu in pdus] == [bytes((5, 0, 3, reference, 2, n)) for n in (1, 2)]
    assert b"".join(pdu.short_message[6:] for pdu in pdus) == b"x" * 200
    assert [pdu.tlvs for pdu in pdus] == [(), ()]


def test_sixteen_bit_reference() -> None:
    first, _ = _submits("x" * 200, SubmitOptions(reference_bits=16))
    assert first.short_message[:3].hex() == "060804"
    assert int.from_bytes(first.short_message[3:5], "big") == concatenation_reference(MESSAGE_ID, 16)


def test_parts_by_sar() -> None:
    pdus = _submits("x" * 200, SubmitOptions(long_mode=LongMode.SAR, reference_bits=16))
    assert [pdu.esm_class for pdu in pdus] == [0, 0]
    assert [len(pdu.short_message) for pdu in pdus] == [152, 48]
    reference = concatenation_reference(MESSAGE_ID, 16).to_bytes(2, "big")
    assert [_value(pdu, Tag.SAR_MSG_REF_NUM) for pdu in pdus] == [reference] * 2
    assert [_value(pdu, Tag.SAR_TOTAL_SEGMENTS) for pdu in pdus] == [b"\2"] * 2
    assert [_value(pdu, Tag.SAR_SEGMENT_SEQNUM) for pdu in pdus] == [b"\1", b"\2"]


def test_payload() -> None:
    (pdu,) = _submits("x" * 161, strategy=Strategy.TLV)
    assert (pdu.short_message, pdu.esm_class) == (b"", 0)
    assert _value(pdu, Tag.MESSAGE_PAYLOAD) == b"x" * 161


@pytest.mark.parametrize("mode", [None, *LongMode])
def test_one_part_goes_in_short_message(mode: LongMode | None) -> None:
    (pdu,) = _submits("x" * 160, SubmitOptions(long_mode=mode), strategy=Strategy.TLV)
    assert (pdu.short_message, pdu.tlvs, pdu.esm_class) == (b"x" * 160, (), 0)


@pytest.mark.parametrize(
    ("text", "mode", "data_coding", "subunit"),
    [
        ("x", FlashMode.DCS, 0x10, None),
        ("ж", FlashMode.DCS, 0x18, None),
        ("x", FlashMode.F0, 0xF0, None),
        ("ж", FlashMode.F0, 0x18, None),
        ("x", FlashMode.SUBUNIT, 0x00, b"\1"),
        ("ж", FlashMode.SUBUNIT, 0x08, b"\1"),
    ],
)
def test_flash(text: str, mode: FlashMode, data_coding: int, subunit: bytes | None) -> None:
    (pdu,) = _submits(text, SubmitOptions(flash_mode=mode), message_type=MessageType.FLASH)
    assert pdu.data_coding == data_coding
    assert _value(pdu, Tag.DEST_ADDR_SUBUNIT) == subunit


def test_options_of_an_operator() -> None:
    vendor = Tlv(0x1400, b"cost centre")
    options = SubmitOptions(
        esm_class_base=3,
        registered_delivery=0x11,
        service_type="CMT",
        protocol_id=1,
        priority_flag=2,
        validity_period="000001000000000R",
        more_messages_to_send=True,
        user_message_reference=0xFFFF,
        tlvs=(vendor,),
    )
    first, last = _submits("x" * 200, options)
    assert (first.esm_class, first.registered_delivery, first.service_type) == (0x43, 0x11, "CMT")
    assert (first.protocol_id, first.priority_flag, first.validity_period) == (1, 2, "000001000000000R")
    assert [_value(pdu, Tag.MORE_MESSAGES_TO_SEND) for pdu in (first, last)] == [b"\1", None]
    assert [_value(pdu, Tag.USER_MESSAGE_REFERENCE) for pdu in (first, last)] == [b"\xff\xff", b"\0\0"]
    assert first.tlvs[-1] == last.tlvs[-1] == vendor


def test_alphabet_and_strictness_of_an_operator() -> None:
    (pdu,) = _submits("é@", SubmitOptions(alphabet=Alphabet.LATIN1))
    assert (pdu.short_message, pdu.data_coding) == (b"\xe9@", 0)
    with pytest.raises(NotEncodable):
        _submits("ж", SubmitOptions(strict=True))
    with pytest.raises(TooLong):
        _submits("x" * 400, SubmitOptions(max_parts=2))


def test_addresses_are_checked() -> None:
    segmented = segment_message("x", Wanted.GSM7, Strategy.CSMS, MESSAGE_ID)
    with pytest.raises(InvalidNumber):
        build_submits(segmented, to="12a45", sender="GHASI")
    with pytest.raises(InvalidSender):
        build_submits(segmented, to="12345", sender="x" * 30)
