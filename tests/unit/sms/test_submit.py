from __future__ import annotations

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ghasi.smpp.pdu import SubmitSm, decode_pdu, encode_pdu
from ghasi.smpp.tlv import Tag, Tlv, find
from ghasi.sms.coding import Alphabet, FlashMode, Wanted, decode_text
from ghasi.sms.errors import (
    BadHeader,
    DataCodingNotAllowed,
    InvalidNumber,
    InvalidSender,
    NoFlash,
    NotEncodable,
    TooLong,
)
from ghasi.sms.national import Language, table
from ghasi.sms.reference import concatenation_reference
from ghasi.sms.segmentation import LongMode, Strategy
from ghasi.sms.septets import fill_bits, unpack
from ghasi.sms.submit import MessageType, SubmitOptions, build_submits, segment_message
from ghasi.sms.transliteration import Transliteration

MESSAGE_ID = UUID("7a9d1c34-5b6e-4f80-9a1b-2c3d4e5f6071")
PLAIN = SubmitOptions()


def _submits(
    text: str,
    options: SubmitOptions = PLAIN,
    *,
    strategy: Strategy = Strategy.CSMS,
    message_type: MessageType = MessageType.SMS,
    encoding: Wanted = Wanted.GSM7,
) -> list[SubmitSm]:
    segmented = segment_message(text, encoding, strategy, MESSAGE_ID, options, message_type=message_type)
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


def test_packed_septets_where_the_operator_wants_them() -> None:
    options = SubmitOptions(packed=True)
    (single,) = _submits("hello", options=options)
    assert (single.data_coding, single.short_message.hex()) == (0, "e8329bfd06")
    first, second = _submits("x" * 161, options=options)
    assert (len(first.short_message), len(second.short_message)) == (140, 14)
    assert unpack(first.short_message[6:], fill_bits(6)) == b"x" * 153
    assert unpack(second.short_message[6:], fill_bits(6)) == b"x" * 8
    (payload,) = _submits("x" * 161, strategy=Strategy.TLV, options=options)
    assert unpack(_value(payload, Tag.MESSAGE_PAYLOAD) or b"") == b"x" * 161


def test_packing_is_for_septets_only() -> None:
    options = SubmitOptions(packed=True)
    (unicode,) = _submits("ж", options=options)
    assert unicode.short_message.hex() == "0436"
    (latin,) = _submits("é", options=SubmitOptions(packed=True, alphabet=Alphabet.LATIN1))
    assert latin.short_message.hex() == "e9"


def test_packed_national_tables_start_at_a_septet_boundary() -> None:
    options = SubmitOptions(packed=True, locking=(Language.TURKISH,))
    (pdu,) = _submits("şğıİşğıİ", options=options)
    assert (pdu.esm_class, pdu.short_message[:4].hex()) == (0x40, "03250101")
    assert table(Language.TURKISH, None).decode(unpack(pdu.short_message[4:], fill_bits(4))) == "şğıİşğıİ"


@pytest.mark.parametrize(
    ("mode", "allowed", "refused"),
    [
        (FlashMode.DCS, {0, 8}, 0x10),
        (FlashMode.F0, {0, 8, 0x10}, 0xF0),
        (FlashMode.DCS, {0, 0x10}, None),
        (FlashMode.SUBUNIT, {0}, None),
    ],
)
def test_the_value_that_marks_flash_has_to_be_allowed(
    mode: FlashMode, allowed: set[int], refused: int | None
) -> None:
    options = SubmitOptions(flash_mode=mode, data_codings=frozenset(allowed))
    if refused is None:
        assert _submits("a", message_type=MessageType.FLASH, options=options)
        return
    with pytest.raises(DataCodingNotAllowed) as caught:
        _submits("a", message_type=MessageType.FLASH, options=options)
    assert caught.value.data_coding == refused


