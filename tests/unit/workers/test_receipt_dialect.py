"""workers.receipt_dialect: from an operator's rules, and from each preset, to how its receipts are read."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import get_args, get_type_hints
from zoneinfo import ZoneInfo

import pytest

from ghasi.contracts.rules import ReceiptErrors, ReceiptForm
from ghasi.contracts.sessions import SendRules
from ghasi.profiles.presets import effective
from ghasi.profiles.rules import send_rules
from ghasi.smpp.causes import Cause
from ghasi.smpp.pdu import DeliverSm, encode_pdu
from ghasi.smpp.receipt import IdBase, IdSource, ReceiptRules
from ghasi.sms.receipt_body import DECODERS
from workers.receipt_dialect import dialect_of, receipt_rules
from workers.receipt_reading import RawReceipt, read_all, usual_of

OPERATOR = "550e8400-e29b-41d4-a716-446655440001"
TAKEN = datetime(2026, 4, 18, 10, 30, tzinfo=UTC)


def test_plain_rules_are_the_parsers_own() -> None:
    rules = receipt_rules(SendRules())
    assert (rules.words, rules.keys, rules.columns, rules.date_forms) == ({}, {}, (), ())
    assert (rules.decode, rules.id_source, rules.zone) == (None, IdSource.BOTH, ZoneInfo("UTC"))
    assert rules.errors == ReceiptRules().errors


def test_every_option_arrives() -> None:
    form = ReceiptForm(
        encoding="utf8",
        date_forms=("YYYYMMDDhhmm",),
        id_source="text",
        id_prefix="MSG-",
        id_cut="@",
        unmarked=False,
        words={"nocred": "rejected"},
        keys={"ref": "id"},
        mark="=",
        columns=("id", "", "stat"),
        separator=";",
        errors=ReceiptErrors(table="gatewayapi", causes={"126": "CALL_BARRED"}),
    )
    rules = receipt_rules(SendRules(receipts=form, dlr_zone="Asia/Kabul", unknown_is_final=True))
    assert rules.decode is not None
    assert (rules.keeps_ascii, rules.date_forms, rules.unmarked) == (True, ("YYYYMMDDhhmm",), False)
    assert (rules.id_source, rules.id_prefix, rules.id_cut) == (IdSource.TEXT, "MSG-", "@")
    assert (rules.words, rules.keys, rules.mark) == ({"NOCRED": 8}, {"ref": "id"}, "=")
    assert (rules.columns, rules.separator) == (("id", "", "stat"), ";")
    assert (rules.zone, rules.unknown_is_final) == (ZoneInfo("Asia/Kabul"), True)
    assert (rules.errors.named("126"), rules.errors.named("19")) == (Cause.CALL_BARRED, Cause.ABSENT_SUBSCRIBER)


def test_what_nobody_knows_is_left_out() -> None:
    errors = ReceiptErrors(table="no such", causes={"1": "NO_SUCH_CAUSE", "2": "NO_ROUTE"})
    rules = receipt_rules(SendRules(receipts=ReceiptForm(errors=errors), dlr_zone="No/Where"))
    assert (rules.errors.named("1"), rules.errors.named("2"), rules.zone) == (None, Cause.NO_ROUTE, UTC)


@pytest.mark.parametrize(("base", "theirs"), [("text", IdBase.TEXT), ("hex", IdBase.DEC), ("dec", IdBase.HEX)])
def test_receipts_use_the_other_base(base: str, theirs: IdBase) -> None:
    assert dialect_of(SendRules(id_base=base)).base is theirs


def test_equal_rules_share_what_was_made_of_them() -> None:
    one, other = (SendRules(receipts=ReceiptForm(words={"X": "expired"})) for _ in range(2))
    assert dialect_of(one) is dialect_of(other)
    assert usual_of(OPERATOR, one) is usual_of(OPERATOR, other)


@pytest.mark.parametrize(
    ("name", "stat", "error", "cause"),
    [
        ("gatewayapi", "UNDELIV", "126", "OPERATOR_FAULT"),
        ("gatewayapi", "UNDELIV", "019", "ABSENT_SUBSCRIBER"),
        ("vonage", "FAILED", "002", "ABSENT_SUBSCRIBER"),
        ("infobip", "UNDELIV", "027", "ABSENT_SUBSCRIBER"),
        ("plain", "UNDELIV", "027", "UNKNOWN"),
    ],
)
def test_a_presets_receipts_tell_their_cause_the_short_way(name: str, stat: str, error: str, cause: str) -> None:
    rules = send_rules(effective({"extends": name}))
    text = f"id:1390125333 sub:001 dlvrd:000 submit date:2604181029 done date:2604181030 stat:{stat} err:{error}"
    octets = encode_pdu(DeliverSm(source_addr="93701234567", esm_class=4, short_message=text.encode()))
    [facts] = read_all([RawReceipt(OPERATOR, 1, octets, TAKEN)], rules)
    assert facts.cause == cause  # type: ignore[union-attr]
    assert usual_of(OPERATOR, rules).read(octets, 1, TAKEN) == facts


def test_every_coding_a_profile_may_name_is_known() -> None:
    encodings = get_args(get_args(get_type_hints(ReceiptForm, include_extras=True)["encoding"])[0])
    assert set(encodings) == set(DECODERS)
