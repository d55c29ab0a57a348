"""Octets to PDUs and back: vectors checked by hand, round trips, and arbitrary octets."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ghasi.smpp.codec import (
    HEADER,
    PDU_CLASSES,
    decode_pdu,
    encode_pdu,
    frames,
    make_response,
    patch_sequence,
    response_class,
    with_sequence,
)
from ghasi.smpp.constants import CommandId
from ghasi.smpp.errors import DecodeError, FieldError, FramingError, StateError, UnknownCommand
from ghasi.smpp.jsonform import json_to_pdu, pdu_to_json
from ghasi.smpp.pdu import (
    AlertNotification,
    BindTransceiver,
    BindTransceiverResp,
    DeliverSm,
    DeliverSmResp,
    EnquireLink,
    GenericNack,
    Outbind,
    QuerySmResp,
    SmeAddress,
    SubmitMulti,
    SubmitMultiResp,
    SubmitSm,
    SubmitSmResp,
    Unbind,
)
from ghasi.smpp.tlv import Tlv
from tests.unit.smpp.strategies import ANY_CLASS, ANY_PDU, pdus

VECTORS = Path(__file__).parents[2] / "vectors"
WHOLE = json.loads((VECTORS / "pdus.json").read_text())
BROKEN = json.loads((VECTORS / "pdus_broken.json").read_text())
ERRORS = {"FramingError": FramingError, "UnknownCommand": UnknownCommand, "DecodeError": DecodeError}


def test_the_vectors_hold_every_command():
    assert {vector["command"] for vector in WHOLE} == {command.name.lower() for command in CommandId}


@pytest.mark.parametrize("vector", WHOLE, ids=lambda vector: vector["description"])
def test_vectors_both_ways(vector):
    form = {key: vector[key] for key in ("command", "status", "sequence", "fields", "tlvs")}
    assert pdu_to_json(vector["hex"]) == form
    assert json_to_pdu(form) == vector["hex"].replace(" ", "")


@pytest.mark.parametrize("vector", BROKEN, ids=lambda vector: vector["description"])
def test_broken_vectors(vector):
    with pytest.raises(ERRORS[vector["error"]]) as caught:
        decode_pdu(bytes.fromhex(vector["hex"]))
    assert type(caught.value) is ERRORS[vector["error"]]
    if isinstance(caught.value, DecodeError):
        assert caught.value.status_to_answer == vector["status"]
        assert caught.value.sequence_number == vector["sequence"]


@pytest.mark.parametrize("pdu_class", PDU_CLASSES.values(), ids=lambda pdu_class: pdu_class.command_name)
@given(data=st.data())
def test_every_pdu_comes_back(pdu_class, data):
    pdu = data.draw(pdus(pdu_class))
    frame = encode_pdu(pdu)
    assert HEADER.unpack_from(frame) == (
        len(frame),
        pdu.command_id,
        pdu.command_status,
        pdu.sequence_number,
    )
    assert decode_pdu(frame) == pdu


def read(frame: bytes) -> None:
    try:
        pdu = decode_pdu(frame)
    except (DecodeError, FramingError):
        return
    repr(pdu)


@given(st.binary(max_size=200))
def test_arbitrary_octets_are_a_pdu_or_a_typed_error(octets):
    read(octets)


@given(ANY_CLASS, st.integers(0, 0xFFFFFFFF), st.binary(max_size=120))
def test_arbitrary_bodies_are_a_pdu_or_a_typed_error(pdu_class, status, body):
    read(HEADER.pack(16 + len(body), pdu_class.command_id, status, 1) + body)


@given(ANY_PDU, st.data())
def test_pdus_cut_anywhere_are_a_pdu_or_a_typed_error(pdu, data):
    frame = encode_pdu(pdu)
    cut = data.draw(st.integers(16, len(frame)))
    read(cut.to_bytes(4, "big") + frame[4:cut])


@given(ANY_CLASS, st.integers(0, 0xFFFFFFFF), st.binary(max_size=120))
def test_a_response_is_never_refused_for_its_body(pdu_class, status, body):
    if pdu_class.is_response:
        pdu = decode_pdu(HEADER.pack(16 + len(body), pdu_class.command_id, status, 9) + body)
        assert (type(pdu), pdu.sequence_number, pdu.command_status) == (pdu_class, 9, status)


def response(body: str, command_id: int = CommandId.SUBMIT_SM_RESP) -> bytes:
    octets = bytes.fromhex(body)
    return HEADER.pack(16 + len(octets), command_id, 0, 1) + octets


def test_a_message_id_without_its_nul():
    assert decode_pdu(response("616263")) == SubmitSmResp(sequence_number=1, message_id="abc")


def test_what_a_broken_response_says_is_kept():
    pdu = decode_pdu(response("616200 001d0002 6f6b 0427"))
    assert pdu == SubmitSmResp(sequence_number=1, message_id="ab", tlvs=(Tlv(0x1D, b"ok"),))
    assert decode_pdu(response("61620000", CommandId.QUERY_SM_RESP)) == QuerySmResp(
        sequence_number=1, message_id="ab"
    )
    assert decode_pdu(response("616200 05 01", CommandId.SUBMIT_MULTI_RESP)) == SubmitMultiResp(
        sequence_number=1, message_id="ab"
    )


@pytest.mark.parametrize("status", [0, 0x58])
def test_a_response_may_be_its_header(status):
    frame = HEADER.pack(16, CommandId.SUBMIT_SM_RESP, status, 3)
    assert decode_pdu(frame) == SubmitSmResp(sequence_number=3, command_status=status)


def test_an_error_response_is_its_header_unless_a_field_is_set():
    assert len(encode_pdu(SubmitSmResp(command_status=0x58))) == 16
    assert len(encode_pdu(SubmitSmResp(command_status=0x58, message_id="a"))) == 18
    assert len(encode_pdu(SubmitSmResp(command_status=0x58, tlvs=(Tlv(0x1D, b"x"),)))) == 22
    assert len(encode_pdu(SubmitSmResp())) == 17


def test_operators_may_exceed_limits_in_what_they_send():
    body = b"\0" + b"\0\0" + b"A" * 40 + b"\0" + b"\0\0" + b"B" * 30 + b"\0" + bytes(3) + b"1\0" + b"\0" + bytes(5)
    frame = HEADER.pack(16 + len(body), CommandId.DELIVER_SM, 0, 1) + body
    pdu = decode_pdu(frame)
    assert isinstance(pdu, DeliverSm)
    assert (pdu.source_addr, pdu.destination_addr, pdu.schedule_delivery_time) == ("A" * 40, "B" * 30, "1")


def test_255_octets_may_come_but_not_go_to_an_smsc():
    pdu = decode_pdu(encode_pdu(DeliverSm(short_message=b"x" * 255)))
    assert isinstance(pdu, DeliverSm)
    assert len(pdu.short_message) == 255
    with pytest.raises(FieldError, match="short_message"):
        encode_pdu(SubmitSm(short_message=b"x" * 255))


@pytest.mark.parametrize(
    ("pdu", "field"),
    [
        (SubmitSm(source_addr="1" * 21), "source_addr"),
        (SubmitSm(destination_addr="1" * 21), "destination_addr"),
        (SubmitSm(destination_addr="سلام"), "destination_addr"),
        (SubmitSm(service_type="9\0"), "service_type"),
        (SubmitSm(source_addr="9\0003"), "source_addr"),
        (SubmitSm(destination_addr="9\0003"), "destination_addr"),
        (SubmitSm(schedule_delivery_time="000001000000\000R"), "schedule_delivery_time"),
        (SubmitSm(validity_period="\00000001000000000R"[:16]), "validity_period"),
        (SubmitSm(service_type="ABCDEF"), "service_type"),
        (SubmitSm(validity_period="1 day"), "validity_period"),
        (SubmitSm(data_coding=256), "data_coding"),
        (SubmitSm(esm_class=-1), "esm_class"),
        (SubmitSm(source_addr_ton=b"\x01"), "source_addr_ton"),  # type: ignore[arg-type]
        (SubmitSm(short_message="text"), "short_message"),  # type: ignore[arg-type]
        (SubmitSm(short_message=bytearray(b"x")), "short_message"),
        (SubmitSm(sequence_number=1 << 32), "sequence_number"),
        (SubmitSm(command_status=-1), "command_status"),
        (SubmitSm(source_addr=None), "source_addr"),  # type: ignore[arg-type]
        (SubmitSm(tlvs=(Tlv(0x424, b"x" * 65536),)), "message_payload"),
        (EnquireLink(sequence_number=-1), "sequence_number"),
        (BindTransceiver(system_id="x" * 16), "system_id"),
        (BindTransceiver(password="x" * 9), "password"),
        (BindTransceiver(system_type="x" * 13), "system_type"),
        (BindTransceiver(address_range="x" * 41), "address_range"),
        (SubmitMulti(dest_address=(SmeAddress(),) * 255), "dest_address"),
        (SubmitMulti(dest_address=("93",)), "dest_address"),  # type: ignore[arg-type]
        (SubmitMulti(dest_address=5), "dest_address"),  # type: ignore[arg-type]
        (SubmitMulti(dest_address=(SmeAddress(destination_addr="1" * 21),)), "dest_address.destination_addr"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_cannot_be_sent_is_refused_by_name(pdu, field):
    with pytest.raises(FieldError) as caught:
        encode_pdu(pdu)
    assert caught.value.field == field


def test_long_credentials_go_out_when_asked():
    pdu = BindTransceiver(system_id="s" * 20, password="p" * 16)
    frame = encode_pdu(pdu, long_credentials=True)
    assert decode_pdu(frame) == pdu
    with pytest.raises(FieldError, match="password"):
        encode_pdu(BindTransceiver(password="p" * 300), long_credentials=True)


def test_response_classes():
    assert response_class(SubmitSm()) is SubmitSmResp
    assert response_class(BindTransceiver()) is BindTransceiverResp
    for never in (Outbind(), AlertNotification(), SubmitSmResp(), GenericNack()):
        assert response_class(never) is None


def test_make_response_echoes_the_number():
    made = make_response(SubmitSm(sequence_number=0xFFFFFFFF), command_status=0x58, message_id="x")
    assert made == SubmitSmResp(sequence_number=0xFFFFFFFF, command_status=0x58, message_id="x")
    assert make_response(DeliverSm(sequence_number=2)) == DeliverSmResp(sequence_number=2)


def test_make_response_refuses_what_has_none():
    with pytest.raises(StateError):
        make_response(AlertNotification())


def test_make_response_refuses_unknown_fields():
    with pytest.raises(FieldError, match="short_message"):
        make_response(Unbind(), short_message=b"")


def test_numbers_are_patched_in_place():
    one, two = encode_pdu(SubmitSm(short_message=b"a")), encode_pdu(EnquireLink())
    buffer = bytearray(one + two)
    patch_sequence(buffer, 0, 7)
    patch_sequence(buffer, len(one), 0x7FFFFFFF)
    first, second = (decode_pdu(frame) for frame in frames(bytes(buffer)))
    assert first == SubmitSm(sequence_number=7, short_message=b"a")
    assert second == with_sequence(EnquireLink(), 0x7FFFFFFF)


@given(st.lists(ANY_PDU, max_size=5))
def test_pdus_back_to_back_are_cut_apart(many):
    encoded = [encode_pdu(pdu) for pdu in many]
    assert frames(b"".join(encoded)) == encoded


@pytest.mark.parametrize("tail", ["00", "0000000f00000015000000000000000100", "00000011000000150000000000000001"])
def test_pdus_that_do_not_end_where_the_octets_end(tail):
    with pytest.raises(FramingError):
        frames(encode_pdu(EnquireLink()) + bytes.fromhex(tail))
