from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ghasi.explain.dialect import Dialect, dialect_of
from ghasi.explain.pdu import explain_pdu
from ghasi.explain.show import in_plain
from ghasi.profiles.presets import effective
from ghasi.smpp.pdu import (
    BindTransceiver,
    BindTransceiverResp,
    DataSm,
    DeliverSm,
    DeliverSmResp,
    DistributionList,
    EnquireLink,
    Pdu,
    QuerySmResp,
    SmeAddress,
    SubmitMulti,
    SubmitMultiResp,
    SubmitSm,
    SubmitSmResp,
    UnsuccessSme,
    encode_pdu,
    with_sequence,
)
from ghasi.smpp.tlv import Tag, Tlv
from tests.unit.smpp.strategies import ANY_PDU

TEXT = b"hello"


def told(pdu: Pdu, dialect: Dialect | None = None) -> str:
    frame = encode_pdu(with_sequence(pdu, pdu.sequence_number or 1), long_credentials=True)
    return "\n".join(in_plain(explain_pdu(frame, dialect or Dialect())))


def warned(text: str) -> list[str]:
    return [line.split("! ", 1)[1] for line in text.splitlines() if line.lstrip().startswith("! ")]


def test_a_submit_field_by_field() -> None:
    shown = told(
        SubmitSm(
            source_addr_ton=5,
            source_addr="GHASI",
            dest_addr_ton=1,
            dest_addr_npi=1,
            destination_addr="93701234567",
            esm_class=0x43,
            registered_delivery=0x11,
            data_coding=0x18,
            validity_period="000001000000000R",
            short_message=bytes.fromhex("050003010201") + "سلام".encode("utf-16-be"),
            tlvs=(Tlv.integer(Tag.MORE_MESSAGES_TO_SEND, 1), Tlv(0x1400, b"cost-7")),
        )
    )
    rows = [" ".join(line.split()) for line in shown.splitlines()]
    assert rows == [
        "submit_sm, 94 octets",
        "0-3 0000005e command_length 94 octets, this field included",
        "4-7 00000004 command_id 0x00000004 submit_sm",
        "8-11 00000000 command_status 0x00000000 ESME_ROK",
        "12-15 00000001 sequence_number 1",
        "16 00 service_type '' default of the SMSC",
        "17 05 source_addr_ton 5 alphanumeric",
        "18 00 source_addr_npi 0 unknown",
        "19-24 474841534900 source_addr 'GHASI'",
        "25 01 dest_addr_ton 1 international",
        "26 01 dest_addr_npi 1 E.164, telephone numbers",
        "27-38 39333730313233… destination_addr '93701234567'",
        "39 43 esm_class 0x43 store and forward, user data header",
        "40 00 protocol_id 0x00 plain short message",
        "41 00 priority_flag 0 no priority",
        "42 00 schedule_delivery_time '' at once",
        "43-59 30303030303130… validity_period '000001000000000R' in 1 day",
        "60 11 registered_delivery 0x11 receipt, intermediate notification",
        "61 00 replace_if_present_flag 0 no",
        "62 18 data_coding 0x18 UCS-2, class 0, flash: shown at once",
        "63 00 sm_default_msg_id 0 none",
        "64 0e sm_length 14 octets of short_message",
        "65-78 05000301020106… short_message 14 octets",
        "user data header 050003010201 6 octets",
        "concatenation, 8-bit reference 0003010201 part 1 of 2, reference 1",
        "octets 06 33 06 44 06 27 06 45",
        "text 'سلام' 4 characters, 4 UTF-16 units",
        "79-83 0426000101 TLV more_messages_to_send 1 more follow",
        "84-93 14000006636f73… TLV 0x1400 'cost-7' vendor's own",
    ]


def test_a_submit_as_it_should_be_has_no_warning() -> None:
    assert not warned(
        told(
            SubmitSm(
                source_addr_ton=5,
                source_addr="GHASI",
                dest_addr_ton=1,
                dest_addr_npi=1,
                destination_addr="93701234567",
                registered_delivery=1,
                short_message=TEXT,
            )
        )
    )


