"""`manage.py receipt HEX`: what a receipt says and what we make of it; `--text` where only its text is left."""

from __future__ import annotations

import sys
from typing import Any

from django.core.management.base import CommandError, CommandParser

from ghasi.doors import Json, receipt_carrier, receipt_to_json
from ghasi.explain.lines import Line
from ghasi.explain.receipts import explain_receipt, explain_text, of_text
from ghasi.management.door import EXIT_CODES, DoorCommand
from ghasi.management.door_profile import dialect
from ghasi.smpp.receipt import parse_receipt

STDIN = "-"


class Command(DoorCommand):
    help = f"Read a delivery receipt: a deliver_sm or data_sm in hexadecimal, or with --text its text. {EXIT_CODES}"
    door = "receipt"
    argument = "hex"
    argument_help = "the whole PDU in hexadecimal, spaces allowed; with --text the receipt's text"

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "--text",
            action="store_true",
            dest="as_text",
            help='the text alone, such as "id:… stat:…", is given, or without an argument read from stdin',
        )

    def given(self, options: dict[str, Any]) -> str | None:
        value = super().given(options)
        if not options["as_text"]:
            return value
        text = (sys.stdin.read() if value in (None, STDIN) else value or "").strip()
        if not text:
            raise CommandError("no text was given")
        return text

    def as_json(self, value: str, options: dict[str, Any]) -> Json:
        rules = dialect(options)
        if options["as_text"]:
            return receipt_to_json(parse_receipt(*of_text(value, rules.receipts)))
        return receipt_to_json(parse_receipt(receipt_carrier(value), rules.receipts))

    def in_words(self, value: str, options: dict[str, Any]) -> list[Line]:
        rules = dialect(options)
        return explain_text(value, rules) if options["as_text"] else explain_receipt(receipt_carrier(value), rules)
