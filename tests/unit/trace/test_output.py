from __future__ import annotations

import io
import json
from typing import Any

import pytest

from ghasi.contracts.sessions import SendRules
from ghasi.contracts.statuses import StatusOverride
from ghasi.contracts.trace import TracedPdu
from ghasi.explain.dialect import Dialect, dialect_of, dialect_of_rules
from ghasi.explain.pdu import explain_pdu
from ghasi.explain.show import in_plain
from ghasi.profiles.presets import effective
from ghasi.profiles.rules import send_rules
from ghasi.smpp.pdu import (
    BindTransceiver,
    BindTransceiverResp,
    DataSm,
    DeliverSm,
    EnquireLink,
    Pdu,
    QuerySm,
    QuerySmResp,
    SmeAddress,
    SubmitMulti,
    SubmitSm,
    SubmitSmResp,
    encode_pdu,
)
from ghasi.smpp.tlv import Tag, Tlv
from ghasi.sms.coding import Alphabet
from ghasi.sms.septets import fill_bits, pack
from ghasi.trace.brief import brief
from ghasi.trace.merge import Item, Missed
from ghasi.trace.output import Output
from tests.support.pcap import read_pcap

AT = 1_770_000_000_123_456


def item(pdu: Pdu | bytes, *, sent: bool = True, later: int = 0) -> Item:
    octets = pdu if isinstance(pdu, bytes) else encode_pdu(pdu)
    traced = TracedPdu(AT + later, sent, 0, 3, "10.0.0.1:51000", "198.51.100.7:2775", octets)
    return Item(AT + later, 1, "gw-1", traced, 0.0)


def lines(*items: Item, **options: Any) -> list[str]:
    shown: list[str] = []
    output = Output(shown.append, None, **options)
    for one in items:
        output.show(one)
    return shown


def test_one_line_a_pdu_with_the_time_an_answer_took() -> None:
    submit = SubmitSm(sequence_number=12, source_addr="GHASI", destination_addr="9370*****67", short_message=b"**")
    assert lines(
        item(submit),
        item(SubmitSmResp(sequence_number=12, message_id="7A"), sent=False, later=12_300),
        item(EnquireLink(sequence_number=9), sent=False),
    ) == [
        "02:40:00.123456 → submit_sm                 12  gw-1/0.3 198.51.100.7:2775  "
        "GHASI (0/0) → 9370*****67 (0/0) dcs 0x00 '**'",
        "02:40:00.135756 ← submit_sm_resp            12  gw-1/0.3 198.51.100.7:2775  +12.3 ms  ESME_ROK id 7A",
        "02:40:00.123456 ← enquire_link               9  gw-1/0.3 198.51.100.7:2775",
    ]


@pytest.mark.parametrize(
    ("pdu", "shown"),
    [
        (BindTransceiver(system_id="me", password="********"), "system_id 'me' system_type '' version 0x34"),
        (BindTransceiverResp(command_status=0x0E), "ESME_RINVPASWD system_id ''"),
        (
            DeliverSm(esm_class=4, short_message=b"id:7 stat:UNDELIV err:027"),
            "receipt id 7 UNDELIV: UNDELIVERABLE err",
        ),
        (DeliverSm(esm_class=0x20, short_message=b"hm"), "intermediate id ? -: ? unreadable: no_fields"),
        (DataSm(tlvs=(Tlv(Tag.MESSAGE_PAYLOAD, b"hi"),)), "dcs 0x00 'hi'"),
        (
            SubmitSm(esm_class=0x40, registered_delivery=1, short_message=b"\5\0\3\1\2\1hi"),
            "esm 0x40 reg 0x01 udh 050003010201 'hi'",
        ),
        (SubmitSm(data_coding=4, short_message=b"\1\2"), "dcs 0x04 2 octets"),
        (SubmitSm(short_message=b"x" * 100), "'" + "x" * 60 + "…'"),
        (SubmitMulti(dest_address=(SmeAddress(),)), "1 destinations"),
        (
            SubmitSmResp(command_status=0x0B, tlvs=(Tlv.c_string(Tag.ADDITIONAL_STATUS_INFO_TEXT, "no"),)),
            "ESME_RINVDSTADR 'no'",
        ),
        (QuerySm(message_id="7"), "id 7"),
        (QuerySmResp(message_id="7", message_state=2), "ESME_ROK id 7 message_state 2"),
    ],
)
def test_what_matters_of_a_pdu(pdu: Pdu, shown: str) -> None:
    assert shown in brief(encode_pdu(pdu))


