"""ghasi.correlations.id_pairs: what brings two ids together, and what does not."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from ghasi.correlations.id_evidence import evidence_of, in_words
from ghasi.correlations.id_pairs import Source, Stored, by_facts, by_hits, confirmed, keys_to_try
from ghasi.correlations.proof import Doubt
from ghasi.correlations.rows import DoubtfulRow
from ghasi.correlations.types import ReceiptFacts
from ghasi.smpp.id_inference import Pair, infer
from ghasi.smpp.id_relation import parse_relation
from ghasi.smpp.receipt_ids import fold_id
from tests.unit.correlations.build import NOW
from tests.unit.correlations.test_proof import TO, part
from tests.unit.correlations.test_proof import receipt as seventy_seven

OTHER = "93701234599"


def receipt(name: str, **fields: Any) -> ReceiptFacts:
    return seventy_seven(operator_message_id=name, lookup_keys=(fold_id(name),), **fields)


def sent(name: str, status: str = "SUBMITTED", **fields: Any) -> Doubt:
    return part(status, operator_message_id=name, in_doubt_at=None, **fields)


def under(name: str, status: str = "SUBMITTED", **fields: Any) -> DoubtfulRow:
    return replace(sent(name, status, **fields).row, key=name)


def pairs(found: Any) -> list[tuple[str, str, str]]:
    return [(one.pair.response_id, one.pair.receipt_id, one.source.value) for one in found]


def test_the_only_receipt_and_the_only_part_of_a_number() -> None:
    assert pairs(by_facts([receipt("255")], [sent("ff")])) == [("ff", "255", "facts")]
    two_states = [receipt("255", final=False, status="ACCEPTED"), receipt("255")]
    assert pairs(by_facts(two_states, [sent("ff")])) == [("ff", "255", "facts")]


@pytest.mark.parametrize(
    ("receipts", "parts"),
    [
        ([receipt("255")], [sent("ff"), sent("fe")]),
        ([receipt("255"), receipt("254")], [sent("ff")]),
        ([receipt("255")], [sent("ff"), part("IN_DOUBT")]),
        ([receipt("255")], [sent("ff"), sent("fe", "DLR_RECEIVED")]),
        ([receipt("255")], [sent("ff", "DLR_RECEIVED")]),
        ([receipt("255")], [part("PREPARED", gateway_epoch="e1")]),
        ([receipt("255")], [sent("ff", to=OTHER)]),
        ([receipt("255", sender="OTHER")], [sent("ff")]),
        ([receipt("255", destination="")], [sent("ff", to="")]),
        ([receipt(" ")], [sent("ff")]),
    ],
)
def test_what_makes_no_pair(receipts: Any, parts: Any) -> None:
    assert by_facts(receipts, parts) == []


def test_a_reference_tells_parts_of_one_number_apart() -> None:
    parts = [sent("ff", ref="0001"), sent("fe", ref="0002")]
    found = by_facts([receipt("254", user_message_reference="0002"), receipt("9")], parts)
    assert pairs(found) == [("fe", "254", "reference")]


def test_a_hit_is_one_open_part_of_the_subscriber_under_all_readings() -> None:
    facts = receipt("1000000")
    tried = keys_to_try([facts])
    assert tried == {facts: {"f4240", "16777216"}}
    hit = under("f4240")
    assert pairs(by_hits(tried, [hit])) == [("f4240", "1000000", "hit")]
    assert by_hits(tried, [hit, under("16777216")]) == []
    assert by_hits(tried, [under("f4240", to=OTHER)]) == []
    assert by_hits(tried, [under("f4240", "DLR_RECEIVED")]) == []


def test_what_is_not_tried() -> None:
    uuid, empty = receipt("0e999f21-1111-4222-8333-444455556666"), receipt("")
    assert keys_to_try([uuid, empty, receipt("zz")]) == {}
    known = receipt("4711")
    assert keys_to_try([known], [parse_relation("add-suffix:@a")])[known] >= {"4711@a"}


def test_a_match_by_id_counts_where_the_number_is_right() -> None:
    rows = [under("ff"), under("aa", to=OTHER)]
    found = confirmed({Pair("ff", "FF"): TO, Pair("aa", "AA"): TO}, rows)
    assert pairs(found) == [("ff", "FF", "matched")]


def test_evidence_in_words() -> None:
    stored = [Stored(Pair(f"{n:x}", str(n)), Source.FACTS, NOW) for n in range(70000, 70005)]
    stored.append(Stored(Pair("AB1", "ab1"), Source.MATCHED, NOW))
    told = evidence_of(infer([one.pair for one in stored]), stored)
    assert (told["best"], told["pairs"], told["bySource"]) == ("hex>dec or-text", 6, {"facts": 5, "matched": 1})
    assert told["differences"] == {"case": 1}
    words = in_words(told)
    assert words[0] == "6 parts (5 by facts, 1 by matched), 0 that nothing explains"
    assert "hex>dec: fits 5, against 1" in words
    assert "not certain: too few pairs" in words
    assert in_words({}) == ["no pairs yet"]
