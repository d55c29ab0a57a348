from __future__ import annotations

import pytest

from ghasi.explain.segments import explain_segments
from ghasi.explain.show import in_plain
from ghasi.sms.coding import Alphabet, Wanted
from ghasi.sms.segmentation import LongMode, Strategy, split


def told(text: str, wanted: Wanted = Wanted.AUTO, alphabet: Alphabet = Alphabet.GSM7, **options: object) -> list[str]:
    segmented = split(text, wanted, alphabet=alphabet, **options)  # type: ignore[arg-type]
    return [" ".join(line.split()) for line in in_plain(explain_segments(text, segmented, wanted, alphabet))]


def test_which_characters_force_ucs2() -> None:
    lines = told("abč" + "č😀" * 2)
    assert lines[:6] == [
        "7 characters, 1 part",
        "coding UCS2 data_coding 0x08",
        "why GSM 03.38 lacks 5 characters",
        "'č' U+010D LATIN SMALL LETTER C WITH CARON, character 3, 3 times",
        "'😀' U+1F600 GRINNING FACE, character 5, 2 times",
        "units 9 UTF-16 units; beyond U+FFFF a character takes two: 2 characters",
    ]
    assert "why Latin-1 lacks 1 character" in told("á€", alphabet=Alphabet.LATIN1)
    assert "why UCS-2 was asked for; GSM 03.38 has every character too" in told("abc", Wanted.UCS2)
    assert "why every character is in GSM 03.38, the alphabet behind data_coding 0" in told("abc")
    assert "… and 1 more" in told("čďěňřš")


def test_what_takes_two_septets() -> None:
    assert "units 5 septets; of the extension table a character takes two: 2 characters, € [" in told("a€[")


@pytest.mark.parametrize(
    ("text", "options", "words"),
    [
        ("x" * 150, {}, "parts 1 plain, up to 160 septets: 10 left"),
        ("x" * 161, {}, "parts 2 joined by a user data header; 153 septets each, 8-bit reference"),
        ("x" * 161, {}, "one part would hold 160 septets, 1 fewer than there are"),
        (
            "ж" * 71,
            {"reference_bits": 16},
            "66 UTF-16 units each, 16-bit reference",
        ),
        ("x" * 161, {"strategy": Strategy.TLV}, "161 characters, 1 PDU for 2 parts"),
        ("x" * 161, {"long_mode": LongMode.SAR}, "joined by sar_* TLVs; the SMSC writes the header"),
        ("á" * 141, {"alphabet": Alphabet.LATIN1}, "134 octets each, 8-bit reference"),
    ],
)
def test_parts(text: str, options: dict[str, object], words: str) -> None:
    assert any(words in line for line in told(text, **options))  # type: ignore[arg-type]


def test_octets_of_each_part_here_and_on_the_air() -> None:
    lines = told("x" * 153 + "[" * 8)
    assert "part 1 153 septets 159 octets, 140 on the air" in lines
    assert "part 2 16 septets 22 octets, 21 on the air" in lines
    assert "header 050003000202 concatenation, 8-bit reference: part 2 of 2, reference 0" in lines
    assert "octets 1b 3c 1b 3c 1b 3c 1b 3c 1b 3c 1b 3c 1b 3c 1b 3c" in lines
    assert "text '[[[[[[[['" in lines


def test_where_a_cut_moved() -> None:
    lines = told("x" * 152 + "€" * 5)
    at = lines.index("! one septet short: the cut would have fallen inside an escape pair")
    assert any(line.startswith("part 1 152 septets") for line in lines[:at])
    assert not any(line.startswith("part 2") for line in lines[:at])
    assert "! one unit short: the cut would have fallen inside a surrogate pair" in told("ж" * 66 + "😀" * 3)
    assert not any(line.startswith("!") for line in told("x" * 400))
