"""`manage.py asyncapi`: every subject and message as an AsyncAPI document."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from ghasi.asyncapi.document import document, text


class Command(BaseCommand):
    help = (
        "Prints the AsyncAPI document of every subject (docs/asyncapi.yaml), or compares a file with it. "
        "Exit codes: 0 done, 1 the file says anything else, 2 wrong usage."
    )
    requires_system_checks: list[str] = []  # noqa: RUF012 - Django's own attribute

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="as JSON on stdout")
        parser.add_argument("--output", type=Path, metavar="FILE", help="write it there")
        parser.add_argument("--check", type=Path, metavar="FILE", help="exit code 1 where FILE says anything else")

    def handle(self, *_: Any, **options: Any) -> None:
        if options["json"]:
            self.stdout.write(json.dumps(document()))
            return
        made = text()
        if options["check"]:
            try:
                kept = options["check"].read_text(encoding="utf-8")
            except OSError as error:
                raise CommandError(f"{options['check']}: {error.strerror}", returncode=2) from None
            if kept != made:
                raise CommandError(f"{options['check']} is not what the types say: run manage.py asyncapi --output")
        elif options["output"]:
            options["output"].write_text(made, encoding="utf-8")
        else:
            self.stdout.write(made, ending="")