OWN = {
    "text": {"alphabet": "latin1"},
    "receipts": {"words": {"GONE": "undeliverable"}, "errors": {"causes": {"27": "ABSENT_SUBSCRIBER"}}},
    "tlvs": {"read": [{"tag": 0x1403, "name": "mccMnc"}, {"tag": 0x1402, "name": "cost", "encoding": "integer"}]},
    "statuses": {"0x0455": {"action": "permanent", "cause": "spam"}},
}
BY_PROFILE = dialect_of(effective(OWN))
BY_RULES = dialect_of_rules(send_rules(effective(OWN)))


@pytest.mark.parametrize("dialect", [BY_PROFILE, BY_RULES])
@pytest.mark.parametrize(
    ("pdu", "shown"),
    [
        (SubmitSm(short_message=b"caf\xe9 @"), "dcs 0x00 'café @'"),
        (
            DeliverSm(esm_class=4, short_message=b"id:7 stat:GONE err:27", tlvs=(Tlv(0x1403, b"41220"),)),
            "id 7 GONE: UNDELIVERABLE err 27 ABSENT_SUBSCRIBER mccMnc '41220'",
        ),
        (SubmitSmResp(message_id="7", tlvs=(Tlv(0x1402, b"\0\x0c"),)), "ESME_ROK id 7 cost '12'"),
        (SubmitSmResp(command_status=0x0455), "0x00000455 (spam)"),
    ],
)
def test_by_the_operators_dialect(pdu: Pdu, shown: str, dialect: Dialect) -> None:
    assert shown in brief(encode_pdu(pdu), dialect)
    assert shown not in brief(encode_pdu(pdu))


PACKED = dialect_of(effective({"text": {"packed": True}, "receipts": {"encoding": "gsm7-packed"}}))
UDH = b"\5\0\3\1\2\1"


@pytest.mark.parametrize(
    ("pdu", "shown"),
    [
        (SubmitSm(short_message=pack(b"hellohello")), "dcs 0x00 (packed) 'hellohello'"),
        (SubmitSm(short_message=pack(b"1234567")), "dcs 0x00 (packed) '1234567'"),
        (SubmitSm(data_coding=0x10, short_message=pack(b"\x1be 5")), "dcs 0x10 (packed) '€ 5'"),
        (
            SubmitSm(esm_class=0x40, short_message=UDH + pack(b"hello", fill_bits(6))),
            "esm 0x40 udh 050003010201 (packed) 'hello'",
        ),
        (SubmitSm(esm_class=0x40, short_message=b"\3\x24\1\1" + pack(b"\x1bs", fill_bits(4))), "(packed) 'ş'"),
        (SubmitSm(short_message=b"hello"), "dcs 0x00 (not packed) 'hello'"),
        (SubmitSm(esm_class=0x40, short_message=UDH + b"\x81"), "(not packed) '�'"),
        (SubmitSm(short_message=b"*****"), "dcs 0x00 (packed, masked) '*****'"),
        (SubmitSm(data_coding=8, short_message=b"\0h"), "dcs 0x08 'h'"),
        (SubmitSm(data_coding=4, short_message=b"\1\2"), "dcs 0x04 2 octets"),
        (SubmitSm(), "dcs 0x00 ''"),
        (DataSm(tlvs=(Tlv(Tag.MESSAGE_PAYLOAD, pack(b"hi")),)), "dcs 0x00 (packed) 'hi'"),
        (DeliverSm(esm_class=4, short_message=pack(b"id:7 stat:DELIVRD")), "receipt id 7 DELIVRD: DELIVERED"),
        (DeliverSm(esm_class=4, short_message=b"*" * 30), "unreadable: no_fields (masked)"),
    ],
)
def test_packed_septets_by_the_operators_profile(pdu: Pdu, shown: str) -> None:
    assert shown in brief(encode_pdu(pdu), PACKED)
    assert "packed" not in brief(encode_pdu(pdu))


def explained(pdu: Pdu) -> str:
    return "\n".join(in_plain(explain_pdu(encode_pdu(pdu), PACKED)))


