from datetime import UTC, datetime

import pytest

from ghasi.probe.errors import ProbeError
from ghasi.probe.manner import Manner
from ghasi.probe.plan import INVALID_NUMBER, TELLTALE, Target, bulk, messages
from ghasi.profiles.presets import effective
from ghasi.profiles.rules import send_rules
from ghasi.smpp.pdu import SubmitSm, encode_pdu
from ghasi.smpp.tlv import Tag, find

TARGET = Target(to="93701234567", sender="TEST", start=7)


def test_all_goes_to_the_number_given_and_one_that_does_not_exist() -> None:
    steps = messages(TARGET)
    to = {pdu.destination_addr for step in steps if step.name != "invalid" for pdu in step.pdus}
    assert to == {"93701234567"}
    assert [pdu.destination_addr for step in steps if step.name == "invalid" for pdu in step.pdus] == [INVALID_NUMBER]
    assert bulk(TARGET).destination_addr == "93701234567"
    assert bulk(TARGET).registered_delivery == 0


def test_every_step_can_be_sent_and_tells_something() -> None:
    steps = messages(TARGET)
    assert len({step.name for step in steps}) == len(steps)
    for step in steps:
        assert step.tells
        for pdu in step.pdus:
            assert encode_pdu(pdu)


@pytest.mark.parametrize(("mode", "udh"), [("udh8", 6), ("udh16", 7), ("sar", 0)])
@pytest.mark.parametrize("parts", [2, 3])
def test_long_messages_have_as_many_parts_as_they_say(mode: str, udh: int, parts: int) -> None:
    step = next(each for each in messages(TARGET) if each.name == f"{mode}_{parts}")
    assert (step.count, step.charged) == (parts, parts)
    for pdu, tag in zip(step.pdus, step.tags, strict=True):
        assert pdu.short_message[udh:].startswith(tag.encode())


def test_payloads_are_billed_by_their_parts() -> None:
    by_name = {step.name: step for step in messages(TARGET)}
    assert [(by_name[name].count, by_name[name].charged) for name in ("payload_2", "payload_3")] == [(1, 2), (1, 3)]


def test_tags_tell_all_messages_apart() -> None:
    tags = [tag for step in messages(TARGET) for tag in step.tags]
    for tag in tags:
        assert sum(other.startswith(tag) for other in tags) == 1


def test_one_message_of_160_characters() -> None:
    (pdu,) = next(step for step in messages(TARGET) if step.name == "full").pdus
    assert len(pdu.short_message) == 160


def test_the_telltale_goes_out_octet_by_octet() -> None:
    (pdu,) = next(step for step in messages(TARGET) if step.name == "alphabet").pdus
    assert (pdu.short_message, pdu.data_coding) == (TELLTALE, 0)
    (named,) = next(step for step in messages(TARGET) if step.name == "reference").pdus
    assert find(named.tlvs, Tag.USER_MESSAGE_REFERENCE)


def in_manner(document: object, **values: str) -> list[SubmitSm]:
    rules = send_rules(effective(document))
    manner = Manner(rules=rules, values=values, now=datetime(2026, 5, 4, 8, 0, tzinfo=UTC))
    target = Target(to="93701234567", sender="TEST", start=7, manner=manner)
    return [pdu for step in messages(target) for pdu in step.pdus] + [bulk(target)]


def test_every_message_is_written_by_the_profile() -> None:
    document = {
        "addresses": {"destination": {"ton": 2, "npi": 8}, "alphanumeric": {"ton": 6, "npi": 4}},
        "submit": {
            "serviceType": "CMT",
            "priority": 2,
            "protocolId": 7,
            "esmClassBase": 3,
            "validity": {"form": "absolute", "zone": "Asia/Kabul"},
        },
        "tlvs": {"send": [{"tag": 0x1400, "value": "{accountId}-{metadata.class|none}"}]},
    }
    for pdu in in_manner(document, accountId="acc"):
        assert (pdu.dest_addr_ton, pdu.dest_addr_npi) == (2, 8)
        assert (pdu.source_addr_ton, pdu.source_addr_npi) == (6, 4)
        assert (pdu.service_type, pdu.priority_flag, pdu.protocol_id, pdu.esm_class & 3) == ("CMT", 2, 7, 3)
        assert pdu.validity_period == "260504133000018+"
        assert find(pdu.tlvs, 0x1400).value == b"acc-none"


def test_what_a_message_asks_about_is_not_the_profiles() -> None:
    document = {
        "text": {"alphabet": "latin1", "flash": "subunit", "allowedDataCodings": [0, 8], "strict": True},
        "longMessages": {"csms": "payload", "maxParts": 1},
        "submit": {"registeredDelivery": 0},
    }
    plain, changed = in_manner({}), in_manner(document)
    assert [encode_pdu(pdu) for pdu in changed] == [encode_pdu(pdu) for pdu in plain]


def test_references_of_the_profile_differ_from_message_to_message() -> None:
    pdus = in_manner({"submit": {"userMessageReference": True}})
    found = [find(pdu.tlvs, Tag.USER_MESSAGE_REFERENCE).value for pdu in pdus]
    assert len(set(found)) == len(found)
    assert all(len([tlv for tlv in pdu.tlvs if tlv.tag == Tag.USER_MESSAGE_REFERENCE]) == 1 for pdu in pdus)


def test_tlvs_that_cannot_be_written_are_told_before_anything_leaves() -> None:
    with pytest.raises(ProbeError, match="TLV 0x1400: has characters outside ASCII"):
        in_manner({"tlvs": {"send": [{"tag": 0x1400, "value": "{accountId}"}]}}, accountId="é")