@pytest.mark.parametrize("alphabet", [Alphabet.LATIN1, Alphabet.ASCII])
@pytest.mark.parametrize(
    ("mode", "strict", "data_coding"),
    [
        (FlashMode.DCS, False, 0x18),
        (FlashMode.DCS, True, 0x18),
        (FlashMode.F0, False, 0x18),
        (FlashMode.SUBUNIT, False, 0x00),
    ],
)
def test_flash_in_another_alphabet_than_gsm(
    alphabet: Alphabet, mode: FlashMode, strict: bool, data_coding: int
) -> None:
    options = SubmitOptions(alphabet=alphabet, flash_mode=mode, strict=strict)
    (pdu,) = _submits("a@$", options, message_type=MessageType.FLASH)
    assert pdu.data_coding == data_coding
    assert pdu.short_message == "a@$".encode("utf-16-be" if data_coding else "ascii")


def test_flash_in_ucs2_takes_the_text_as_written_and_the_room_it_needs() -> None:
    options = SubmitOptions(alphabet=Alphabet.LATIN1, transliteration=Transliteration.PUNCTUATION)
    text = "\u201c" + "x" * 70
    assert [pdu.data_coding for pdu in _submits(text, options)] == [0]
    first, second = _submits(text, options, message_type=MessageType.FLASH)
    assert (first.data_coding, second.data_coding) == (0x18, 0x18)
    assert (first.short_message[6:] + second.short_message[6:]).decode("utf-16-be") == text


@pytest.mark.parametrize(("allowed", "refused"), [({0, 0x18}, False), ({0, 8}, True)])
def test_flash_in_ucs2_has_to_be_allowed(allowed: set[int], refused: bool) -> None:
    options = SubmitOptions(alphabet=Alphabet.LATIN1, data_codings=frozenset(allowed))
    if not refused:
        assert _submits("a", options, message_type=MessageType.FLASH)[0].data_coding == 0x18
        return
    with pytest.raises(DataCodingNotAllowed) as caught:
        _submits("a", options, message_type=MessageType.FLASH)
    assert caught.value.data_coding == 0x18


@given(
    st.text(st.sampled_from("a@$[é€ж\n"), min_size=1, max_size=40),
    st.sampled_from(Alphabet),
    st.sampled_from(FlashMode),
)
def test_a_phone_reads_flash_as_it_was_written(text: str, alphabet: Alphabet, mode: FlashMode) -> None:
    options = SubmitOptions(alphabet=alphabet, flash_mode=mode)
    (pdu,) = _submits(text, options, message_type=MessageType.FLASH)
    assert decode_text(pdu.short_message, pdu.data_coding, alphabet) == text


def test_flash_of_a_binary_body() -> None:
    (pdu,) = _submits("00ff", encoding=Wanted.BINARY, message_type=MessageType.FLASH)
    assert pdu.data_coding == 0x14
    (subunit,) = _submits(
        "é",
        encoding=Wanted.LATIN1,
        message_type=MessageType.FLASH,
        options=SubmitOptions(flash_mode=FlashMode.SUBUNIT),
    )
    assert subunit.data_coding == 3
    with pytest.raises(NoFlash):
        _submits("é", encoding=Wanted.LATIN1, message_type=MessageType.FLASH)


def test_only_a_binary_body_has_a_header_of_its_own() -> None:
    with pytest.raises(BadHeader):
        segment_message("a", Wanted.GSM7, Strategy.CSMS, MESSAGE_ID, PLAIN, b"\x70\x00")


def test_clusters_are_cut_by_units_where_the_operator_says_so() -> None:
    text = "ж" * 66 + "👍🏽" + "ж"
    whole, plain = _submits(text), _submits(text, options=SubmitOptions(whole_clusters=False))
    assert [len(pdu.short_message) for pdu in whole] == [6 + 132, 6 + 10]
    assert [len(pdu.short_message) for pdu in plain] == [6 + 132, 6 + 10]
    text = "ж" * 65 + "👍🏽" + "ж" * 5
    assert [len(pdu.short_message) for pdu in _submits(text)] == [6 + 130, 6 + 18]
    assert len(_submits(text, options=SubmitOptions(whole_clusters=False))[0].short_message) == 6 + 134
