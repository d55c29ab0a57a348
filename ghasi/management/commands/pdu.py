"""`manage.py pdu HEX` explains a PDU field by field; `manage.py pdu JSON` writes one."""

from __future__ import annotations

from typing import Any

from ghasi.doors import Json, parse_object, pdu_door, read_pdu
from ghasi.explain import explain_pdu
from ghasi.management.door import DoorCommand


class Command(DoorCommand):
    help = "Explain a PDU given in hexadecimal, or write the PDU that a JSON object describes."
    door = "pdu"
    argument = "pdu"
    argument_help = 'hexadecimal, or JSON such as {"command": "enquire_link"}'

    def as_json(self, value: str, options: dict[str, Any]) -> Json:
        return pdu_door(parse_object(value) if _is_json(value) else {"hex": value})

    def in_words(self, value: str, options: dict[str, Any]) -> list[str]:
        if not _is_json(value):
            return explain_pdu(read_pdu(value))
        answer = pdu_door(parse_object(value))
        return [answer["hex"]] if "hex" in answer else explain_pdu(read_pdu(parse_object(value)["hex"]))


def _is_json(value: str) -> bool:
    return value.lstrip().startswith("{")
