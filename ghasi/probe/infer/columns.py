"""The columns of a receipt without keys: which holds the id, which the state, which the dates. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from ghasi.probe.facts import Sent
from ghasi.probe.infer.dates import read_date
from ghasi.probe.infer.id_match import match
from ghasi.probe.infer.reading import Seen
from ghasi.smpp.receipt import ReceiptRules, parse_receipt
from ghasi.smpp.receipt_states import WORDS
from ghasi.smpp.receipt_text import read_columns

_DAY: Final = 86_400.0


def find_columns(seen: Sequence[Seen], sent: Sequence[Sent]) -> tuple[str, ...]:
    """Names as the profile's `receipts.columns` has them, empty for a column to skip; () where there are none, or
    no column can be the id."""
    rows = [each for each in seen if each.columns]
    if not rows:
        return ()
    width = min(len(each.columns) for each in rows)
    names = [""] * width
    ids = [column for column in range(width) if _is_id(rows, column, sent)]
    stats = [column for column in range(width) if _is_stat(rows, column)]
    if len(ids) != 1 or len(stats) != 1:
        return ()
    names[ids[0]], names[stats[0]] = "id", "stat"
    for name, column in zip(("submit_date", "done_date"), _dates(rows, width), strict=False):
        names[column] = name
    return tuple(names)


def read_by(seen: Seen, columns: tuple[str, ...]) -> Seen:
    """The receipt once more, its columns named."""
    if not columns or not seen.columns:
        return seen
    receipt = parse_receipt(seen.pdu, ReceiptRules(columns=columns))
    return replace(seen, receipt=receipt, fields=read_columns(seen.text, columns))


def _is_id(rows: Sequence[Seen], column: int, sent: Sequence[Sent]) -> bool:
    probes = [
        replace(each, receipt=replace(each.receipt, ids=(each.columns[column],)))
        for each in rows
        if each.columns[column]
    ]
    return len(probes) == len(rows) and bool(match(probes, sent, ()))


def _is_stat(rows: Sequence[Seen], column: int) -> bool:
    return all(each.columns[column].upper() in WORDS for each in rows)


def _dates(rows: Sequence[Seen], width: int) -> list[int]:
    """Columns that hold dates, the submit date's first; where that cannot be told, only one of them (as if the
    submit date stood first, which nobody knows)."""
    found = [
        column
        for column in range(width)
        if all(read_date(each.columns[column], each.arrived.at - _DAY, each.arrived.at) for each in rows)
    ]
    if len(found) != 2:
        return []
    one, other = found
    if all(each.columns[one] <= each.columns[other] for each in rows):
        ordered = [one, other]
    elif all(each.columns[one] >= each.columns[other] for each in rows):
        ordered = [other, one]
    else:
        return []
    return ordered


def dates_are_sure(rows: Sequence[Seen], columns: tuple[str, ...]) -> bool:
    """Whether a receipt shows which of the two dates is the later one."""
    if "done_date" not in columns:
        return False
    one, other = columns.index("submit_date"), columns.index("done_date")
    return any(each.columns[one] != each.columns[other] for each in rows if each.columns)
