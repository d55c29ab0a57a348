import pytest
from hypothesis import given
from hypothesis import strategies as st
from smpplib.consts import OPTIONAL_PARAMS

from ghasi.smpp.errors import FieldError
from ghasi.smpp.tlv import TAG_BY_NAME, TAGS, Tag, Tlv, decode_tlvs, encode_tlvs, find
from tests.unit.smpp.strategies import TLVS

SIZES = {
    "dest_addr_subunit": (1, 1),
    "qos_time_to_live": (4, 4),
    "payload_type": (1, 1),
    "additional_status_info_text": (1, 256),
    "receipted_message_id": (1, 65),
    "user_message_reference": (2, 2),
    "sar_msg_ref_num": (2, 2),
    "sar_total_segments": (1, 1),
    "callback_num": (4, 19),
    "network_error_code": (3, 3),
    "message_payload": (0, 65535),
    "message_state": (1, 1),
    "alert_on_message_delivery": (0, 0),
    "its_session_info": (2, 2),
}


def test_tags_are_those_of_smpplib():
    assert TAG_BY_NAME == OPTIONAL_PARAMS
    assert all(TAGS[tag].name == tag.name.lower() for tag in Tag)


@pytest.mark.parametrize("name", SIZES)
def test_sizes(name):
    assert TAGS[TAG_BY_NAME[name]].sizes == SIZES[name]


@given(TLVS)
def test_any_tlvs_come_back_in_order(tlvs):
    assert decode_tlvs(b"xx" + encode_tlvs(tlvs), 2) == (tlvs, True)


@given(TLVS, st.binary(min_size=1, max_size=3))
def test_a_rest_shorter_than_a_header(tlvs, rest):
    assert decode_tlvs(encode_tlvs(tlvs) + rest, 0) == (tlvs, False)


def test_a_value_longer_than_the_rest():
    whole = Tlv(0x1400, b"abc")
    assert decode_tlvs(encode_tlvs([whole]) + bytes.fromhex("0427000202"), 0) == ((whole,), False)


def test_names():
    assert Tlv(0x0427).name == "message_state"
    assert Tlv(0x1400).name == "0x1400"


def test_find_takes_the_first():
    tlvs = (Tlv(0x381, b"one"), Tlv(0x381, b"two"))
    assert find(tlvs, 0x381) == tlvs[0]
    assert find(tlvs, 0x427) is None


@pytest.mark.parametrize(
    ("tag", "number", "octets"),
    [(Tag.MESSAGE_STATE, 2, "02"), (Tag.SAR_MSG_REF_NUM, 258, "0102"), (0x0017, 86400, "00015180")],
)
def test_integer_values(tag, number, octets):
    tlv = Tlv.integer(tag, number)
    assert (tlv.value.hex(), tlv.as_int()) == (octets, number)


@pytest.mark.parametrize(("octets", "number"), [("", None), ("02", 2), ("0002", 2)])
def test_integers_of_any_length_are_read(octets, number):
    assert Tlv(Tag.MESSAGE_STATE, bytes.fromhex(octets)).as_int() == number


@pytest.mark.parametrize(("value", "text"), [(b"abc\0", "abc"), (b"abc", "abc"), (b"", ""), (b"a\0b\0", "a")])
def test_text_with_and_without_nul(value, text):
    assert Tlv(Tag.RECEIPTED_MESSAGE_ID, value).as_text() == text


def test_c_string_values():
    assert Tlv.c_string(Tag.RECEIPTED_MESSAGE_ID, "x" * 64).value == b"x" * 64 + b"\0"


def test_octet_values():
    assert Tlv.octets(Tag.NETWORK_ERROR_CODE, b"\x03\x00\x08").value == b"\x03\x00\x08"
    assert Tlv.octets(Tag.MESSAGE_PAYLOAD, b"").value == b""


@pytest.mark.parametrize(
    "make",
    [
        lambda: Tlv.integer(Tag.MESSAGE_STATE, 256),
        lambda: Tlv.integer(Tag.MESSAGE_STATE, -1),
        lambda: Tlv.integer(Tag.MESSAGE_PAYLOAD, 1),
        lambda: Tlv.integer(0x1400, 1),
        lambda: Tlv.c_string(Tag.RECEIPTED_MESSAGE_ID, "x" * 65),
        lambda: Tlv.c_string(Tag.RECEIPTED_MESSAGE_ID, "a\0b"),
        lambda: Tlv.c_string(Tag.RECEIPTED_MESSAGE_ID, "سلام"),
        lambda: Tlv.c_string(Tag.MESSAGE_STATE, "2"),
        lambda: Tlv.octets(Tag.NETWORK_ERROR_CODE, b"\x03"),
        lambda: encode_tlvs([Tlv(0x10000)]),
        lambda: encode_tlvs([Tlv(-1)]),
        lambda: encode_tlvs([Tlv(0x424, b"x" * 65536)]),
        lambda: encode_tlvs([Tlv(0x424, "text")]),  # type: ignore[arg-type]
    ],
)
def test_values_that_cannot_be_sent(make):
    with pytest.raises(FieldError):
        make()


@pytest.mark.parametrize("tag", [Tag.MESSAGE_PAYLOAD, 0x0381, 0x0303, 0x0202, 0x1400])
def test_repr_hides_what_may_be_private(tag):
    assert b"secret".hex() not in repr(Tlv(tag, b"secret"))
    assert "secret" not in repr(Tlv(tag, b"secret"))


def test_repr_shows_the_rest():
    assert repr(Tlv(Tag.MESSAGE_STATE, b"\x02")) == "Tlv(message_state=02)"
