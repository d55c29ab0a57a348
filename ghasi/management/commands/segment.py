"""`manage.py segment "text"`: how a text is encoded and cut."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from ghasi.doors import Json, segment_text, segmented_to_json
from ghasi.explain import explain_segments
from ghasi.management.door import DoorCommand
from ghasi.sms.coding import Alphabet, Wanted
from ghasi.sms.segmentation import Segmented, Strategy


class Command(DoorCommand):
    help = "Show how a text is encoded and cut into parts."
    door = "segment"
    argument = "text"
    argument_help = "the text of the message"

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--encoding", choices=[w.value for w in Wanted], default=Wanted.AUTO.value)
        parser.add_argument("--strategy", choices=[s.value for s in Strategy], default=Strategy.CSMS.value)
        parser.add_argument("--reference", type=int, choices=(8, 16), default=8, help="bits of the reference")
        parser.add_argument(
            "--alphabet",
            choices=[a.value for a in Alphabet],
            default=Alphabet.GSM7.value,
            help="what the operator means by data_coding 0",
        )

    def as_json(self, value: str, options: dict[str, Any]) -> Json:
        return segmented_to_json(_segment(value, options))

    def in_words(self, value: str, options: dict[str, Any]) -> list[str]:
        return explain_segments(value, _segment(value, options), Alphabet(options["alphabet"]))


def _segment(text: str, options: dict[str, Any]) -> Segmented:
    return segment_text(
        text,
        Wanted(options["encoding"]),
        Strategy(options["strategy"]),
        options["reference"],
        Alphabet(options["alphabet"]),
    )