@pytest.mark.parametrize(
    ("pdu", "shown"),
    [
        (SubmitSmResp(command_status=0x0B), "ESME_RINVDSTADR  Invalid D"),
        (SubmitSmResp(command_status=0x0B), "final: the part is REJECTED"),
        (SubmitSmResp(command_status=0x58), "sent again within seconds"),
        (SubmitSmResp(command_status=0x45), "when it goes on: final"),
        (SubmitSmResp(message_id="7"), "accepted"),
        (BindTransceiverResp(command_status=0x0E), "paused for a person"),
        (BindTransceiverResp(command_status=0x03), "a transmitter and a receiver"),
        (DeliverSmResp(command_status=0x64), "the SMSC keeps it and sends it again"),
        (BindTransceiver(system_id="me", interface_version=0x34), "SMPP 3.4"),
        (QuerySmResp(message_id="7", message_state=2), "DELIVERED"),
        (SubmitSm(data_coding=4, short_message=b"\1"), "data_coding means octets"),
        (SubmitSm(data_coding=0, short_message=b"a\0"), "'a@'"),
        (SubmitSm(data_coding=0xF5, short_message=b"a"), "octets, class 1"),
        (SubmitSm(data_coding=0xC8, short_message=b"a"), "voice mail waiting"),
        (SubmitSm(registered_delivery=2), "receipt on failure"),
        (SubmitSm(protocol_id=0x41), "replaces an earlier message of type 1"),
        (
            SubmitSm(schedule_delivery_time="260418103000018+"),
            "10:30:00 UTC+04:30 = 2026-04-18 06:00:00 UTC",
        ),
        (DeliverSm(esm_class=4, short_message=b"id:a_b"), "'id:a_b'"),
        (DeliverSm(esm_class=4, short_message=b"id:a_b"), "receipt"),
        (DataSm(tlvs=(Tlv(Tag.MESSAGE_PAYLOAD, b"a\0"),)), "'a@'"),
        (DataSm(tlvs=(Tlv.c_string(Tag.RECEIPTED_MESSAGE_ID, "0A7"),)), "'0A7'"),
        (DataSm(tlvs=(Tlv(Tag.NETWORK_ERROR_CODE, b"\x03\x00\x1b"),)), "error 27 of the GSM"),
        (DataSm(tlvs=(Tlv.integer(Tag.DEST_ADDR_SUBUNIT, 1),)), "display of the phone (flash)"),
        (SubmitSm(esm_class=0x40, short_message=bytes.fromhex("03250101") + b"a"), "Turkish"),
        (SubmitSm(esm_class=0x40, short_message=bytes.fromhex("06050423f40000") + b"a"), "to 9204 (vCard)"),
        (SubmitMulti(dest_address=(SmeAddress(destination_addr="1"), DistributionList(dl_name="all"))), "'all'"),
        (SubmitMultiResp(unsuccess_sme=(UnsuccessSme(error_status_code=0x0B),)), "ESME_RINVDSTADR"),
    ],
)
def test_meanings(pdu: Pdu, shown: str) -> None:
    assert shown in told(pdu)


