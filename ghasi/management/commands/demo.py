"""`manage.py demo`: the whole connector on this machine with sample messages (`make demo`)."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from rich.console import Console

from ghasi.devstack import demo
from ghasi.devstack.ending import ends_on_signal, wait_for_signal
from ghasi.devstack.errors import DevstackError
from ghasi.devstack.paths import RUN_ROOT
from ghasi.devstack.stack import Options, Stack
from ghasi.devstack.view import line


class Command(BaseCommand):
    help = (
        "Start servers, simulated operators and every process of the connector, and send about 60 sample messages. "
        "Exit codes: 0 done, 1 not started, or with --exit an outcome is not as expected, 130 ended by Ctrl-C."
    )
    requires_system_checks: list[str] = []  # noqa: RUF012 - Django's own attribute

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--exit", action="store_true", help="stop at the end; exit code 0 only if all outcomes are as expected"
        )

        parser.add_argument(
            "--run-dir", type=Path, default=RUN_ROOT / "demo", metavar="DIR", help="where it all lives"
        )

    def handle(self, *_: Any, **options: Any) -> None:
        console = Console()
        try:
            with ends_on_signal():
                succeeded = self._run(console, options["run_dir"], stay=not options["exit"])
        except DevstackError as error:
            raise CommandError(str(error)) from error
        except KeyboardInterrupt:
            sys.exit(130)
        if not succeeded:
            raise CommandError(f"not every message reached its outcome; logs are in {options['run_dir'] / 'logs'}")

    def _run(self, console: Console, run_dir: Path, *, stay: bool) -> bool:
        stack = Stack.start(run_dir, Options(fresh=True, say=lambda text: line(console, text)))
        try:
            stack.await_bound()
            succeeded = asyncio.run(demo.run(stack, console))
            if stay:
                self._stay(console, stack)
        finally:
            line(console, "stopping")
            stack.stop()
            stack.servers.postgres.remove_data()
        return succeeded

    def _stay(self, console: Console, stack: Stack) -> None:
        line(console, "")
        line(console, f"admin    {stack.admin_login}")
        line(console, f"gateway  {stack.gateway_url}/sessions")
        line(console, f"logs     {stack.path / 'logs'}")
        line(console, "Ctrl-C stops everything.")
        try:
            wait_for_signal()
        except KeyboardInterrupt:
            line(console, "")
