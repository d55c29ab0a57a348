"""ghasi.correlations.id_hiding: a subscriber's number in ids teaches nothing and is not kept."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ghasi.correlations.id_evidence import evidence_of, in_words
from ghasi.correlations.id_hiding import without_number
from ghasi.correlations.id_pairs import Source, Stored
from ghasi.smpp.id_inference import Pair, infer
from ghasi.smpp.id_relation import TEXT
from tests.unit.correlations.build import NOW

NUMBER = "93701234567"
TAILS = [f"{number:x}" for number in range(0xA1F0, 0xA1F5)]


def kept(pairs: list[tuple[str, str]], number: str = NUMBER) -> list[Pair]:
    found = [without_number(Pair(*pair), number) for pair in pairs]
    return [pair for pair in found if pair is not None]


@pytest.mark.parametrize(
    "form", [NUMBER, f"+{NUMBER}", f"00{NUMBER}", "0701234567", "sms0701234567-", NUMBER[:9], "01234"]
)
@pytest.mark.parametrize("number", [NUMBER, f"+{NUMBER}"])
@pytest.mark.parametrize("before", [True, False])
@pytest.mark.parametrize("receipt_has_it", [True, False])
def test_nothing_of_a_number_is_proposed_or_shown(form: str, number: str, before: bool, receipt_has_it: bool) -> None:
    long = [form + tail if before else tail + form for tail in TAILS]
    pairs = list(zip(TAILS, long, strict=True) if receipt_has_it else zip(long, TAILS, strict=True))
    assert infer([Pair(*pair) for pair in pairs]).learned
    hidden = kept(pairs, number)
    evidence = str(evidence_of(infer(hidden), [Stored(pair, Source.FACTS, NOW) for pair in hidden]))
    assert all(NUMBER[at : at + 5] not in evidence for at in range(len(NUMBER) - 4))


def test_a_number_before_the_id_is_no_rule() -> None:
    pairs = [(tail, NUMBER + tail) for tail in TAILS]
    assert str(infer([Pair(*pair) for pair in pairs]).best) == f"cut-prefix:{NUMBER}"
    assert infer(kept(pairs)).best is None


def test_what_stands_beside_the_number_is_still_learned_and_shown_without_it() -> None:
    pairs = kept([(tail, f"{tail}@{NUMBER}") for tail in TAILS])
    verdict = infer(pairs)
    assert str(verdict.best) == "cut-from:@"
    evidence = evidence_of(verdict, [Stored(pair, Source.FACTS, NOW) for pair in pairs])
    assert "response a1f0, receipt a1f0@•••••••••••" in " ".join(in_words(evidence))
    assert "3701234" not in str(evidence)


def test_the_same_ids_with_the_number_stay_the_same() -> None:
    pairs = kept([(f"{NUMBER}-{tail}", f"{NUMBER}-{tail}") for tail in TAILS])
    assert infer(pairs).best == TEXT


@pytest.mark.parametrize(
    "pair", [("a1f0", "smsc01a1f0"), ("f4240", "1000000"), ("a1f0", "a1f0@98765"), ("a1f0", "9999998a1f0")]
)
def test_ids_without_the_number_stay_as_they_are(pair: tuple[str, str]) -> None:
    assert kept([pair]) == [Pair(*pair)]


def test_a_short_number() -> None:
    assert kept([("a1f0", "4711a1f0")], "4711") == []
    assert kept([("a1f0", "4711a1f0")], "") == [Pair("a1f0", "4711a1f0")]


_DIGITS = st.text("0123456789", min_size=7, max_size=15)
_AROUND = st.text("0123456789abc@-", max_size=12)


@given(_DIGITS, _AROUND, _AROUND, _AROUND, st.data())
def test_no_seven_digits_of_a_number_are_kept(
    number: str, one: str, two: str, three: str, data: st.DataObject
) -> None:
    some = number[data.draw(st.integers(0, 4)) :]
    pair = without_number(Pair(one + some, two + some + three), f"+{number}")
    for at in range(len(number) - 6):
        assert pair is None or number[at : at + 7] not in f"{pair.response_id} {pair.receipt_id}"
