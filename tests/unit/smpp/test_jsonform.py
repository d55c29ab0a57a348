import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ghasi.smpp.errors import DecodeError, FieldError, FramingError, SmppError, UnknownCommand
from ghasi.smpp.jsonform import json_to_pdu, pdu_to_json
from ghasi.smpp.pdu import encode_pdu
from tests.unit.smpp.strategies import ANY_PDU


@given(ANY_PDU)
def test_every_pdu_goes_through_json(pdu):
    frame = encode_pdu(pdu).hex()
    form = json.loads(json.dumps(pdu_to_json(frame)))
    assert json_to_pdu(form) == frame


def test_defaults():
    assert json_to_pdu({"command": "enquire_link"}) == "00000010000000150000000000000001"
    assert json_to_pdu({"command": "generic_nack", "status": 3}) == "00000010800000000000000300000000"
    assert json_to_pdu({"command": "deliver_sm_resp", "fields": {}, "tlvs": []}).startswith("00000011")


def test_a_tlv_by_name_or_by_tag():
    by_name = json_to_pdu({"command": "data_sm", "tlvs": [{"name": "message_state", "value": "02"}]})
    by_tag = json_to_pdu({"command": "data_sm", "tlvs": [{"tag": 0x427, "name": None, "value": "02"}]})
    assert by_name == by_tag
    assert by_name.endswith("0427000102")


def test_unknown_tlvs_have_no_name():
    frame = json_to_pdu({"command": "unbind_resp", "tlvs": [{"tag": 0x1400, "value": "ff"}]})
    assert pdu_to_json(frame)["tlvs"] == [{"tag": 0x1400, "name": None, "value": "ff"}]


def test_entries_are_objects():
    form = {"command": "submit_multi_resp", "fields": {"unsuccess_sme": [{"error_status_code": 11}]}}
    (entry,) = pdu_to_json(json_to_pdu(form))["fields"]["unsuccess_sme"]
    assert entry == {
        "dest_addr_ton": 0,
        "dest_addr_npi": 0,
        "destination_addr": "",
        "error_status_code": 11,
    }


def test_white_space_and_capitals_in_hexadecimal():
    assert pdu_to_json("0000 0010 8000 0000 0000 00FF 0000 0000\n")["status"] == 255


@pytest.mark.parametrize(
    ("form", "named"),
    [
        (None, "pdu"),
        ([], "pdu"),
        ("submit_sm", "pdu"),
        ({}, "command"),
        ({"command": 4}, "command"),
        ({"command": "submit_smm"}, "command"),
        ({"command": "unbind", "extra": 1}, "extra"),
        ({"command": "unbind", "status": "0"}, "status"),
        ({"command": "unbind", "status": -1}, "command_status"),
        ({"command": "unbind", "sequence": True}, "sequence"),
        ({"command": "unbind", "sequence": 1 << 32}, "sequence_number"),
        ({"command": "unbind", "fields": []}, "fields"),
        ({"command": "unbind", "fields": {"source_addr": ""}}, "source_addr"),
        ({"command": "unbind", "tlvs": {}}, "tlvs"),
        ({"command": "unbind", "tlvs": [7]}, "tlvs"),
        ({"command": "unbind", "tlvs": [{"value": "00"}]}, "tlvs.name"),
        ({"command": "unbind", "tlvs": [{"name": "no_such", "value": "00"}]}, "tlvs.name"),
        ({"command": "unbind", "tlvs": [{"tag": 1, "name": "message_state", "value": ""}]}, "tlvs.name"),
        ({"command": "unbind", "tlvs": [{"tag": "1", "value": ""}]}, "tlvs.tag"),
        ({"command": "unbind", "tlvs": [{"tag": 65536, "value": ""}]}, "tlvs"),
        ({"command": "unbind", "tlvs": [{"tag": 1, "value": "0g"}]}, "tlvs.value"),
        ({"command": "unbind", "tlvs": [{"tag": 1, "value": "", "kind": 1}]}, "kind"),
        ({"command": "submit_sm", "fields": {"source_addr": 5}}, "source_addr"),
        ({"command": "submit_sm", "fields": {"source_addr": "\ud800"}}, "source_addr"),
        ({"command": "submit_sm", "fields": {"source_addr": "1" * 21}}, "source_addr"),
        ({"command": "submit_sm", "fields": {"data_coding": 1.5}}, "data_coding"),
        ({"command": "submit_sm", "fields": {"data_coding": False}}, "data_coding"),
        ({"command": "submit_sm", "fields": {"short_message": "4"}}, "short_message"),
        ({"command": "submit_sm", "fields": {"short_message": "41", "sm_length": 2}}, "sm_length"),
        ({"command": "submit_sm", "fields": {"sm_length": 2}}, "sm_length"),
        ({"command": "submit_multi", "fields": {"dest_address": {}}}, "dest_address"),
        ({"command": "submit_multi", "fields": {"dest_address": ["93"]}}, "dest_address"),
        ({"command": "submit_multi", "fields": {"dest_address": [{}]}}, "dest_address.dest_flag"),
        ({"command": "submit_multi", "fields": {"dest_address": [{"dest_flag": 3}]}}, "dest_address.dest_flag"),
        ({"command": "submit_multi", "fields": {"dest_address": [{"dest_flag": 2, "x": 1}]}}, "x"),
        ({"command": "submit_multi", "fields": {"number_of_dests": 1}}, "number_of_dests"),
    ],
)
def test_what_is_wrong_is_named(form, named):
    with pytest.raises(FieldError) as caught:
        json_to_pdu(form)
    assert caught.value.field == named


@pytest.mark.parametrize(
    ("frame", "error"),
    [
        ("zz", FieldError),
        ("001", FieldError),
        ("", FramingError),
        ("00000010000000990000000000000001", UnknownCommand),
        ("00000010000000050000000000000001", DecodeError),
    ],
)
def test_frames_that_cannot_be_read(frame, error):
    with pytest.raises(error):
        pdu_to_json(frame)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(st.sampled_from(["submit_sm", "submit_multi", "bind_receiver", "generic_nack"]), JSON, JSON, JSON, JSON)
def test_any_json_is_a_pdu_or_a_typed_error(command, status, sequence, fields, tlvs):
    form = {"command": command, "status": status, "sequence": sequence, "fields": fields, "tlvs": tlvs}
    try:
        frame = json_to_pdu(form)
    except SmppError:
        return
    assert pdu_to_json(frame)["command"] == command