@pytest.mark.parametrize(
    ("pdu", "warning"),
    [
        (SubmitSm(command_status=1, short_message=TEXT), "must be 0 in a request"),
        (SubmitSm(sequence_number=0x80000000, short_message=TEXT), "sequence numbers are"),
        (SubmitSm(source_addr_ton=9, short_message=TEXT), "no type of number 9"),
        (SubmitSm(dest_addr_npi=2, short_message=TEXT), "no numbering plan 2"),
        (SubmitSm(dest_addr_ton=1, destination_addr="+4479", short_message=TEXT), "a leading +"),
        (SubmitSm(dest_addr_ton=1, destination_addr="004479", short_message=TEXT), "begin with 00"),
        (SubmitSm(dest_addr_ton=1, destination_addr="GHASI", short_message=TEXT), "more than digits"),
        (SubmitSm(dest_addr_ton=1, destination_addr="1" * 16, short_message=TEXT), "E.164 allows 15"),
        (SubmitSm(source_addr_ton=5, source_addr="A name too long", short_message=TEXT), "a name of 15 characters"),
        (SubmitSm(source_addr_ton=5, source_addr="4479", short_message=TEXT), "digits only"),
        (SubmitSm(esm_class=4, short_message=TEXT), "stands in deliver_sm only"),
        (DeliverSm(esm_class=0x0C, short_message=TEXT), "message type 0x0C is reserved"),
        (SubmitSm(esm_class=0x40, short_message=b"\x09a"), "the octets hold none"),
        (SubmitSm(short_message=b"\5\0\3\1\2\1" + TEXT), "does not say so"),
        (SubmitSm(esm_class=0x40, short_message=b"\5\0\3\1\2\3" + TEXT), "not within 1 and the number of parts"),
        (SubmitSm(esm_class=0x40, short_message=b"\4\0\3\1\2" + TEXT), "the last element is longer"),
        (SubmitSm(priority_flag=4, short_message=TEXT), "priorities are 0 to 3"),
        (SubmitSm(validity_period="tomorrow, please", short_message=TEXT), "no time of the form"),
        (SubmitSm(validity_period="991332000000000+", short_message=TEXT), "no such date"),
        (SubmitSm(registered_delivery=3, short_message=TEXT), "is SMPP 5"),
        (SubmitSm(registered_delivery=0x21, short_message=TEXT), "reserved"),
        (SubmitSm(data_coding=0x0B, short_message=TEXT), "a vendor's own meaning"),
        (SubmitSm(short_message=b"caf\xe9"), "octet 4 is 0xE9"),
        (SubmitSm(short_message=b"a\x1b"), "half of an escape pair"),
        (SubmitSm(data_coding=8, short_message=b"\0a\0"), "odd number of octets"),
        (SubmitSm(data_coding=8, short_message=b"\xfe\xff\0a"), "byte order mark"),
        (SubmitSm(data_coding=8, short_message=b"\xd8\x3d\0a"), "half of a surrogate pair"),
        (SubmitSm(data_coding=4, short_message=b"\1" * 141), "141 octets on the air"),
        (SubmitSm(short_message=b"a" * 161), "141 octets on the air"),
        (SubmitSm(), "no text at all"),
        (SubmitSm(short_message=TEXT, tlvs=(Tlv(Tag.MESSAGE_PAYLOAD, TEXT),)), "only one may be there"),
        (DataSm(), "no message_payload"),
        (SubmitSm(short_message=TEXT, tlvs=(Tlv.integer(Tag.SAR_MSG_REF_NUM, 1),)), "all three or none"),
        (SubmitSm(short_message=TEXT, tlvs=(Tlv(0x4001, b"x"),)), "0x1400 to 0x3FFF"),
        (SubmitSm(short_message=TEXT, tlvs=(Tlv(Tag.MESSAGE_STATE, b"\x02\x00"),)), "must have 1 octets, has 2"),
        (SubmitSm(short_message=TEXT, tlvs=(Tlv.integer(Tag.MESSAGE_STATE, 2),) * 2), "stands 2 times"),
        (DeliverSm(short_message=TEXT, tlvs=(Tlv.integer(Tag.MESSAGE_STATE, 2),)), "does not say that it is one"),
        (DeliverSm(short_message=TEXT, validity_period="000001000000000R"), "must be empty"),
        (DeliverSm(short_message=b"x" * 255), "254 at most"),
        (SubmitSmResp(), "accepted without a message_id"),
        (SubmitSmResp(command_status=0x404), "a vendor's own status"),
        (SubmitSmResp(command_status=0x404404), "SMPP does not list"),
        (BindTransceiver(password="longer than eight"), "allows 8"),
        (BindTransceiver(interface_version=0x33), "no TLVs"),
        (BindTransceiver(system_id="é"), "outside ASCII"),
    ],
)
def test_warnings(pdu: Pdu, warning: str) -> None:
    assert any(warning in line for line in warned(told(pdu))), told(pdu)


def test_parts_numbered_twice() -> None:
    sar = (Tag.SAR_MSG_REF_NUM, Tag.SAR_TOTAL_SEGMENTS, Tag.SAR_SEGMENT_SEQNUM)
    tlvs = tuple(Tlv.integer(tag, number) for tag, number in zip(sar, (1, 2, 3), strict=True))
    shown = warned(told(SubmitSm(esm_class=0x40, short_message=b"\5\0\3\1\2\1" + TEXT, tlvs=tlvs)))
    assert any("sar_segment_seqnum is not within" in line for line in shown)
    assert any("see one message twice" in line for line in shown)


def test_a_full_part_is_no_reason_to_warn() -> None:
    part = SubmitSm(esm_class=0x40, short_message=b"\5\0\3\1\2\1" + b"a" * 153)
    assert not any("on the air" in line for line in warned(told(part)))
    assert not any("on the air" in line for line in warned(told(SubmitSm(short_message=b"a" * 160))))


