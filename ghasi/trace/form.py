"""A trace's lines: JSON objects for machines, headlines and octets for people (docs/operations.md)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Final

from ghasi.contracts.trace import TracedPdu
from ghasi.explain.dialect import PLAIN, Dialect
from ghasi.smpp.errors import SmppError
from ghasi.smpp.jsonform import pdu_to_json
from ghasi.smpp.pdu import decode_pdu
from ghasi.trace.brief import brief, command_of, is_response, named_tlvs, sequence_of
from ghasi.trace.merge import Item, Missed

_ROW: Final = 16
MAX_OPEN: Final = 10_000
"""Requests remembered for the time their answer takes."""


def item_to_json(item: Item, dialect: Dialect = PLAIN, *, masked: bool, with_hex: bool) -> dict[str, Any]:
    """`{"at", "direction", "replica", "slot", "link", "local", "remote", "masked", "pdu"}`, `pdu` as the command
    `pdu` writes it; null with an `error` where it cannot be read. `tlvs` are those that the operator's profile reads,
    by its names, where there are any. What is missing: `{"replica", "missed"}`."""
    what = item.what
    if isinstance(what, Missed):
        return {"replica": what.replica, "missed": what.count or None}
    form: dict[str, Any] = {
        "at": _moment(what.at_us).isoformat(timespec="microseconds").replace("+00:00", "Z"),
        "direction": "sent" if what.sent else "received",
        "replica": item.replica,
        "slot": what.slot,
        "link": what.link,
        "local": what.local,
        "remote": what.remote,
        "masked": masked,
        "pdu": None,
    }
    try:
        form["pdu"] = pdu_to_json(what.octets.hex())
    except SmppError as error:
        form["error"] = str(error)
    else:
        if named := named_tlvs(decode_pdu(what.octets), dialect):
            form["tlvs"] = named
    return form | {"hex": what.octets.hex()} if with_hex else form


class Headlines:
    """One line a PDU: time, direction, command, number, connection, octets; answers with the time they took."""

    def __init__(self) -> None:
        self._asked: dict[tuple[str, int, bool, int], int] = {}

    def of(self, item: Item, dialect: Dialect = PLAIN) -> str:
        what = item.what
        if isinstance(what, Missed):
            return missed_in_words(what)
        arrow = "→" if what.sent else "←"
        clock = _moment(what.at_us).strftime("%H:%M:%S.%f")
        head = f"{clock} {arrow} {command_of(what.octets):<21} {sequence_of(what.octets):>6}"
        place = f"{item.replica}/{what.slot}.{what.link} {what.remote}"
        parts = (head, place, self._after(item.replica, what), brief(what.octets, dialect))
        return "  ".join(part for part in parts if part)

    def _after(self, replica: str, pdu: TracedPdu) -> str:
        number = sequence_of(pdu.octets)
        if not is_response(pdu.octets):
            self._asked[replica, pdu.link, pdu.sent, number] = pdu.at_us
            if len(self._asked) > MAX_OPEN:
                del self._asked[next(iter(self._asked))]
            return ""
        asked = self._asked.pop((replica, pdu.link, not pdu.sent, number), None)
        return "" if asked is None else f"+{(pdu.at_us - asked) / 1000:.1f} ms"


def missed_in_words(missed: Missed) -> str:
    if not missed.count:
        return f"… copies of {missed.replica} were lost on the way"
    return f"… {missed.count} PDUs of {missed.replica} were not copied"


def hexdump(octets: bytes) -> Iterator[str]:
    """Rows of sixteen octets with their offset and their ASCII."""
    for start in range(0, len(octets), _ROW):
        row = octets[start : start + _ROW]
        shown = "".join(chr(octet) if 0x20 <= octet < 0x7F else "." for octet in row)
        yield f"    {start:04x}  {row.hex(' '):<47}  {shown}"


def _moment(at_us: int) -> datetime:
    return datetime.fromtimestamp(at_us // 1_000_000, UTC).replace(microsecond=at_us % 1_000_000)
