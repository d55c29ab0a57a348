"""ghasi.smpp.id_relation, id_explain and id_inference: what pairs of ids show, and never more than they show."""

from __future__ import annotations

import random
import uuid
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ghasi.smpp.id_explain import differences, explain, readings
from ghasi.smpp.id_inference import CERTAIN_FROM, Doubt, Pair, infer
from ghasi.smpp.id_relation import TEXT, Bases, Relation, parse_relation, read_again, reader
from ghasi.smpp.receipt_ids import fold_id

HEX_DEC = Relation(bases=Bases.HEX_DEC)
DEC_HEX = Relation(bases=Bases.DEC_HEX)
BIG = 9380935605053030457

Writer = Callable[[int], str]
FORMS: dict[str, Writer] = {
    "dec": str,
    "padded": lambda n: f"{n:024d}",
    "hex": lambda n: f"{n:x}",
    "HEX": lambda n: f"{n:X}",
    "paddedHex": lambda n: f"{n:020X}",
}
HEX_FORMS = {"hex", "HEX", "paddedHex"}


def wanted(response: str, receipt: str) -> Relation:
    left, right = response in HEX_FORMS, receipt in HEX_FORMS
    return TEXT if left == right else HEX_DEC if left else DEC_HEX


@pytest.mark.parametrize(
    ("relation", "receipt", "key"),
    [
        (TEXT, " 00AbC\0", "abc"),
        (HEX_DEC, "1000000", "f4240"),
        (HEX_DEC, str(BIG), f"{BIG:x}"),
        (HEX_DEC, "0000255", "ff"),
        (HEX_DEC, "f4240", None),
        (DEC_HEX, "1000000", "16777216"),
        (DEC_HEX, "0xFF", "255"),
        (DEC_HEX, "0972660181", str(0x972660181)),
        (DEC_HEX, "0e999f21-1111-4222-8333-444455556666", None),
        (DEC_HEX, uuid.UUID(int=7 << 90).hex, None),
        (Relation(cut_from="@"), "4711@smsc1@x", "4711"),
        (Relation(cut_from="@"), "4711", None),
        (Relation(cut_to="-"), "a-b-4711", "4711"),
        (Relation(cut_suffix="@smsc1"), "4711@SMSC1", "4711"),
        (Relation(cut_suffix="@smsc1"), "4711@smsc2", None),
        (Relation(cut_prefix="sms", bases=Bases.HEX_DEC), "SMS255", "ff"),
        (Relation(width=6), "zx12", "00zx12"),
        (Relation(bare=True), "00zx12", "zx12"),
        (Relation(add_prefix="0x", bases=Bases.HEX_DEC), "255", "0xff"),
        (Relation(add_suffix="@a"), "4711", "4711@a"),
    ],
)
def test_a_relation_makes_the_responses_key(relation: Relation, receipt: str, key: str | None) -> None:
    assert relation.key(receipt) == key
    assert relation.keys(receipt) == [fold_id(receipt) if key is None else key]
    assert parse_relation(str(relation)) == relation


def test_both_keys_where_some_receipts_are_plain() -> None:
    mixed = parse_relation("hex>dec or-text")
    assert mixed.keys("255") == ["ff", "255"]
    assert mixed.keys("7") == ["7"]
    assert HEX_DEC.keys("\0 ") == []


@pytest.mark.parametrize("text", ["", "hex", "cut-from:", "width:x", "hex>dec  bare", "or_text", "bases:dec"])
def test_what_is_no_relation(text: str) -> None:
    with pytest.raises(ValueError, match="no step"):
        parse_relation(text)


@pytest.mark.parametrize(
    ("response", "receipt", "relations"),
    [
        ("0A1B", "a1b", {"text"}),
        ("f4240", "1000000", {"hex>dec"}),
        ("1000000", "1000000", {"text"}),
        ("1000000", "16777216", {"hex>dec"}),
        ("16777216", "1000000", {"dec>hex"}),
        ("4711", "4711@smsc1", {"cut-from:@", "cut-suffix:@smsc1"}),
        ("12af", "4783@smsc1", {"cut-from:@ hex>dec", "cut-suffix:@smsc1 hex>dec"}),
        ("zx12345", "SMSzx12345", {"cut-prefix:sms"}),
        ("0xff12", "65298", {"hex>dec add-prefix:0x"}),
        ("node1-4711", "4711", {"add-prefix:node1-"}),
        ("4711", "4712", set()),
        ("", "1", set()),
        ("0e999f21-1111-4222-8333-444455556666", "e999f21-1111-4222-8333-444455556666", {"width:36", "add-prefix:0"}),
        ("0e999f21-1111-4222-8333-444455556666", "0E999F21-1111-4222-8333-444455556666", {"text"}),
    ],
)
def test_all_explanations_of_a_pair(response: str, receipt: str, relations: set[str]) -> None:
    assert {str(one) for one in explain(response, receipt)} == relations


