"""A text as it is cut: why in this coding, what it costs, where cuts moved, and every part's octets."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterator
from typing import Final

from ghasi.explain.lines import Line, head, hex_rows, plain, quoted, warning
from ghasi.explain.udh import read_header
from ghasi.sms.coding import Alphabet, Coding, Wanted, first_outside
from ghasi.sms.gsm7 import ESCAPE
from ghasi.sms.reading import decode_part
from ghasi.sms.segmentation import LongMode, Part, Segmented, capacity
from ghasi.sms.submit import sent_body

_UNIT_NAMES: Final = {Coding.GSM7: "septets", Coding.UCS2: "UTF-16 units"}
_MODES: Final = {
    None: "plain",
    LongMode.UDH: "joined by a user data header",
    LongMode.SAR: "joined by sar_* TLVs; the SMSC writes the header",
    LongMode.PAYLOAD: "in message_payload, cut by the SMSC",
}
_ALPHABET_NAMES: Final = {Alphabet.GSM7: "GSM 03.38", Alphabet.LATIN1: "Latin-1", Alphabet.ASCII: "ASCII"}
_ALPHABETS: Final = {Coding.LATIN1: Alphabet.LATIN1, Coding.ASCII: Alphabet.ASCII}
MOST_NAMED: Final = 5
"""Characters that are named one by one."""


def explain_segments(
    text: str,
    segmented: Segmented,
    wanted: Wanted = Wanted.AUTO,
    alphabet: Alphabet = Alphabet.GSM7,
    *,
    packed: bool = False,
) -> list[Line]:
    """Lines on coding, characters, parts, and the octets of each part. `packed`: septets go out packed."""
    unit = _UNIT_NAMES.get(segmented.coding, "octets")
    lines = [head(f"{_characters(len(text))}, {_parts_word(segmented)}")]
    lines.append(plain("coding", segmented.coding.value, f"data_coding 0x{segmented.data_coding:02X}"))
    lines += _why_lines(text, segmented, wanted, alphabet)
    lines.append(plain("units", str(segmented.units), _units_words(text, segmented, unit)))
    lines += _cost_lines(segmented, unit)
    for number, part in enumerate(segmented.parts, 1):
        lines += _part_lines(number, part, segmented, unit, packed=packed)
    return lines


def _parts_word(segmented: Segmented) -> str:
    if segmented.mode is LongMode.PAYLOAD:
        return f"1 PDU for {segmented.network_parts} parts"
    count = len(segmented.parts)
    return f"{count} part{'' if count == 1 else 's'}"


def _why_lines(text: str, segmented: Segmented, wanted: Wanted, alphabet: Alphabet) -> list[Line]:
    name = _ALPHABET_NAMES[alphabet]
    lines = [
        plain("replaced", quoted(one.found), f"by {quoted(one.replacement)}, {one.count} times")
        for one in segmented.changes
    ]
    if segmented.coding is not Coding.UCS2:
        return [*lines, plain("why", "", _why_narrow(segmented, name))]
    outside = list(_outside(text, alphabet))
    if not outside:
        return [*lines, plain("why", "", f"UCS-2 was asked for; {name} has every character too")]
    asked = "UCS-2 was asked for; " if wanted is Wanted.UCS2 else ""
    lines.append(plain("why", "", f"{asked}{name} lacks {_characters(len(outside))}"))
    for position, char in _first_of_each(outside)[:MOST_NAMED]:
        times = sum(one == char for _, one in outside)
        more = f", {times} times" if times > 1 else ""
        meaning = f"{unicodedata.name(char, 'without a name')}, character {position + 1}{more}"
        lines.append(plain(quoted(char), f"U+{ord(char):04X}", meaning, 1))
    different = len({char for _, char in outside})
    if different > MOST_NAMED:
        lines.append(plain("…", "", f"and {different - MOST_NAMED} more", 1))
    return lines


def _why_narrow(segmented: Segmented, name: str) -> str:
    if segmented.coding is Coding.BINARY:
        return "octets were asked for; they go out as they are"
    if segmented.data_coding:
        return f"{segmented.coding.value} was asked for and has every character"
    if segmented.coding is Coding.GSM7 and _elements(segmented.parts[0]):
        return f"{name} lacks characters that the national tables named in the header have: cheaper than UCS-2"
    return f"every character is in {name}, the alphabet behind data_coding 0"


def _elements(part: Part) -> int:
    """Octets of the header's elements that are not the concatenation."""
    header = read_header(part.udh) if part.udh else None
    if header is None:
        return 0
    return sum(len(element.octets) for element in header.elements if element.octets[0] not in (0x00, 0x08))


