"""`manage.py operator_management FILE.yaml`: a stand-in for the platform's operator management."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from ghasi.management.commands.simulate import read_scenario
from ghasi.simulator.runner import serve_management


class Command(BaseCommand):
    help = (
        "Serve the SMPP credentials of a scenario's operators over HTTP, as operator management does, until SIGTERM "
        "or Ctrl-C. Scripted failures: docs/simulator.md. Exit codes: 0 ended, 1 cannot listen, 2 wrong usage."
    )
    requires_system_checks: list[str] = []  # noqa: RUF012 - Django's own attribute

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", nargs="?", type=Path, metavar="FILE.yaml")
        parser.add_argument("--port", type=int, metavar="N", help="instead of the file's port; 0: a free one")
        parser.add_argument("--token", metavar="T", help="instead of the file's management.token")
        parser.add_argument("--ports-from", type=Path, metavar="F", help="the simulator's --port-file, for ports 0")
        parser.add_argument("--port-file", type=Path, metavar="F", help='JSON {"management": port}, once listening')
        parser.add_argument("--log", type=Path, metavar="DIR", help="append DIR/operator-management.jsonl")

    def handle(self, *_: Any, **options: Any) -> None:
        scenario = read_scenario(options["file"])
        try:
            asyncio.run(
                serve_management(
                    scenario,
                    port=options["port"],
                    token=options["token"],
                    ports_from=options["ports_from"],
                    log=options["log"],
                    port_file=options["port_file"],
                    say=self._say,
                )
            )
        except OSError as error:
            raise CommandError(f"cannot listen: {error}") from error

    def _say(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()