def test_a_uuid_is_no_number_and_is_not_cut() -> None:
    for text in (str(uuid.UUID(int=BIG)), uuid.UUID(int=BIG).hex, "11111111111111111111111111111111"):
        assert readings(text) == []


def test_what_folding_took_away() -> None:
    assert differences("AB1", "ab1") == {"case"}
    assert differences("0972660181", "972660181 ") == {"zeros", "padding"}
    assert differences("00AB", "ab") == {"zeros", "case"}
    assert differences("7", "7") == frozenset()


def pairs_of(write: Callable[[int], tuple[str, str]], count: int, seed: int = 1) -> list[Pair]:
    rng = random.Random(seed)
    return [Pair(*write(rng.randrange(10**6, 10**12))) for _ in range(count)]


def hex_dec(n: int) -> tuple[str, str]:
    return f"{n:x}", str(n)


def test_never_from_one_id_or_two() -> None:
    assert infer([]).best is None
    assert infer(pairs_of(hex_dec, 2)).best is None
    three = infer(pairs_of(hex_dec, 3))
    assert (three.best, three.certain) == (HEX_DEC, False)
    assert Doubt.FEW_PAIRS in three.doubts


def test_one_part_told_twenty_times_is_one_part() -> None:
    assert infer([Pair("f4240", "1000000 " + " " * n) for n in range(30)]).pairs == 1


def test_enough_pairs_are_certain_and_say_why() -> None:
    found = infer(pairs_of(hex_dec, CERTAIN_FROM), [f"{n:x}" for n in range(5000, 5100)])
    assert found.certain
    assert (found.best, found.doubts, found.pairs, found.unexplained) == (HEX_DEC, (), CERTAIN_FROM, 0)
    assert [(one.relation, one.fits, one.contradicts) for one in found.support] == [(HEX_DEC, CERTAIN_FROM, 0)]


def test_one_pair_against_it_asks_a_person() -> None:
    found = infer([*pairs_of(hex_dec, 30), Pair("abc123", "999999")])
    assert (found.best, found.doubts, found.unexplained) == (HEX_DEC, (Doubt.CONTRADICTED,), 1)


def test_some_plain_receipts_are_proposed_as_such() -> None:
    plain = [Pair(f"{n:x}", f"{n:X}") for n in range(70000, 70005)]
    found = infer([*pairs_of(hex_dec, 30), *plain])
    assert str(found.best) == "hex>dec or-text"
    assert not found.certain


def test_short_ids_tell_nothing_apart() -> None:
    assert Doubt.RIVAL in infer([Pair(f"{n:x}", str(n)) for n in range(10, 200)]).doubts


def test_a_mark_seen_once_is_cut_as_it_stands_and_two_marks_at_the_mark() -> None:
    one = infer(pairs_of(lambda n: (str(n), f"{n}@smsc1"), 30))
    two = infer(pairs_of(lambda n: (str(n), f"{n}@smsc{n % 2}"), 40))
    assert (str(one.best), one.certain) == ("cut-suffix:@smsc1", True)
    assert (str(two.best), two.certain) == ("cut-from:@", True)


def test_two_relations_that_differ_on_other_ids_ask_a_person() -> None:
    found = infer(pairs_of(lambda n: (f"zx{n}", f"000zx{n}"), 60))
    assert Doubt.RIVAL in found.doubts
    assert {str(one.relation) for one in found.support} == {"cut-prefix:000", "bare"}


def test_what_the_response_adds_is_never_certain() -> None:
    assert infer(pairs_of(lambda n: (f"node1-{n}", str(n)), 60)).doubts == (Doubt.ADDS,)


