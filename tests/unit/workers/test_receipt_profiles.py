"""workers.receipt_reading: what an operator's profile says of receipts, from the octets."""

from __future__ import annotations

from typing import Any

import pytest

from ghasi.correlations.types import ReceiptFacts
from ghasi.profiles.presets import effective
from ghasi.profiles.rules import send_rules
from ghasi.smpp.pdu import encode_pdu
from ghasi.smpp.tlv import Tlv
from tests.unit.workers.test_receipt_reading import TEXT, deliver, facts, raw
from workers.receipt_reading import read_all

PLAIN = TEXT.format(stat="DELIVRD", err="000")


def seen(receipts: dict[str, Any], text: str = PLAIN, **changes: object) -> ReceiptFacts:
    """By both ways, which agree."""
    pdu, rules = deliver(text, **changes), send_rules(effective({"receipts": receipts}))
    found = facts(pdu, rules)
    assert read_all([raw(encode_pdu(pdu))], rules) == [found]
    return found


@pytest.mark.parametrize(
    ("receipts", "text", "field", "value"),
    [
        ({"words": {"GONE": "undeliverable"}}, PLAIN.replace("DELIVRD", "GONE"), "status", "UNDELIVERABLE"),
        ({"words": {"delivrd": "accepted"}}, PLAIN, "status", "ACCEPTED"),
        ({"keys": {"ref": "id"}}, PLAIN.replace("id:", "ref:"), "operator_message_id", "0A1B"),
        ({"mark": "="}, PLAIN.replace(":", "="), "status", "DELIVERED"),
        ({"idPrefix": "SM"}, PLAIN.replace("0A1B", "SM0A1B"), "lookup_keys", ("a1b",)),
        ({"idCut": "@"}, PLAIN.replace("0A1B", "0A1B@smsc"), "lookup_keys", ("a1b",)),
        ({"idBase": "dec"}, PLAIN, "lookup_keys", ("#2587", "2587")),
        ({"unknownIsFinal": True}, PLAIN.replace("DELIVRD", "UNKNOWN"), "final", True),
        ({"columns": ["", "id", "stat"], "separator": ";"}, "x;0A1B;DELIVRD", "status", "DELIVERED"),
        (
            {"errors": {"form": "hex", "causes": {"4A6": "OPTED_OUT"}}},
            PLAIN.replace("err:000", "err:4A6"),
            "cause",
            None,
        ),
    ],
)
def test_dialects(receipts: dict[str, Any], text: str, field: str, value: Any) -> None:
    assert getattr(seen(receipts, text), field) == value


def test_dates_by_their_form_and_zone() -> None:
    found = seen({"dateForms": ["DDMMYYhhmm"], "zone": "Asia/Kabul"}, PLAIN.replace("2604181030", "1804261030"))
    assert found.done_at is not None
    assert found.done_at.isoformat() == "2026-04-18T06:00:00+00:00"


def test_gatewayapis_error_arithmetic() -> None:
    rules = send_rules(effective({"extends": "gatewayapi"}))
    found = facts(deliver(TEXT.format(stat="UNDELIV", err="019")), rules)
    assert (found.error_code, found.cause) == ("019", "ABSENT_SUBSCRIBER")


def test_unmarked_receipts_only_where_they_are_taken() -> None:
    assert seen({}, esm_class=0).unreadable is None
    assert seen({"unmarked": False}, esm_class=0).unreadable == "not_a_receipt"


def test_optional_parameters_that_the_profile_reads() -> None:
    read = [{"tag": 0x1403, "name": "mccMnc"}, {"tag": 0x1402, "name": "cost", "encoding": "integer"}]
    rules = send_rules(effective({"tlvs": {"read": read}}))
    pdu = deliver(PLAIN, tlvs=(Tlv(0x1402, b"\0\x0c"), Tlv(0x1403, b"41220"), Tlv(0x1404, b"private")))
    found = facts(pdu, rules)
    assert found.tlvs == (("mccMnc", "41220"), ("cost", "12"))
    assert read_all([raw(encode_pdu(pdu))], rules) == [found]
    assert facts(deliver(PLAIN), rules).tlvs is None
    assert facts(pdu).tlvs is None


def test_optional_parameters_do_not_tell_the_subscribers_number() -> None:
    rules = send_rules(effective({"tlvs": {"read": [{"tag": 0x1403, "name": "routed"}]}}))
    pdu = deliver(PLAIN, source_addr="93701234567", tlvs=(Tlv(0x1403, b"via 0701234567"),))
    [(name, text)] = facts(pdu, rules).tlvs or ()
    assert (name, text.startswith("via ")) == ("routed", True)
    assert "01234567" not in text
