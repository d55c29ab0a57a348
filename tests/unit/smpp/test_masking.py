"""What may be shown of a PDU: lengths stay, passwords, numbers and texts do not."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ghasi.smpp.layout import SpanKind, lay_out
from ghasi.smpp.masking import mask_number, masked, without_password
from ghasi.smpp.pdu import (
    AlertNotification,
    BindReceiver,
    BindTransceiver,
    CancelSm,
    DataSm,
    DeliverSm,
    DistributionList,
    EnquireLink,
    Outbind,
    Pdu,
    QuerySm,
    ReplaceSm,
    SmeAddress,
    SubmitMulti,
    SubmitMultiResp,
    SubmitSm,
    SubmitSmResp,
    UnsuccessSme,
    decode_pdu,
    encode_pdu,
)
from ghasi.smpp.tlv import Tag, Tlv
from tests.unit.smpp.strategies import ANY_PDU

NUMBER = "93701234567"
TEXT = b"Your code is 204816"


def _shown(pdu: Pdu) -> Pdu:
    frame = encode_pdu(pdu)
    shown = masked(frame)
    assert len(shown) == len(frame)
    return decode_pdu(shown)


@pytest.mark.parametrize(
    "pdu",
    [
        SubmitSm(source_addr="GHASI", destination_addr=NUMBER, short_message=TEXT),
        SubmitSm(destination_addr=NUMBER, tlvs=(Tlv(Tag.MESSAGE_PAYLOAD, TEXT),)),
        SubmitSm(destination_addr=NUMBER, tlvs=(Tlv(0x0381, b"\0\0\0" + NUMBER.encode()), Tlv(0x1400, TEXT))),
        SubmitSm(destination_addr=NUMBER, tlvs=(Tlv(0x0202, NUMBER.encode()), Tlv(0x001E, NUMBER.encode() + b"\0"))),
        SubmitSm(destination_addr=NUMBER, tlvs=(Tlv(0x0204, TEXT),)),
        SubmitSmResp(message_id="7", tlvs=(Tlv(0x001D, b"no route to " + NUMBER.encode() + b"\0"),)),
        SubmitSmResp(message_id="7", tlvs=(Tlv(0x001D, b"refused: " + TEXT + b"\0"),)),
        DeliverSm(source_addr=NUMBER, destination_addr="1234", short_message=TEXT),
        DeliverSm(source_addr=NUMBER, esm_class=4, short_message=b"id:7 stat:DELIVRD text:" + TEXT),
        DeliverSm(source_addr=NUMBER, esm_class=4, short_message=b"to:" + NUMBER.encode() + b" stat:DELIVRD"),
        DeliverSm(source_addr=NUMBER, esm_class=4, short_message=b"id:" + NUMBER.encode() + b" stat:DELIVRD"),
        DeliverSm(source_addr=NUMBER, esm_class=4, short_message=b"7,DELIVRD," + NUMBER.encode() + b"," + TEXT),
        DeliverSm(source_addr=NUMBER, esm_class=4, short_message=b"stat:DELIVRD " + TEXT),
        DataSm(source_addr=NUMBER, esm_class=4, tlvs=(Tlv(Tag.MESSAGE_PAYLOAD, b"id:7 Text: " + TEXT),)),
        SubmitMulti(dest_address=(SmeAddress(destination_addr=NUMBER), DistributionList(dl_name=NUMBER))),
        SubmitMultiResp(unsuccess_sme=(UnsuccessSme(destination_addr=NUMBER, error_status_code=11),)),
        AlertNotification(source_addr=NUMBER, esme_addr=NUMBER),
        QuerySm(message_id="7", source_addr=NUMBER),
        CancelSm(message_id="7", source_addr=NUMBER, destination_addr=NUMBER),
        ReplaceSm(message_id="7", source_addr=NUMBER, short_message=TEXT),
    ],
)
def test_neither_number_nor_text_is_left(pdu: Pdu) -> None:
    frame = encode_pdu(pdu)
    shown = masked(frame)
    assert len(shown) == len(frame)
    assert type(decode_pdu(shown)) is type(pdu)
    for secret in (NUMBER.encode(), NUMBER[4:9].encode(), b"204816", b"code"):
        assert secret not in shown


def test_texts_in_utf16_keep_their_units() -> None:
    shown = _shown(SubmitSm(data_coding=8, short_message="سلام".encode("utf-16-be")))
    assert isinstance(shown, SubmitSm)
    assert shown.short_message.decode("utf-16-be") == "****"


def test_the_header_of_a_part_stays() -> None:
    header = bytes.fromhex("050003a10201")
    shown = _shown(SubmitSm(esm_class=0x40, short_message=header + TEXT))
    assert isinstance(shown, SubmitSm)
    assert shown.short_message == header + b"*" * len(TEXT)


def test_header_elements_that_can_hold_a_text_do_not_stay() -> None:
    header = bytes((7, 0x70, 5)) + b"hello"
    shown = _shown(SubmitSm(esm_class=0x40, short_message=header + TEXT))
    assert isinstance(shown, SubmitSm)
    assert shown.short_message == header[:3] + b"*****" + b"*" * len(TEXT)


def test_a_receipt_says_how_the_message_fared() -> None:
    fate = b"id:7A-1 sub:001 dlvrd:001 submit date:2604181030 done date:260418103107 stat:UNDELIV err:027"
    shown = _shown(
        DeliverSm(
            source_addr=NUMBER,
            esm_class=4,
            short_message=fate + b" text:" + TEXT,
            tlvs=(Tlv.c_string(Tag.RECEIPTED_MESSAGE_ID, "7A-1"), Tlv.integer(Tag.MESSAGE_STATE, 5)),
        )
    )
    assert isinstance(shown, DeliverSm)
    assert shown.short_message == fate + b" text:" + b"*" * len(TEXT)
    assert [tlv.value for tlv in shown.tlvs] == [b"7A-1\0", b"\x05"]
    assert shown.source_addr == "9370*****67"


@pytest.mark.parametrize("codec", ["utf-16-be", "utf-16-le"])
def test_receipts_in_utf16(codec: str) -> None:
    text = f"id:{NUMBER} stat:DELIVRD text:secret"
    shown = _shown(DeliverSm(source_addr=NUMBER, esm_class=4, data_coding=8, short_message=text.encode(codec)))
    assert isinstance(shown, DeliverSm)
    assert shown.short_message.decode(codec) == "id:9370*****67 stat:DELIVRD text:******"
    foreign = DeliverSm(esm_class=4, data_coding=8, short_message="id:1 stat:سلام".encode(codec))
    hidden = _shown(foreign)
    assert isinstance(hidden, DeliverSm)
    assert set(hidden.short_message) == {0x2A}


def test_what_a_person_writes_is_no_receipt() -> None:
    shown = _shown(DeliverSm(source_addr=NUMBER, short_message=b"id:7 stat:DELIVRD err:000"))
    assert isinstance(shown, DeliverSm)
    assert set(shown.short_message) == {0x2A}


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        ("93701234567", "9370*****67"),
        ("+93701234567", "+9370*****67"),
        ("1234567", "*****67"),
        ("1234", "**34"),
        ("12", "12"),
        ("", ""),
        ("GHASI", "GHASI"),
        ("Tel93701234567", "Tel9370*****67"),
    ],
)
def test_numbers(number: str, shown: str) -> None:
    assert mask_number(number.encode()) == shown.encode()


@pytest.mark.parametrize("kind", [BindTransceiver, BindReceiver])
@pytest.mark.parametrize("password", ["", "s3cr3t!", "longer than eight"])
def test_no_password_leaves_and_none_tells_its_length(kind: type[BindTransceiver], password: str) -> None:
    frame = encode_pdu(kind(system_id="ghasi", password=password, system_type="x"), long_credentials=True)
    for shown in (without_password(frame), masked(frame)):
        pdu = decode_pdu(shown)
        assert isinstance(pdu, kind)
        assert (pdu.system_id, pdu.password, pdu.system_type) == ("ghasi", "********", "x")


def test_an_outbind_has_one_too() -> None:
    assert b"s3cr3t" not in without_password(encode_pdu(Outbind(system_id="smsc", password="s3cr3t")))


def test_a_bind_that_cannot_be_read_is_hidden_whole() -> None:
    frame = encode_pdu(BindTransceiver(system_id="ghasi", password="s3cr3t!"))
    for end in range(16, len(frame)):
        cut = frame[:end]
        assert b"s3cr3t"[: max(1, end - 22)] not in without_password(cut)
        assert len(without_password(cut)) == len(cut)


def test_everything_else_is_left_as_it_is_when_unmasked() -> None:
    frame = encode_pdu(SubmitSm(destination_addr=NUMBER, short_message=TEXT))
    assert without_password(frame) == frame


def test_what_cannot_be_read_is_hidden() -> None:
    frame = encode_pdu(SubmitSm(destination_addr=NUMBER, short_message=TEXT))
    assert b"code" not in masked(frame[:-3])
    unknown = frame[:4] + bytes.fromhex("00000999") + frame[8:]
    assert set(masked(unknown)[16:]) == {0x2A}
    assert masked(encode_pdu(EnquireLink(sequence_number=3))) == encode_pdu(EnquireLink(sequence_number=3))


@given(ANY_PDU)
def test_spans_cover_every_octet_and_hold_the_values(pdu: Pdu) -> None:
    frame = encode_pdu(pdu, long_credentials=True)
    layout = lay_out(frame)
    assert not layout.trouble
    assert b"".join(frame[span.start : span.end] for span in layout.spans) == frame
    tlvs = tuple(span.value for span in layout.spans if span.kind is SpanKind.TLV)
    if len(frame) > 16:
        assert tlvs == pdu.tlvs
    for span in layout.spans:
        if span.kind in (SpanKind.TEXT, SpanKind.INTEGER, SpanKind.OCTETS) and not span.entry:
            assert getattr(pdu, span.name) == span.value


@given(ANY_PDU, st.data())
def test_any_octets_can_be_laid_out_and_masked(pdu: Pdu, data: st.DataObject) -> None:
    frame = bytearray(encode_pdu(pdu, long_credentials=True))
    for _ in range(data.draw(st.integers(0, 3))):
        frame[data.draw(st.integers(0, len(frame) - 1))] = data.draw(st.integers(0, 255))
    octets = bytes(frame[: data.draw(st.integers(0, len(frame)))])
    assert sum(span.end - span.start for span in lay_out(octets).spans) == len(octets)
    if not any(octets[4:8] == bytes((0, 0, 0, one)) for one in (1, 2, 9, 11)):
        assert len(masked(octets)) == len(octets)


_DIGITS = "0123456789"
_NUMBER = st.text(_DIGITS, min_size=7, max_size=15)


@pytest.mark.parametrize(
    ("identity", "source"),
    [
        ("0093701234567", "0701234567"),
        ("0701234567", "+93701234567"),
        ("93701234567", "00937012345"),
        ("x701234567-1", "93701234567"),
        ("0050012345", "012345"),
        ("99701234567", "Tel 0701234567"),
    ],
)
def test_a_number_in_an_id_is_known_in_its_other_forms(identity: str, source: str) -> None:
    digits = identity.strip("x-1") if identity.startswith("x") else identity
    receipt = DeliverSm(
        source_addr=source,
        esm_class=4,
        short_message=f"id:{identity} stat:DELIVRD".encode(),
        tlvs=(Tlv.c_string(Tag.RECEIPTED_MESSAGE_ID, identity),),
    )
    query = QuerySm(message_id=identity, source_addr=source)
    for pdu in (receipt, query):
        assert digits.encode() in encode_pdu(pdu)
        assert digits.encode() not in masked(encode_pdu(pdu))


def test_an_id_that_is_no_number_of_the_pdu_stays() -> None:
    receipt = DeliverSm(source_addr=NUMBER, esm_class=4, short_message=b"id:0093701299999 stat:DELIVRD")
    assert b"id:0093701299999 " in masked(encode_pdu(receipt))


@given(_NUMBER, _NUMBER, st.data())
def test_no_seven_digits_of_an_address_survive(source: str, destination: str, data: st.DataObject) -> None:
    number = data.draw(st.sampled_from([source, destination]))
    before, after = data.draw(st.text(_DIGITS + "a-", max_size=6)), data.draw(st.text(_DIGITS + "a-", max_size=6))
    name = before + number[data.draw(st.integers(0, 8)) :][: data.draw(st.integers(0, 15))] + after
    address: dict[str, Any] = {
        "source_addr": data.draw(st.sampled_from(["", "+", "00", "Tel"])) + source,
        "destination_addr": destination,
    }
    tags = (Tag.RECEIPTED_MESSAGE_ID, 0x001D, 0x060D, 0x060F, 0x0381, 0x1400)
    tlvs = tuple(Tlv(tag, name.encode() + b"\0") for tag in tags)
    for pdu in (
        DeliverSm(**address, esm_class=4, short_message=f"id:{name} err:{name} text:{name}".encode(), tlvs=tlvs),
        DeliverSm(**address, esm_class=4, data_coding=8, short_message=f"id:{name}".encode("utf-16-be")),
        DataSm(**address, esm_class=4, tlvs=(Tlv(Tag.MESSAGE_PAYLOAD, f"id:{name} stat:DELIVRD".encode()), *tlvs)),
        SubmitSm(**address, short_message=name.encode(), tlvs=tlvs),
        CancelSm(**address, message_id=name),
        QuerySm(message_id=name, source_addr=source),
        SubmitMulti(source_addr=source, dest_address=(SmeAddress(destination_addr=destination),), tlvs=tlvs),
    ):
        shown = masked(encode_pdu(pdu))
        if getattr(pdu, "data_coding", 0) == 8:
            shown = shown.replace(b"\0", b"")
        told = [source] if isinstance(pdu, QuerySm) else [source, destination]
        for one in told:
            for at in range(len(one) - 6):
                assert one[at : at + 7].encode() not in shown


def test_an_id_in_a_response_does_not_tell_where_the_message_went() -> None:
    request = encode_pdu(SubmitSm(source_addr="GHASI", destination_addr=NUMBER, short_message=TEXT))
    for name in (NUMBER, f"00{NUMBER}-7", "x0701234567", NUMBER + "001"):
        response = encode_pdu(SubmitSmResp(message_id=name))
        for shown in (masked(response, request), masked(response)):
            assert len(shown) == len(response)
            assert not any(NUMBER[at : at + 7].encode() in shown for at in range(5))


def test_other_ids_stay_where_the_request_is_known() -> None:
    request = encode_pdu(SubmitSm(source_addr="GHASI", destination_addr=NUMBER, short_message=TEXT))
    response = encode_pdu(SubmitSmResp(message_id="9380935605053030457"))
    assert masked(response, request) == response
    assert b"9380935605053030457" not in masked(response), "it may be the number"
    assert masked(encode_pdu(SubmitSmResp(message_id="1054BC63"))) == encode_pdu(SubmitSmResp(message_id="1054BC63"))


def test_vendor_tlvs_that_the_profile_reads_stay_but_for_numbers() -> None:
    receipt = DeliverSm(
        source_addr=NUMBER,
        esm_class=4,
        short_message=b"id:7 stat:DELIVRD",
        tlvs=(Tlv(0x1403, b"41220"), Tlv(0x1404, b"0701234567"), Tlv(0x1405, b"41220")),
    )
    shown = decode_pdu(masked(encode_pdu(receipt), open_tags={0x1403, 0x1404}))
    assert [tlv.value for tlv in shown.tlvs] == [b"41220", b"0701****67", b"*****"]
