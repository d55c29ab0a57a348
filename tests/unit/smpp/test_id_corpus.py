"""Every way in which responses and receipts write one id (tests/vectors/ids.json), by the rules it needs."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ghasi.smpp.pdu import DeliverSm
from ghasi.smpp.receipt import id_keys, parse_receipt
from ghasi.smpp.tlv import Tag, Tlv
from tests.vectors.receipt_cases import HERE, rules_of

CASES: list[dict[str, Any]] = json.loads((HERE / "ids.json").read_text())
# The rule names the base of the ids in responses; receipts have the other one (docs/contract.md §6, idBase).
RECEIPT_BASE = {"text": "text", "hex": "dec", "dec": "hex"}


@pytest.mark.parametrize("case", CASES, ids=[f"{case['row']}-{case['what'].replace(' ', '_')}" for case in CASES])
def test_an_id_of_the_corpus(case: dict[str, Any]) -> None:
    base = case.get("base", "text")
    text = f"id:{case['receipt']} stat:DELIVRD err:000" if "receipt" in case else "stat:DELIVRD err:000"
    tlvs = (Tlv(Tag.RECEIPTED_MESSAGE_ID, case["tlv"].encode() + b"\0"),) if "tlv" in case else ()
    receipt = parse_receipt(DeliverSm(esm_class=4, short_message=text.encode(), tlvs=tlvs), rules_of(case))

    meet = set(id_keys(case["response"], base=base)) & set(receipt.lookup_keys(RECEIPT_BASE[base]))

    assert bool(meet) is not case.get("apart", False)
    assert receipt.ids[0] == (case.get("tlv", "").strip("\0 ") or case.get("receipt"))


def test_every_row_of_the_table_is_there() -> None:
    assert {case["row"] for case in CASES} == set("abcdefg-")
