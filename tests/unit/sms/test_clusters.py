"""ghasi.sms.clusters and ghasi.sms.cutting"""

from __future__ import annotations

import subprocess
import sys

import pytest
import regex
from hypothesis import given
from hypothesis import strategies as st

from ghasi.sms.clusters import cluster_start
from ghasi.sms.coding import Coding, Encoded, Wanted, encode_text
from ghasi.sms.cutting import count, cut
from ghasi.sms.national import Language, table
from ghasi.sms.segmentation import split

FAMILY = "👨‍👩‍👧‍👦"
FLAG = "🇦🇫"
PIECES = [
    "a",
    "é",
    "e\u0301",
    "ی",
    "بّ",
    "क",
    "कि",
    "क्ष",
    "र्म",
    "👍🏽",
    FAMILY,
    FLAG,
    "🇦",
    "1️⃣",
    "\r\n",
    "\r",
    "한",
    "각",
    "ö̧",
    "\u200d",
    "ำ",
    "กำ",
    "\ufe0f",
]
texts = st.lists(st.sampled_from(PIECES), max_size=150).map("".join)
hindi = st.text(st.sampled_from("कखगघचजतदनपबमरलसहािीुूेैोौंँ़् ab,."), min_size=1, max_size=700)


@pytest.mark.parametrize(
    ("text", "at", "start"),
    [
        ("ab", 1, 1),
        ("سلام", 2, 2),
        ("ae\u0301b", 2, 1),
        ("ae\u0301b", 3, 3),
        ("e\u0301\u0302x", 2, 0),
        ("कि", 1, 0),
        ("x" + FAMILY + "y", 3, 1),
        ("x" + FAMILY + "y", len(FAMILY) + 1, len(FAMILY) + 1),
        (FLAG + FLAG, 2, 2),
        (FLAG + FLAG, 3, 2),
        ("a\r\nb", 2, 1),
        ("👍🏽", 1, 0),
        ("กำ", 1, 0),
    ],
)
def test_start_of_a_cluster(text: str, at: int, start: int) -> None:
    assert cluster_start(text + "z", at) == start


@given(texts)
def test_plain_letters_need_no_rules(text: str) -> None:
    """What is decided without `regex` is what `regex` would say."""
    for at in range(1, len(text)):
        starts = [found.start() for found in regex.finditer(r"\X", text[: at + 1])]
        assert cluster_start(text, at) == starts[-1]


def _bodies(text: str, **options: bool) -> list[str]:
    return [body.decode("utf-16-be") for body in cut(encode_text(text, Wanted.UCS2), 67, **options)]


def test_a_cluster_is_kept_whole_where_it_costs_nothing() -> None:
    text = "ж" * 62 + FAMILY + "ж" * 10
    assert _bodies(text) == ["ж" * 62, FAMILY + "ж" * 10]
    assert _bodies(text, whole_clusters=False)[0] == "ж" * 62 + "👨\u200d👩"


def test_a_cluster_is_cut_where_keeping_it_would_cost_a_part() -> None:
    text = "ж" * 66 + "e\u0301" + "ж" * 66
    assert _bodies(text) == ["ж" * 66 + "e", "\u0301" + "ж" * 66]
    assert count(encode_text(text, Wanted.UCS2), 67) == 2


def test_what_is_left_over_goes_to_the_first_clusters() -> None:
    """One unit to spare keeps the first of three clusters whole; the others are cut."""
    text = ("ж" * 66 + "e\u0301") + "ж" * 65 + "e\u0301" + "ж" * 65
    assert len(encode_text(text).data) // 2 == 200
    assert [len(body) for body in _bodies(text)] == [66, 67, 67]
    assert _bodies(text)[1].startswith("e\u0301")


def test_a_cluster_longer_than_a_part_is_cut() -> None:
    text = "a" + "\u0301" * 140
    assert [len(body) for body in _bodies(text)] == [67, 67, 7]


@given(texts, st.sampled_from([66, 67]))
def test_no_cluster_is_cut_that_could_stay_whole(text: str, units: int) -> None:
    encoded = encode_text(text, Wanted.UCS2)
    plain = cut(encoded, units, whole_clusters=False)
    kept = cut(encoded, units)
    assert b"".join(kept) == encoded.data
    assert len(kept) == len(plain) == count(encoded, units)
    assert all(0 < len(body) <= units * 2 for body in kept)
    bounds, at = {found.start() for found in regex.finditer(r"\X", text)}, 0
    for body in kept[:-1]:
        length = len(body.decode("utf-16-be"))
        if at + length not in bounds:
            earlier = max((bound for bound in bounds if at < bound < at + length), default=None)
            # Cut all the same: then the rest from there would not have fitted, or no cluster starts in this part.
            if earlier is not None and at in bounds:
                rest = encode_text(text[earlier:], Wanted.UCS2)
                assert count(rest, units) > len(kept) - kept.index(body) - 1
        at += length


@given(hindi)
def test_clusters_in_national_tables(text: str) -> None:
    tables = table(Language.HINDI, None)
    encoded = Encoded(Coding.GSM7, tables.encode(text), 0, tables.elements)
    kept = cut(encoded, 149)
    assert b"".join(kept) == encoded.data
    assert len(kept) == count(encoded, 149)
    assert "".join(tables.decode(body) for body in kept) == text
    if len(encoded.data) <= 149 * len(kept) - 20 * len(kept):
        assert all(tables.decode(body)[0] not in "ािीुूेैोौंँ़्" for body in kept[1:] if text[0] not in "ािीुूेैोौंँ़्")


def test_latin_texts_never_load_the_rules() -> None:
    program = (
        "import sys; from ghasi.sms.coding import Alphabet; from ghasi.sms.segmentation import split;"
        "split('hello ' * 100); split('سلام دنیا ' * 50); split('é' * 300, alphabet=Alphabet.LATIN1);"
        "print('regex' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "False"


def test_split_keeps_clusters() -> None:
    parts = split("ж" * 62 + FAMILY + "ж" * 10).parts
    assert [part.units for part in parts] == [62, 21]
