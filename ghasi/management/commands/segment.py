"""`manage.py segment "text"`: how a text is encoded and cut."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from django.core.management.base import CommandParser

from ghasi.doors import Json, languages, segment_text, segmented_to_json
from ghasi.explain.lines import Line
from ghasi.explain.segments import explain_segments
from ghasi.management.door import EXIT_CODES, DoorCommand
from ghasi.management.door_profile import load_profile
from ghasi.profiles.rules import send_rules
from ghasi.profiles.schema import PLAIN
from ghasi.profiles.submit_options import long_mode, submit_options
from ghasi.sms.coding import Alphabet, Wanted
from ghasi.sms.national import LANGUAGE_CODES
from ghasi.sms.segmentation import LongMode, Segmented, Strategy
from ghasi.sms.submit import SubmitOptions
from ghasi.sms.transliteration import Transliteration


class Command(DoorCommand):
    help = f"Show how a text is encoded and cut into parts. {EXIT_CODES}"
    door = "segment"
    argument = "text"
    argument_help = "the text of the message"

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--encoding", choices=[w.value for w in Wanted], default=Wanted.AUTO.value)
        parser.add_argument("--strategy", choices=[s.value for s in Strategy], default=Strategy.CSMS.value)
        parser.add_argument("--reference", type=int, choices=(8, 16), help="bits of the reference (default: 8)")
        parser.add_argument(
            "--alphabet",
            choices=[a.value for a in Alphabet],
            help="what the operator means by data_coding 0 (default: gsm7)",
        )
        codes = ", ".join(LANGUAGE_CODES)
        parser.add_argument(
            "--locking", default="", help=f"locking shift tables the operator allows: {codes} (not es)"
        )
        parser.add_argument("--single", default="", help=f"single shift tables the operator allows: {codes}")
        parser.add_argument(
            "--transliterate",
            choices=[level.value for level in Transliteration],
            nargs="?",
            const=Transliteration.PUNCTUATION.value,
            help="replace characters that would force UCS-2, and say which",
        )
        parser.add_argument("--udh", default="", help="elements of the header of a BINARY body, hexadecimal")

    def as_json(self, value: str, options: dict[str, Any]) -> Json:
        rules = _rules(options)
        changes = rules.transliteration is not Transliteration.OFF
        return segmented_to_json(_segment(value, options, rules), changes=changes, packed=rules.packed)

    def in_words(self, value: str, options: dict[str, Any]) -> list[Line]:
        rules = _rules(options)
        segmented = _segment(value, options, rules)
        return explain_segments(value, segmented, Wanted(options["encoding"]), rules.alphabet, packed=rules.packed)


def _rules(options: dict[str, Any]) -> SubmitOptions:
    """What was asked for, else the profile's. Raises DoorError."""
    rules = send_rules(load_profile(options["profile"]) if options["profile"] else PLAIN)
    said = submit_options(rules)
    return replace(
        said,
        alphabet=Alphabet(options["alphabet"] or said.alphabet),
        locking=languages(options["locking"], "locking") or said.locking,
        single=languages(options["single"], "single") or said.single,
        transliteration=Transliteration(options["transliterate"] or said.transliteration),
        reference_bits=options["reference"] or said.reference_bits,
        long_mode=long_mode(rules, Strategy(options["strategy"])),
    )


def _segment(text: str, options: dict[str, Any], rules: SubmitOptions) -> Segmented:
    return segment_text(
        text,
        Wanted(options["encoding"]),
        rules.long_mode or LongMode.of(Strategy(options["strategy"])),
        rules.text_rules,
        udh=options["udh"],
        max_parts=rules.max_parts,
        whole_clusters=rules.whole_clusters,
    )
