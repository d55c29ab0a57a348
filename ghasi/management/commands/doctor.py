"""`manage.py doctor`: what is wrong with the installation, on what evidence, and what helps (docs/commands.md)."""

from __future__ import annotations

import json
from typing import Any

from asgiref.sync import async_to_sync
from django.core.management.base import BaseCommand, CommandError, CommandParser

from ghasi.doctor.findings import Finding, Severity
from ghasi.doctor.run import examine, worst_first
from ghasi.doctor.surroundings import Surroundings
from ghasi.env import Env
from ghasi.management.exits import EXIT_NO, EXIT_USAGE
from ghasi.management.person import progress


class Command(BaseCommand):
    help = (
        "Looks at settings, NATS, PostgreSQL, Redis, processes, operators, certificates and clocks, changes nothing "
        "and binds nowhere, and says of each fault what to do. Exit codes: 0 nothing but notes, 1 errors or "
        "warnings, 2 wrong usage. What was not looked at for want of a setting is a note."
    )
    requires_system_checks: list[str] = []  # noqa: RUF012 - Django's own attribute

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--nats-monitor",
            action="append",
            default=[],
            metavar="URL",
            help="monitoring page of a NATS server, such as http://nats:8222; NATS_MONITOR_URL otherwise",
        )
        parser.add_argument("--timeout", type=float, default=5.0, help="seconds for each server and operator")
        parser.add_argument("--json", action="store_true", help="one JSON object on stdout")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["timeout"] <= 0:
            raise CommandError("--timeout must be more than 0", returncode=EXIT_USAGE)
        monitors = tuple(one.rstrip("/") for one in options["nats_monitor"])
        around = Surroundings.of(Env(), timeout=options["timeout"], monitors=monitors)
        with progress("checked", quiet=options["json"]) as tell:
            found = worst_first(async_to_sync(examine)(around, tell))
        bad = [one for one in found if one.severity is not Severity.NOTE]
        if options["json"]:
            told = {"healthy": not bad, "complete": not any(one.unseen for one in found)}
            self.stdout.write(json.dumps({**told, "findings": [one.as_json() for one in found]}))
        else:
            self._say(found, bad)
        if bad:
            raise SystemExit(EXIT_NO)

    def _say(self, found: list[Finding], bad: list[Finding]) -> None:
        style = {Severity.ERROR: self.style.ERROR, Severity.WARNING: self.style.WARNING}
        for one in found:
            word = style.get(one.severity, self.style.NOTICE)(one.severity.value)
            self.stdout.write(f"{word} {one.name}  {one.where}: {one.evidence}\n    {one.cure}")
        unseen = sorted({one.where for one in found if one.unseen})
        if not bad and not unseen:
            self.stdout.write("nothing is wrong")
        elif unseen:
            self.stdout.write(f"not everything was looked at, see the notes on {', '.join(unseen)}")
