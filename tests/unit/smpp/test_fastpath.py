"""The written-out paths do what the field tables do, to the octet."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ghasi.smpp import codec, fastpath
from ghasi.smpp.codec import HEADER, decode_pdu, encode_pdu
from ghasi.smpp.errors import DecodeError, FieldError
from ghasi.smpp.pdu import DeliverSm, DeliverSmResp, SubmitSm, SubmitSmResp
from ghasi.smpp.tlv import Tlv
from tests.unit.smpp.strategies import pdus

QUICK = [SubmitSm, DeliverSm]


def by_tables(function: Any, *arguments: Any) -> Any:
    """Call with the quick paths taken out."""
    encoders, decoders = dict(fastpath.ENCODERS), dict(fastpath.DECODERS)
    fastpath.ENCODERS.clear()
    fastpath.DECODERS.clear()
    try:
        return function(*arguments)
    except (DecodeError, FieldError) as error:
        return type(error), str(error)
    finally:
        fastpath.ENCODERS.update(encoders)
        fastpath.DECODERS.update(decoders)


def quickly(function: Any, *arguments: Any) -> Any:
    try:
        return function(*arguments)
    except (DecodeError, FieldError) as error:
        return type(error), str(error)


def test_the_busy_commands_are_quick():
    busy = {SubmitSm, SubmitSmResp, DeliverSm, DeliverSmResp}
    assert set(fastpath.ENCODERS) == {pdu_class.command_id for pdu_class in busy}
    assert set(fastpath.DECODERS) == {SubmitSm.command_id, SubmitSmResp.command_id, DeliverSm.command_id}
    assert codec.fastpath is fastpath


@pytest.mark.parametrize("pdu_class", QUICK)
@given(data=st.data())
def test_encoding_is_the_same(pdu_class, data):
    pdu = data.draw(pdus(pdu_class))
    quick = fastpath.encode_message(pdu)
    assert quick is not None
    assert quick == by_tables(encode_pdu, pdu)


@pytest.mark.parametrize("pdu_class", [SubmitSmResp, DeliverSmResp])
@given(data=st.data())
def test_encoding_responses_is_the_same(pdu_class, data):
    pdu = replace(data.draw(pdus(pdu_class)), tlvs=())
    quick = fastpath.encode_message_id(pdu)
    assert quick is not None
    assert quick == by_tables(encode_pdu, pdu)


@pytest.mark.parametrize(
    "pdu",
    [
        SubmitSmResp(message_id="x" * 65),
        SubmitSmResp(message_id="a\0b"),
        SubmitSmResp(message_id="سلام"),
        SubmitSmResp(message_id=5),  # type: ignore[arg-type]
        SubmitSmResp(sequence_number=-1),
        SubmitSmResp(tlvs=(Tlv(0x1D, b"x" * 65536),)),
    ],
)
def test_what_cannot_be_sent_is_left_to_the_tables(pdu):
    assert fastpath.encode_message_id(pdu) is None
    assert quickly(encode_pdu, pdu) == by_tables(encode_pdu, pdu)
    assert quickly(encode_pdu, pdu)[0] is FieldError


@pytest.mark.parametrize("pdu_class", [*QUICK, SubmitSmResp])
@given(data=st.data())
def test_decoding_is_the_same(pdu_class, data):
    frame = encode_pdu(data.draw(pdus(pdu_class)))
    cut = data.draw(st.integers(16, len(frame)) | st.just(len(frame)))
    frame = cut.to_bytes(4, "big") + frame[4:cut]
    assert quickly(decode_pdu, frame) == by_tables(decode_pdu, frame)


@pytest.mark.parametrize("pdu_class", [*QUICK, SubmitSmResp])
@given(body=st.lists(st.sampled_from([b"\0", b"\0\0", b"A", b"1234567890123456", b"\x05", b"\xff"]), max_size=40))
def test_decoding_anything_is_the_same(pdu_class, body):
    octets = b"".join(body)
    frame = HEADER.pack(16 + len(octets), pdu_class.command_id, 0, 1) + octets
    assert quickly(decode_pdu, frame) == by_tables(decode_pdu, frame)