def test_what_an_operator_means_by_it() -> None:
    dialect = dialect_of(
        effective(
            {
                "text": {"alphabet": "latin1"},
                "statuses": {
                    "0x0400-0x04FF": {"action": "hold"},
                    "0x0404": {"action": "retry_later", "cause": "queue", "tries": 3, "then": "permanent"},
                },
                "tlvs": {
                    "read": [
                        {"tag": 0x1400, "name": "costCentre"},
                        {"tag": 0x1401, "name": "price", "encoding": "integer"},
                    ]
                },
            }
        )
    )
    tlvs = (Tlv(0x1400, b"7"), Tlv(0x1401, b"\1\0"))
    shown = told(DeliverSm(short_message=b"caf\xe9", tlvs=tlvs), dialect)
    for words in ("here Latin-1", "'café'", "TLV 0x1400 costCentre", "'7'", "TLV 0x1401 price", "256"):
        assert words in shown
    assert not warned(shown)
    status = told(SubmitSmResp(command_status=0x404), dialect)
    assert "queue; by the profile: sent again after 20 s or more; when it goes on: final" in status
    assert not warned(status)
    assert "held for a person" in told(SubmitSmResp(command_status=0x405), dialect)


PROFILE = {
    "text": {"allowedDataCodings": [0, 8]},
    "submit": {"serviceType": "OTP", "userMessageReference": True},
    "tlvs": {"send": [{"tag": 0x1400, "value": "7"}]},
}
FIT = SubmitSm(
    service_type="OTP",
    source_addr_ton=5,
    source_addr="GHASI",
    dest_addr_ton=1,
    dest_addr_npi=1,
    destination_addr="93701234567",
    registered_delivery=1,
    short_message=TEXT,
    tlvs=(Tlv(Tag.USER_MESSAGE_REFERENCE, b"\0\1"), Tlv(0x1400, b"7")),
)


def test_a_pdu_as_the_profile_has_it() -> None:
    assert not warned(told(FIT, dialect_of(effective(PROFILE))))


@pytest.mark.parametrize(
    ("changes", "warning"),
    [
        ({"data_coding": 3}, "data_coding 0x03 is none that the profile allows"),
        ({"dest_addr_ton": 2}, "destination: TON/NPI 2/1, the profile says 1/1"),
        ({"source_addr": "1234"}, "sender: TON/NPI 5/0, the profile says 3/0"),
        ({"source_addr": "9370*****67"}, "sender: TON/NPI 5/0, the profile says 1/1"),
        ({"service_type": ""}, "service_type: '', the profile says 'OTP'"),
        ({"registered_delivery": 0}, "registered_delivery: 0, the profile says 1"),
        ({"esm_class": 3}, "esm_class: 0x03 beside the header's bit, the profile says 0x00"),
        ({"tlvs": (Tlv(Tag.SAR_MSG_REF_NUM, b"\0\1"),)}, "a long message by sar"),
        ({"tlvs": ()}, "TLV 0x1400 is missing"),
        ({"tlvs": ()}, "user_message_reference is missing"),
    ],
)
def test_a_pdu_that_is_not_as_the_profile_has_it(changes: dict[str, Any], warning: str) -> None:
    shown = warned(told(replace(FIT, **changes), dialect_of(effective(PROFILE))))
    assert any(warning in line for line in shown), shown


def test_a_pdu_that_cannot_be_read_is_told_as_far_as_it_can() -> None:
    frame = encode_pdu(SubmitSm(sequence_number=1, destination_addr="4479", short_message=TEXT))
    shown = "\n".join(in_plain(explain_pdu(frame[:-3])))
    assert "'4479'" in shown
    assert "cannot be read further: the message is shorter than its length says" in shown
    assert f"command_length says {len(frame)} octets, there are {len(frame) - 3}" in shown
    unknown = "\n".join(in_plain(explain_pdu(frame[:4] + b"\0\0\x09\x99" + frame[8:])))
    assert "SMPP 3.4 lists no such command" in unknown


def test_nothing_steers_the_terminal() -> None:
    shown = told(SubmitSm(source_addr="\x1b[2J", short_message=b"\x1b", tlvs=(Tlv(0x1D, b"\x1b[2J\0"),)))
    assert "\x1b" not in shown


def test_a_header_alone() -> None:
    assert not warned(told(EnquireLink()))


@given(ANY_PDU, st.data())
def test_anything_is_explained(pdu: Pdu, data: st.DataObject) -> None:
    frame = bytearray(encode_pdu(pdu, long_credentials=True))
    for _ in range(data.draw(st.integers(0, 3))):
        frame[data.draw(st.integers(0, len(frame) - 1))] = data.draw(st.integers(0, 255))
    lines = explain_pdu(bytes(frame[: data.draw(st.integers(0, len(frame)))]))
    assert all(line.isprintable() for line in in_plain(lines))
