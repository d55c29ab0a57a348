"""`manage.py receipt HEX`: what a receipt says and what the connector makes of it."""

from __future__ import annotations

from typing import Any

from ghasi.doors import Json, receipt_carrier, receipt_to_json
from ghasi.explain import explain_receipt
from ghasi.management.door import DoorCommand
from ghasi.smpp.receipt import parse_receipt


class Command(DoorCommand):
    help = "Read a delivery receipt: a deliver_sm or data_sm in hexadecimal."
    door = "receipt"
    argument = "hex"
    argument_help = "the whole PDU in hexadecimal, spaces allowed"

    def as_json(self, value: str, options: dict[str, Any]) -> Json:
        return receipt_to_json(parse_receipt(receipt_carrier(value)))

    def in_words(self, value: str, options: dict[str, Any]) -> list[str]:
        return explain_receipt(parse_receipt(receipt_carrier(value)))