def _header_octets(segmented: Segmented) -> int:
    """Of a part on the air: with the concatenation, whoever writes it."""
    own = _elements(segmented.parts[0])
    if segmented.mode is None:
        return own + 1 if own else 0
    return own + (6 if segmented.reference_bits == 8 else 7)


def _outside(text: str, alphabet: Alphabet) -> Iterator[tuple[int, str]]:
    """Position and character of everything that the alphabet lacks."""
    known: dict[str, bool] = {}
    for position, char in enumerate(text):
        if char not in known:
            known[char] = first_outside(char, alphabet) is None
        if not known[char]:
            yield position, char


def _first_of_each(found: list[tuple[int, str]]) -> list[tuple[int, str]]:
    first: dict[str, int] = {}
    for position, char in found:
        first.setdefault(char, position)
    return [(position, char) for char, position in first.items()]


def _characters(count: int) -> str:
    return f"{count} character{'' if count == 1 else 's'}"


def _units_words(text: str, segmented: Segmented, unit: str) -> str:
    wide = Counter(char for char in text if ord(char) > 0xFFFF) if segmented.coding is Coding.UCS2 else Counter()
    if wide:
        return f"{unit}; beyond U+FFFF a character takes two: {_characters(wide.total())}"
    extra = segmented.units - len(text)
    if segmented.coding is Coding.GSM7 and extra and not segmented.changes and not _elements(segmented.parts[0]):
        return f"{unit}; of the extension table a character takes two: {_characters(extra)}, {_extended(text)}"
    return unit


def _extended(text: str) -> str:
    found = dict.fromkeys(char for char in text if char in "\f^{}\\[~]|€")
    return " ".join(char if char.isprintable() else quoted(char) for char in found)


def _cost_lines(segmented: Segmented, unit: str) -> list[Line]:
    own = _elements(segmented.parts[0])
    alone = capacity(segmented.coding, own + 1 if own else 0)
    if segmented.mode is None:
        left = alone - segmented.units
        return [plain("parts", "1", f"plain, up to {alone} {unit}: {left} left")]
    each = capacity(segmented.coding, _header_octets(segmented))
    how = f"{_MODES[segmented.mode]}; {each} {unit} each, {segmented.reference_bits}-bit reference"
    count = segmented.network_parts if segmented.mode is LongMode.PAYLOAD else len(segmented.parts)
    lines = [plain("parts", str(count), how)]
    last = segmented.units - alone
    lines.append(plain("", "", f"one part would hold {alone} {unit}, {last} fewer than there are"))
    return lines


def _part_lines(number: int, part: Part, segmented: Segmented, unit: str, *, packed: bool) -> list[Line]:
    body = sent_body(part, segmented.coding, packed=packed)
    size = f"{len(part.udh) + len(body)} octets, {_on_air(part, segmented)}"
    lines = [plain(f"part {number}", f"{part.units} {unit}", size)]
    header = read_header(part.udh) if part.udh else None
    if header is not None:
        words = "; ".join(f"{element.name}: {element.meaning}" for element in header.elements)
        lines.append(plain("header", part.udh.hex(), words, 1))
    rows = hex_rows(body)
    how = "packed septets" if packed and segmented.coding is Coding.GSM7 else ""
    lines += [plain("" if at else "octets", row, "" if at else how, 1) for at, row in enumerate(rows)]
    shown = decode_part(part.udh, part.body, segmented.data_coding, _ALPHABETS.get(segmented.coding, Alphabet.GSM7))
    if shown is not None:
        lines.append(plain("text", quoted(shown), depth=1))
    moved = _moved(number, part, segmented)
    return [*lines, warning(moved, 1)] if moved else lines


def _on_air(part: Part, segmented: Segmented) -> str:
    """Septets are packed on the air, from the next septet's border behind the header on."""
    if segmented.coding is not Coding.GSM7:
        return "as many on the air"
    septets = (len(part.udh) * 8 + 6) // 7 + part.units
    return f"{(septets * 7 + 7) // 8} on the air"


def _moved(number: int, part: Part, segmented: Segmented) -> str:
    """Why a part ends before it is full: its last unit would have been half of a character."""
    if segmented.mode in (None, LongMode.PAYLOAD) or number == len(segmented.parts):
        return ""
    each = capacity(segmented.coding, _header_octets(segmented))
    following = segmented.parts[number].body
    if part.units >= each:
        return ""
    if segmented.coding is Coding.GSM7 and following[:1] == bytes((ESCAPE,)):
        return "one septet short: the cut would have fallen inside an escape pair"
    if segmented.coding is Coding.UCS2 and 0xD8 <= following[0] <= 0xDB:
        return "one unit short: the cut would have fallen inside a surrogate pair"
    return f"{each - part.units} units short, so that what belongs together stays together"
