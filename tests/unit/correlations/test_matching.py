"""Which part a receipt means."""

from datetime import timedelta
from uuid import uuid4

import pytest
from msgspec.structs import replace

from ghasi.correlations.lattice import Standing
from ghasi.correlations.matching import EARLIEST, Candidate, choose, same_number
from ghasi.correlations.types import ReceiptFacts, RowStatus
from tests.unit.correlations.build import NOW, OPERATOR, ago, keyed

FACTS = ReceiptFacts(
    receipt_key=1,
    operator_id=OPERATOR,
    operator_message_id="abc",
    lookup_keys=("abc",),
    status="DELIVERED",
    stat="DELIVRD",
    final=True,
    error_code="000",
    done_at=NOW,
    taken_at=NOW,
    destination="93701234567",
)


def test_nothing_to_choose_from() -> None:
    assert choose(FACTS, []) is None


def test_the_newest_of_a_reused_id() -> None:
    old = Candidate(keyed(message_id=uuid4(), submitted_at=ago(days=20)))
    new = Candidate(keyed(message_id=uuid4(), submitted_at=ago(minutes=1)))
    assert choose(FACTS, [new, old]) is new
    assert choose(FACTS, [old, new]) is new


def test_an_equal_raw_id_goes_before_the_newest() -> None:
    equal = Candidate(keyed(message_id=uuid4(), submitted_at=ago(days=1)))
    folded = Candidate(keyed(message_id=uuid4(), operator_message_id="ABC", submitted_at=ago(minutes=1)))
    assert choose(FACTS, [folded, equal]) is equal


def test_the_destination_breaks_the_tie() -> None:
    hers = Candidate(keyed(message_id=uuid4(), submitted_at=ago(days=2)))
    his = Candidate(keyed(message_id=uuid4(), destination="93799999999", submitted_at=ago(days=1)))
    assert choose(FACTS, [his, hers]) is hers
    assert choose(replace(FACTS, destination=""), [his, hers]) is his


def test_one_id_for_all_parts_closes_one_part_a_receipt() -> None:
    first, second = (Candidate(keyed(segment=n, segments=2)) for n in (1, 2))
    assert choose(FACTS, [second, first]) is first
    first.standing = Standing(RowStatus.DLR_RECEIVED, "DELIVERED")
    assert choose(FACTS, [second, first]) is second
    second.standing = first.standing
    assert choose(FACTS, [second, first]) in (first, second)


def test_an_open_part_of_an_older_message_is_left_alone() -> None:
    old = Candidate(keyed(message_id=uuid4(), submitted_at=ago(days=2)))
    new = Candidate(keyed("DLR_RECEIVED", message_id=uuid4(), submitted_at=ago(days=1)))
    assert choose(FACTS, [old, new]) is new


@pytest.mark.parametrize(
    ("left", "right", "same"),
    [
        ("93701234567", "+93701234567", True),
        ("0701234567", "93701234567", True),
        ("93701234568", "93701234567", False),
        ("12345", "12345", True),
        ("12345", "93701212345", False),
        ("", "", False),
    ],
)
def test_same_number(left: str, right: str, same: bool) -> None:
    assert same_number(left, right) is same


def test_a_receipt_is_of_no_part_that_left_long_after_it_came() -> None:
    late, soon = (Candidate(keyed(prepared_at=NOW + EARLIEST + timedelta(seconds=n))) for n in (1, -1))
    assert choose(FACTS, [late]) is None
    assert choose(FACTS, [late, soon]) is soon


def test_an_id_read_in_two_ways_is_its_subscribers() -> None:
    hers = Candidate(keyed(message_id=uuid4(), key="2748", operator_message_id="2748", submitted_at=ago(days=1)))
    equal = Candidate(keyed(message_id=uuid4(), key="abc", destination="93799999999"))
    assert choose(FACTS, [hers, equal]) is hers
    assert choose(replace(FACTS, destination="93788888888"), [hers, equal]) is equal
