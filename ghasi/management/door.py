"""What the commands `segment`, `receipt` and `pdu` share: arguments, JSON lines, exit codes.

They need no database, no server and no setting, and so skip Django's system checks.
"""

from __future__ import annotations

import io
import json
import sys
from abc import ABC, abstractmethod
from typing import Any, ClassVar

from django.core.management.base import BaseCommand, CommandError, CommandParser
from rich.console import Console

from ghasi.doors import DOORS, DoorError, Json, run_jsonl
from ghasi.explain.lines import Line
from ghasi.explain.show import in_colour, in_plain

EXIT_CODES = "Exit codes: 0 done, 1 what was given cannot be read, 2 wrong usage."


class DoorCommand(BaseCommand, ABC):
    """A door for a person (an argument, words back) and for machines (`--json`, `--jsonl`)."""

    requires_system_checks: list[str] = []  # noqa: RUF012  (Django's own declaration)
    door: ClassVar[str]
    argument: ClassVar[str]
    argument_help: ClassVar[str]

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(self.argument, nargs="?", help=self.argument_help)
        parser.add_argument("--json", action="store_true", dest="as_json", help="print a JSON object")
        parser.add_argument(
            "--jsonl",
            action="store_true",
            help="read JSON objects from stdin, one a line, and answer each in a line",
        )
        parser.add_argument(
            "--profile",
            metavar="NAME|FILE",
            help="the operator's: a live profile, a preset, or a file (docs/profiles.md)",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if options["jsonl"]:
            if options["profile"]:
                raise CommandError("--profile goes with one value and not with --jsonl")
            self._serve()
            return
        value = self.given(options)
        if value is None:
            raise CommandError(f"give {self.argument}, or --jsonl to read JSON lines")
        try:
            answer = self.as_json(value, options) if options["as_json"] else self.in_words(value, options)
        except DoorError as error:
            raise CommandError(str(error)) from None
        plain = options["no_color"] or not (self.stdout.isatty() or options["force_color"])
        self._print(answer, colour=not plain)

    def given(self, options: dict[str, Any]) -> str | None:
        """What is to be read; None where nothing was given."""
        value: str | None = options[self.argument]
        return value

    @abstractmethod
    def as_json(self, value: str, options: dict[str, Any]) -> Json:
        """The answer as `--json` prints it. May raise DoorError."""

    @abstractmethod
    def in_words(self, value: str, options: dict[str, Any]) -> list[Line]:
        """The answer as lines for a person. May raise DoorError."""

    def _print(self, answer: Json | list[Line], *, colour: bool) -> None:
        # A terminal that cannot show a character must not cost the answer.
        if isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(errors="backslashreplace")
        if isinstance(answer, dict):
            self.stdout.write(json.dumps(answer))
        elif colour:
            in_colour(answer, Console(file=sys.stdout, force_terminal=True))
        else:
            self.stdout.write("\n".join(in_plain(answer)))

    def _serve(self) -> None:
        try:
            run_jsonl(sys.stdin.buffer, self._write_line, DOORS[self.door])
        except (BrokenPipeError, KeyboardInterrupt):
            # The reader has what it wanted. Python would complain once more when it flushes stdout at exit.
            sys.stderr.close()

    def _write_line(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()