def test_every_field_of_a_packed_text() -> None:
    told = explained(SubmitSm(esm_class=0x40, short_message=UDH + pack(b"hello", fill_bits(6))))
    assert "5 characters, 5 septets packed in 5 octets" in told
    assert "hello" in told
    whole = explained(SubmitSm(short_message=pack(b"\x7f" * 160)))
    assert "160 septets packed in 140 octets" in whole
    assert "septets end at" not in whole
    assert "on the air" not in whole
    assert "no packed septets, which the operator's profile says" in explained(SubmitSm(short_message=b"hello"))
    assert "masked, packed septets in 3 octets" in explained(SubmitSm(short_message=b"***"))
    assert "id:7 stat:DELIVRD" in explained(DeliverSm(esm_class=4, short_message=pack(b"id:7 stat:DELIVRD")))


def test_json_names_what_the_profile_reads() -> None:
    (line,) = lines(item(SubmitSmResp(tlvs=(Tlv(0x1402, b"\x0c"),))), as_json=True, dialect=lambda: BY_RULES)
    assert json.loads(line)["tlvs"] == {"cost": "12"}
    (line,) = lines(item(SubmitSmResp(tlvs=(Tlv(0x1402, b"\x0c"),))), as_json=True)
    assert "tlvs" not in json.loads(line)


def test_rules_of_a_release_to_come_are_read_as_far_as_they_can() -> None:
    rules = SendRules(alphabet="klingon", statuses=(StatusOverride("0x0455", "teleport"),))
    dialect = dialect_of_rules(rules)
    assert (dialect.alphabet, dialect.status(0x0455)) == (Alphabet.GSM7, None)


def test_what_cannot_be_read_is_shown_too() -> None:
    broken = encode_pdu(SubmitSm(short_message=b"hello"))[:-2]
    (line,) = lines(item(broken))
    assert "cannot be read: command_length 38 on 36 octets" in line
    (form,) = (json.loads(line) for line in lines(item(broken), as_json=True))
    assert (form["pdu"], form["error"]) == (None, "command_length 38 on 36 octets")


def test_json_lines() -> None:
    (plain,) = lines(item(EnquireLink(sequence_number=9)), as_json=True)
    assert json.loads(plain) == {
        "at": "2026-02-02T02:40:00.123456Z",
        "direction": "sent",
        "replica": "gw-1",
        "slot": 0,
        "link": 3,
        "local": "10.0.0.1:51000",
        "remote": "198.51.100.7:2775",
        "masked": True,
        "pdu": {"command": "enquire_link", "status": 0, "sequence": 9, "fields": {}, "tlvs": []},
    }
    (with_hex,) = lines(item(EnquireLink(sequence_number=9)), as_json=True, with_hex=True)
    assert json.loads(with_hex)["hex"] == "00000010000000150000000000000009"


def test_what_is_missing() -> None:
    some, unknown = (Item(0, 1, "gw-1", Missed("gw-1", count), 0.0) for count in (7, 0))
    assert lines(some, unknown) == ["… 7 PDUs of gw-1 were not copied", "… copies of gw-1 were lost on the way"]
    assert [json.loads(line) for line in lines(some, unknown, as_json=True)] == [
        {"replica": "gw-1", "missed": 7},
        {"replica": "gw-1", "missed": None},
    ]


def test_octets_and_further_lines() -> None:
    shown: list[str] = []
    output = Output(shown.append, None, with_hex=True, explain=lambda frame, _: [f"  {len(frame)} octets"])
    output.show(item(EnquireLink(sequence_number=0x41)))
    assert shown[1:] == ["  16 octets", "    0000  00 00 00 10 00 00 00 15 00 00 00 00 00 00 00 41  ...............A"]


def test_nothing_steers_the_terminal() -> None:
    (line,) = lines(item(SubmitSm(source_addr="\x1b[2J\n", short_message=b"hi")))
    assert "\\x1b[2J\\x0a" in line
    assert line.isprintable()


def test_a_capture_beside_and_instead_of_lines() -> None:
    shown: list[str] = []
    beside, instead = io.BytesIO(), io.BytesIO()
    for output in (Output(shown.append, beside), Output(None, instead)):
        output.show(item(EnquireLink(sequence_number=9)))
        output.show(Item(0, 1, "gw-1", Missed("gw-1", 7), 0.0))
    assert len(shown) == 2
    assert beside.getvalue() == instead.getvalue()
    assert [packet.payload for packet in read_pcap(instead.getvalue())] == [
        encode_pdu(EnquireLink(sequence_number=9))
    ]
