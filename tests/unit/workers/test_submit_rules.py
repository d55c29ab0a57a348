"""workers.submit_rules: what an operator's profile says, on the wire."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from ghasi.contracts.commands import DeadReason, Refused
from ghasi.contracts.rules import TlvToSend
from ghasi.contracts.sessions import SendRules
from ghasi.profiles.presets import effective, preset
from ghasi.profiles.rules import send_rules
from ghasi.smpp.constants import ESM_UDHI
from ghasi.smpp.pdu import SubmitSm
from ghasi.smpp.tlv import Tag, find
from tests.unit.workers.test_outgoing import NOW, submits, taken
from workers.submit_rules import writers_of


def sent(document: dict[str, Any], **changes: Any) -> list[SubmitSm]:
    return submits(taken(send_rules(effective(document)), **changes))


def tlv(pdu: SubmitSm, tag: int) -> bytes | None:
    found = find(pdu.tlvs, tag)
    return None if found is None else found.value


def test_plain_is_what_no_profile_gives() -> None:
    assert send_rules(effective({})) == SendRules()
    assert taken(send_rules(effective({}))).pdus == taken().pdus


def test_addresses_by_their_form() -> None:
    addresses = {
        "destination": {"ton": 2, "npi": 8},
        "alphanumeric": {"ton": 5, "npi": 1},
        "shortCode": {"ton": 6, "npi": 9},
        "international": {"ton": 0, "npi": 0},
        "plus": True,
    }
    seen = [sent({"addresses": addresses}, **{"from": sender})[0] for sender in ("GHASI", "1234", "+93701112223")]
    assert [(one.source_addr_ton, one.source_addr_npi, one.source_addr) for one in seen] == [
        (5, 1, "GHASI"),
        (6, 9, "1234"),
        (0, 0, "+93701112223"),
    ]
    assert {(one.dest_addr_ton, one.dest_addr_npi, one.destination_addr) for one in seen} == {(2, 8, "+93701234567")}


def test_fields_of_submit_sm() -> None:
    submit = {"registeredDelivery": 17, "esmClassBase": 3, "serviceType": "CMT", "protocolId": 64, "priority": 2}
    (one,) = sent({"submit": submit})
    assert (one.registered_delivery, one.esm_class, one.service_type) == (17, 3, "CMT")
    assert (one.protocol_id, one.priority_flag) == (64, 2)
    assert sent({"submit": submit}, text="x" * 161)[0].esm_class == 3 | ESM_UDHI


@pytest.mark.parametrize(
    ("alphabet", "text", "data_coding", "octets"),
    [
        ("gsm7", "@é", 0, b"\x00\x05"),
        ("latin1", "@é", 0, b"@\xe9"),
        ("ascii", "@", 0, b"@"),
        ("ascii", "é", 8, b"\x00\xe9"),
    ],
)
def test_the_alphabet_behind_data_coding_0(alphabet: str, text: str, data_coding: int, octets: bytes) -> None:
    (one,) = sent({"text": {"alphabet": alphabet}}, text=text)
    assert (one.data_coding, one.short_message) == (data_coding, octets)


@pytest.mark.parametrize(
    ("flash", "encoding", "data_coding", "subunit"),
    [
        ("dcs", "GSM7", 0x10, None),
        ("dcs", "UCS2", 0x18, None),
        ("f0", "GSM7", 0xF0, None),
        ("f0", "UCS2", 0x18, None),
        ("subunit", "GSM7", 0, b"\x01"),
        ("subunit", "UCS2", 8, b"\x01"),
    ],
)
def test_flash(flash: str, encoding: str, data_coding: int, subunit: bytes | None) -> None:
    (one,) = sent({"text": {"flash": flash}}, messageType="FLASH", encoding=encoding)
    assert (one.data_coding, tlv(one, Tag.DEST_ADDR_SUBUNIT)) == (data_coding, subunit)


@pytest.mark.parametrize(("flash", "data_coding", "octets"), [("dcs", 0x18, b"\0\xe9"), ("subunit", 0, b"\xe9")])
def test_flash_to_an_operator_of_latin_1(flash: str, data_coding: int, octets: bytes) -> None:
    (one,) = sent({"text": {"alphabet": "latin1", "flash": flash}}, messageType="FLASH", text="é")
    assert (one.data_coding, one.short_message) == (data_coding, octets)


@pytest.mark.parametrize(
    ("long", "strategy", "count", "form"),
    [
        ({}, "CSMS", 2, "050003"),
        ({"referenceBits": 16}, "CSMS", 2, "060804"),
        ({"csms": "sar"}, "CSMS", 2, "sar"),
        ({"csms": "payload"}, "CSMS", 1, "payload"),
        ({}, "TLV", 1, "payload"),
        ({"tlv": "udh"}, "TLV", 2, "050003"),
        ({"tlv": "sar"}, "TLV", 2, "sar"),
    ],
)
def test_long_messages(long: dict[str, Any], strategy: str, count: int, form: str) -> None:
    parts = sent({"longMessages": long}, text="x" * 161, longMessageStrategy=strategy)
    assert len(parts) == count
    assert (tlv(parts[0], Tag.MESSAGE_PAYLOAD) is not None) == (form == "payload")
    assert (tlv(parts[0], Tag.SAR_TOTAL_SEGMENTS) == b"\x02") == (form == "sar")
    assert (parts[0].short_message[:3].hex() == form) == (form not in ("sar", "payload"))


def test_more_parts_than_the_operator_takes_are_refused() -> None:
    document = {"longMessages": {"maxParts": 2}}
    assert len(sent(document, text="x" * 306)) == 2
    with pytest.raises(Refused) as caught:
        sent(document, text="x" * 307)
    assert caught.value.reason is DeadReason.TOO_LONG


def test_more_messages_to_send_on_all_parts_but_the_last() -> None:
    parts = sent({"longMessages": {"moreMessagesToSend": True}}, text="x" * 320)
    assert [tlv(one, Tag.MORE_MESSAGES_TO_SEND) for one in parts] == [b"\x01", b"\x01", None]


@pytest.mark.parametrize(
    ("validity", "written"),
    [
        ({}, ""),
        ({"form": "relative"}, "000000000900000R"),
        ({"form": "relative", "most": 300}, "000000000500000R"),
        ({"form": "relative", "seconds": 86_400}, "000001000000000R"),
        ({"form": "absolute"}, "260418104000000+"),
        ({"form": "absolute", "zone": "Asia/Kabul"}, "260418151000018+"),
        ({"form": "absolute", "seconds": 60}, "260418103200000+"),
    ],
)
def test_validity_period(validity: dict[str, Any], written: str) -> None:
    assert datetime(2026, 4, 18, 10, 31, tzinfo=UTC) == NOW
    (one,) = sent({"submit": {"validity": validity}})
    assert one.validity_period == written


def test_vendor_tlvs_by_template_and_part() -> None:
    send = [
        {"tag": "0x2900", "value": "{metadata.class|otp}"},
        {"tag": "0x1403", "value": "41201", "encoding": "integer", "octets": 4},
        {"tag": "0x1400", "value": "{accountId:3}", "encoding": "cstring", "parts": "first"},
        {"tag": "0x1401", "value": "{messageId:8}", "encoding": "hex", "parts": "last"},
        {"tag": "0x1402", "value": "{metadata.missing}"},
    ]
    parts = sent({"tlvs": {"send": send}}, text="x" * 320, accountId="bank", metadata={"class": "promo", "n": [1]})
    assert [tlv(one, 0x2900) for one in parts] == [b"promo"] * 3
    assert [tlv(one, 0x1403) for one in parts] == [b"\x00\x00\xa0\xf1"] * 3
    assert [tlv(one, 0x1400) for one in parts] == [b"ban\0", None, None]
    assert [tlv(one, 0x1401) for one in parts] == [None, None, bytes.fromhex("7a9d1c34")]
    assert [tlv(one, 0x1402) for one in parts] == [None] * 3
    (single,) = sent({"tlvs": {"send": send}}, metadata="not an object")
    assert [tlv(single, tag) for tag in (0x2900, 0x1400, 0x1401)] == [b"otp", b"a\0", bytes.fromhex("7a9d1c34")]


def test_a_value_that_its_encoding_cannot_hold_is_a_dead_letter_that_names_the_tag_only() -> None:
    send = [{"tag": "0x1403", "value": "{accountId}", "encoding": "integer", "octets": 2}]
    with pytest.raises(Refused) as caught:
        sent({"tlvs": {"send": send}}, accountId="secret-account")
    assert caught.value.reason is DeadReason.MALFORMED
    assert "0x1403" in caught.value.detail
    assert "secret" not in caught.value.detail


def test_a_number_of_thousands_of_digits_is_a_dead_letter_like_any_other_that_does_not_fit() -> None:
    send = [{"tag": "0x1403", "value": "{metadata.code}", "encoding": "integer", "octets": 8}]
    with pytest.raises(Refused) as caught:
        sent({"tlvs": {"send": send}}, metadata={"code": "9" * 5000})
    assert caught.value.reason is DeadReason.MALFORMED


@pytest.mark.parametrize(
    "rules",
    [
        SendRules(locking_shift=("klingon",)),
        SendRules(transliteration="loud"),
        SendRules(alphabet="ebcdic"),
        SendRules(flash="bright"),
        SendRules(long_mode="pigeon"),
        SendRules(long_mode_tlv="pigeon"),
        SendRules(reference_bits=12),
        SendRules(tlvs=(TlvToSend(0x1400, "{text}"),)),
    ],
)
def test_rules_that_cannot_be_followed_are_told_before_any_message(rules: SendRules) -> None:
    with pytest.raises(ValueError):
        writers_of(rules)


def test_gatewayapi_on_the_wire() -> None:
    document = {"extends": "gatewayapi", "tlvs": {"send": [{"tag": "0x2900", "value": "otp"}]}}
    (one,) = sent(document, messageType="FLASH")
    assert (one.data_coding, one.dest_addr_ton, one.dest_addr_npi) == (0, 1, 1)
    assert (tlv(one, 0x2900), tlv(one, Tag.DEST_ADDR_SUBUNIT)) == (b"otp", b"\x01")
    assert len(tlv(one, Tag.USER_MESSAGE_REFERENCE) or b"") == 2


@pytest.mark.parametrize(
    ("metadata", "value"), [({"messageClass": "otp"}, b"otp"), ({"class": "otp"}, None), ({}, None)]
)
def test_gatewayapis_message_class_is_that_of_the_command(metadata: dict[str, str], value: bytes | None) -> None:
    (one,) = sent({"extends": "gatewayapi"}, metadata=metadata)
    assert tlv(one, 0x2900) == value


def test_what_is_made_of_rules_is_made_once_for_equal_rules() -> None:
    profile = preset("gatewayapi")
    assert profile is not None
    rules, again = send_rules(profile), send_rules(profile)
    assert rules is not again
    assert writers_of(rules) is writers_of(again)
    assert writers_of(rules) is not writers_of(SendRules())


@pytest.mark.parametrize(
    ("rules", "text", "data_coding", "esm_class", "octets"),
    [
        ({"packed": True}, "hello", 0, 0, "e8329bfd06"),
        ({"singleShift": ["turkish"]}, "ğ" * 75, 0, ESM_UDHI, "03240101" + "1b67" * 75),
        ({"lockingShift": ["turkish"]}, "ğ" * 100, 0, ESM_UDHI, "03250101" + "0c" * 100),
        ({"transliteration": "punctuation"}, "\u201ca\u201d", 0, 0, "226122"),
        ({}, "\u201ca\u201d", 8, 0, "201c0061201d"),
        ({"allowedDataCodings": [0, 3], "dataCodingFallback": True}, "á", 3, 0, "e1"),
    ],
)
def test_how_a_text_is_encoded(
    rules: dict[str, Any], text: str, data_coding: int, esm_class: int, octets: str
) -> None:
    (one,) = sent({"text": rules}, text=text)
    assert (one.data_coding, one.esm_class, one.short_message.hex()) == (data_coding, esm_class, octets)


def test_a_coding_that_the_operator_does_not_take_is_refused() -> None:
    with pytest.raises(Refused) as caught:
        sent({"extends": "smsgate", "text": {"strict": False}}, text="á")
    assert caught.value.reason is DeadReason.BAD_TEXT


@pytest.mark.parametrize(("whole", "parts"), [(True, (66, 65)), (False, (67, 64))])
def test_whole_clusters(whole: bool, parts: tuple[int, int]) -> None:
    text = "я" * 66 + "и\u0306" + "я" * 63
    seen = sent({"text": {"wholeClusters": whole}}, text=text, encoding="UCS2")
    assert tuple((len(one.short_message) - 6) // 2 for one in seen) == parts