def test_responses_that_would_collide_or_that_it_cannot_mean() -> None:
    pairs = pairs_of(hex_dec, 40)
    assert infer(pairs, ["0abc1", "ABC1"]).doubts == (Doubt.COLLISION,)
    assert infer(pairs, [str(uuid.uuid4())]).doubts == (Doubt.OUTSIDE,)
    assert infer(pairs, ["abc1", "abc1 "]).certain


numbers = st.integers(min_value=1, max_value=2**70)
dialects = st.tuples(
    st.sampled_from(sorted(FORMS)),
    st.sampled_from(sorted(FORMS)),
    st.sampled_from(["{}", "{}@smsc1", "SMS-{}", "{}\0", "  {}"]),
)


@given(dialects, st.lists(numbers, min_size=1, max_size=60, unique=True), numbers)
def test_never_wrong_and_certain(dialect: tuple[str, str, str], seen: list[int], unseen: int) -> None:
    """Whatever the operator does: a certain relation finds the part of an id not yet seen, and never another's."""
    response, receipt, around = dialect

    def write(n: int) -> Pair:
        return Pair(FORMS[response](n), around.format(FORMS[receipt](n)))

    found = infer([write(n) for n in seen], [FORMS[response](n) for n in seen])
    if found.certain:
        assert found.best is not None
        new = write(unseen)
        assert found.best.keys(new.receipt_id) == [fold_id(new.response_id)]


@given(st.sampled_from(sorted(FORMS)), st.sampled_from(sorted(FORMS)), st.integers(0, 1000))
def test_certain_where_it_can_be(response: str, receipt: str, seed: int) -> None:
    found = infer(pairs_of(lambda n: (FORMS[response](n), FORMS[receipt](n)), 40, seed))
    assert (found.best, found.certain) == (wanted(response, receipt), True)


@given(dialects, dialects, st.integers(2, 15), st.integers(0, 1000))
def test_an_operator_of_two_minds_is_never_certain(
    one: tuple[str, str, str], other: tuple[str, str, str], every: int, seed: int
) -> None:
    """Of two dialects that differ in what they make of a number nothing is applied that would misread one of them."""

    def write(n: int) -> tuple[str, str]:
        response, receipt, around = other if n % every == 0 else one
        return FORMS[response](n), around.format(FORMS[receipt](n))

    rng = random.Random(seed)
    seen = [rng.randrange(10**6, 10**12) for _ in range(200)]
    found = infer([Pair(*write(n)) for n in seen])
    if found.certain:
        assert found.best is not None
        for n in seen:
            response_id, receipt_id = write(n)
            assert found.best.keys(receipt_id) == [fold_id(response_id)]


@given(
    st.one_of(st.text(max_size=40), st.from_regex(r"[0-9]{1,40}\Z"), st.from_regex(r"[0-9a-fA-F]{1,40}\Z")),
    st.sampled_from(["text", "hex>dec", "dec>hex", "hex>dec or-text", "cut-from:@ hex>dec"]),
)
def test_the_reader_is_the_relation(receipt: str, text: str) -> None:
    relation = parse_relation(text)
    assert list(reader(relation)(receipt)) == relation.keys(receipt)


def test_a_receipt_that_names_its_part_twice_is_read_twice() -> None:
    read = reader(Relation(cut_from="@"))
    assert read_again(read, "4711", ["4711"]) == ("4711",)
    assert read_again(read, "4711@SMSC1", ["4711@smsc1"]) == ("4711",)
    assert read_again(read, "0A1@x", ["0a1@x", "b2"]) == ("a1", "b2")
    assert read_again(reader(HEX_DEC), "255", ["255", "256"]) == ("ff", "100")


def test_a_suffix_that_is_new_each_time_costs_no_more() -> None:
    found = infer(pairs_of(lambda n: (str(n), f"{n}@{n:x}:{n:o}"), 200))
    assert (str(found.best), found.certain, len(found.support)) == ("cut-from:@", True, 6)


@given(st.lists(st.tuples(st.text(max_size=40), st.text(max_size=40)), max_size=40))
def test_no_text_is_too_strange(texts: list[tuple[str, str]]) -> None:
    pairs = [Pair(*one) for one in texts]
    for pair in pairs:
        for relation in explain(pair.response_id, pair.receipt_id):
            assert relation.fits(pair.response_id, pair.receipt_id)
            assert parse_relation(str(relation)) == relation
    infer(pairs, [pair.response_id for pair in pairs])
