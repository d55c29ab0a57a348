"""Where an encoded text is cut: never within an escape or surrogate pair, and within a grapheme cluster only where
keeping it whole would cost one more part.
"""

from __future__ import annotations

from ghasi.sms.clusters import cluster_start, is_plain_cut
from ghasi.sms.coding import Coding, Encoded
from ghasi.sms.gsm7 import ESCAPE, SeptetTable
from ghasi.sms.header import parse_elements
from ghasi.sms.national import announced


def cut(encoded: Encoded, units: int, *, whole_clusters: bool = True) -> list[bytes]:
    """The bodies of the parts, each of at most `units` units and as few as there can be."""
    data = encoded.data
    ends = _plain_ends(data, encoded.coding, units)
    if whole_clusters and len(ends) > 1 and _may_cut_clusters(encoded, ends):
        ends = _cluster_ends(encoded, units, len(ends))
    return [data[start:end] for start, end in zip([0, *ends], ends, strict=False)]


def count(encoded: Encoded, units: int) -> int:
    """How many bodies `cut` makes."""
    return len(_plain_ends(encoded.data, encoded.coding, units))


def _plain_ends(data: bytes, coding: Coding, units: int, start: int = 0) -> list[int]:
    size = units * coding.unit_octets
    ends: list[int] = []
    while start < len(data):
        start = _plain_end(data, coding, start, size)
        ends.append(start)
    return ends


def _plain_end(data: bytes, coding: Coding, start: int, size: int) -> int:
    end = start + size
    if end >= len(data):
        return len(data)
    if coding is Coding.GSM7:
        return end - 1 if data[end - 1] == ESCAPE else end
    if coding is Coding.UCS2 and 0xD8 <= data[end - 2] <= 0xDB:
        return end - 2
    return end


def _may_cut_clusters(encoded: Encoded, ends: list[int]) -> bool:
    """False where a look at the characters beside the cuts tells. Only UCS-2 and national tables have marks."""
    if encoded.coding is Coding.UCS2:
        return not all(_is_plain(encoded.data, end) for end in ends[:-1])
    return encoded.coding is Coding.GSM7 and encoded.elements != b""


def _is_plain(data: bytes, end: int) -> bool:
    """Of UTF-16BE. Half of a surrogate pair is never plain."""
    return is_plain_cut(chr(data[end - 2] << 8 | data[end - 1]), chr(data[end] << 8 | data[end + 1]))


def _cluster_ends(encoded: Encoded, units: int, parts: int) -> list[int]:
    """`parts` ends; each goes back to the start of the cluster it would cut, if the rest still fits."""
    data, coding = encoded.data, encoded.coding
    table = announced(parse_elements(encoded.elements)) if coding is Coding.GSM7 else None
    ends: list[int] = []
    start = 0
    while start < len(data):
        end = _plain_end(data, coding, start, units * coding.unit_octets)
        if end < len(data):
            earlier = _cluster_end(data, table, start, end)
            if earlier > start and _fits(data, coding, units, earlier, parts - len(ends) - 1):
                end = earlier
        ends.append(end)
        start = end
    return ends


def _cluster_end(data: bytes, table: SeptetTable | None, start: int, end: int) -> int:
    """Where the cluster starts that `end` would cut: `end` itself where it cuts none."""
    if table is None:
        if _is_plain(data, end):
            return end
        text = data[start:end].decode("utf-16-be")
        following = data[end : end + 4].decode("utf-16-be", "ignore")
        return start + 2 * _utf16_units(text[: cluster_start(text + following, len(text))])
    text = table.decode(data[start:end])
    following = table.decode(data[end : end + (2 if data[end] == ESCAPE else 1)])
    return start + len(table.encode(text[: cluster_start(text + following, len(text))]))


def _utf16_units(text: str) -> int:
    return len(text.encode("utf-16-be")) // 2


def _fits(data: bytes, coding: Coding, units: int, start: int, parts: int) -> bool:
    # No part is shorter than full by more than one unit: that alone decides it nearly always.
    if len(data) - start <= parts * (units - 1) * coding.unit_octets:
        return True
    return len(_plain_ends(data, coding, units, start)) <= parts
