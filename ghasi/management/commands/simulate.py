"""`manage.py simulate FILE.yaml`: simulated operators, each an SMSC on its own port (docs/simulator.md)."""

from __future__ import annotations

import argparse
import asyncio
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from ghasi.simulator.config import ConfigError, Scenario, load
from ghasi.simulator.dialects import DIALECTS
from ghasi.simulator.rules import FAULT_HELP, WHEN_HELP
from ghasi.simulator.runner import simulate

_EPILOG = """\
The file describes one or more operators; ghasi/simulator/examples/demo.yaml is one to start from.
Nothing else is needed: no database, no NATS, no environment variables.

  manage.py simulate demo.yaml --log .run/smsc --port-file .run/ports.json
  manage.py simulate demo.yaml --check         reads and checks the file only
  manage.py simulate --list-faults             what rules can do and when
  manage.py simulate --list-dialects           the forms of receipts
"""


class Command(BaseCommand):
    help = (
        "Run simulated operators (SMSCs with scripted faults) from a YAML file until SIGTERM or Ctrl-C. "
        "Exit codes: 0 ended, 1 cannot listen, 2 wrong usage or file."
    )
    requires_system_checks: list[str] = []  # noqa: RUF012 - Django's own attribute

    def add_arguments(self, parser: CommandParser) -> None:
        parser.formatter_class = argparse.RawDescriptionHelpFormatter
        parser.epilog = _EPILOG
        parser.add_argument("file", nargs="?", type=Path, metavar="FILE.yaml")
        parser.add_argument("--port-file", type=Path, metavar="F", help="JSON operatorId → port, once listening")
        parser.add_argument("--log", type=Path, metavar="DIR", help="append DIR/{operatorId}.jsonl")
        parser.add_argument("--seed", type=int, metavar="N", help="instead of the file's seed")
        parser.add_argument("--check", action="store_true", help="check the file and stop")
        parser.add_argument("--list-faults", action="store_true", help="the keys of rules")
        parser.add_argument("--list-dialects", action="store_true", help="the forms of receipts")

    def handle(self, *_: Any, **options: Any) -> None:
        if options["list_faults"]:
            self._list("When a rule applies (all that are given must hold):", WHEN_HELP)
            self._list("What it does:", FAULT_HELP)
        if options["list_dialects"]:
            self._list("Receipts:", {name: dialect.summary for name, dialect in DIALECTS.items()})
        if options["list_faults"] or options["list_dialects"]:
            return
        scenario = read_scenario(options["file"])
        if options["check"]:
            self._say(f"{options['file']}: nothing wrong ({len(scenario.operators)} operators)")
            return
        try:
            asyncio.run(
                simulate(
                    scenario,
                    seed=options["seed"],
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

    def _list(self, title: str, rows: dict[str, str]) -> None:
        width = max(len(name) for name in rows)
        self.stdout.write(f"{title}\n")
        for name, summary in rows.items():
            self.stdout.write(f"  {name:<{width}}  {summary}")
        self.stdout.write("")


def read_scenario(path: Path | None) -> Scenario:
    """The scenario, or one line that says what is wrong with it. Raises CommandError with exit status 2."""
    if path is None:
        raise CommandError("name a scenario file (see --help)", returncode=2)
    try:
        return load(path)
    except ConfigError as error:
        raise CommandError(str(error), returncode=2) from error
