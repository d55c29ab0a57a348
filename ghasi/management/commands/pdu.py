"""`manage.py pdu HEX` explains a PDU field by field; `manage.py pdu JSON` writes one."""

from __future__ import annotations

from typing import Any

from ghasi.doors import Json, frame_octets, parse_object, pdu_door
from ghasi.explain.lines import Line, head
from ghasi.explain.pdu import explain_pdu
from ghasi.management.door import EXIT_CODES, DoorCommand
from ghasi.management.door_profile import dialect


class Command(DoorCommand):
    help = f"Explain a PDU given in hexadecimal, or write the PDU that a JSON object describes. {EXIT_CODES}"
    door = "pdu"
    argument = "pdu"
    argument_help = 'hexadecimal, or JSON such as {"command": "enquire_link"}'

    def as_json(self, value: str, options: dict[str, Any]) -> Json:
        return pdu_door(parse_object(value) if _is_json(value) else {"hex": value})

    def in_words(self, value: str, options: dict[str, Any]) -> list[Line]:
        """Of a PDU that cannot be read, too: as far as it can, with what is wrong."""
        if not _is_json(value):
            return explain_pdu(frame_octets(value), dialect(options))
        given = parse_object(value)
        answer = pdu_door(given)
        if "hex" in answer:
            return [head(answer["hex"])]
        return explain_pdu(frame_octets(given["hex"]), dialect(options))


def _is_json(value: str) -> bool:
    return value.lstrip().startswith("{")
