"""`manage.py audit`: whether the books hold, and which messages they cannot explain (docs/operations.md, "Audit")."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID

from asgiref.sync import async_to_sync, sync_to_async
from django.core.management.base import BaseCommand, CommandError, CommandParser

from ghasi.bus import Bus, BusSettings
from ghasi.correlations import acknowledging, audit, doubles, statements
from ghasi.correlations.accountant import Accountant
from ghasi.correlations.accounting import Position
from ghasi.correlations.acknowledging import Findings
from ghasi.correlations.command_reader import Unreadable, read_positions
from ghasi.management.exits import EXIT_AWAY, EXIT_NO, EXIT_USAGE, servers_needed
from ghasi.management.person import agreed, counted
from ghasi.operators.actions import Result
from ghasi.operators.ordering import KIND
from ghasi.operators.shell import noted

A = TypeVar("A")
R = TypeVar("R")
CONNECT_WAIT = 5.0
ACKNOWLEDGE = "accounting.acknowledge"
"""As the list of what the staff did has it, an entry for each operator."""


class Command(BaseCommand):
    help = (
        "Compares what was taken with what became of it, for the commands JetStream stored in a span of time. "
        "With --acknowledge it ends the alarm for what it named. Exit codes: 0 it holds, 1 it does not, or was not "
        "agreed to, 2 wrong usage or settings, 3 NATS or PostgreSQL not reached, or a stream that cannot be read."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--since", help="beginning of the span, ISO 8601 (UTC where no zone is given)")
        parser.add_argument("--until", help="its end, now by default; both are taken to whole minutes")
        parser.add_argument("--last", help="instead: the span up to now, such as 90m, 1h, 2d")
        parser.add_argument("--operator", action="append", default=[], help="operator id (UUID); all without one")
        parser.add_argument(
            "--acknowledge", action="store_true", help="what the span names is known: end the alarm for it"
        )
        parser.add_argument(
            "--reason",
            default="",
            help="why it may end, kept in the list of what the staff did; no numbers, no texts",
        )
        parser.add_argument("--dry-run", action="store_true", help="with --acknowledge: acknowledge nothing")
        parser.add_argument("--yes", action="store_true", help="with --acknowledge: do not ask")
        parser.add_argument("--json", action="store_true", help="one JSON object on stdout")

    def handle(self, *args: Any, **options: Any) -> None:
        now, acknowledges = datetime.now(UTC), options["acknowledge"]
        try:
            span = audit.span(now, options["since"], options["until"], options["last"])
            chosen = [UUID(one) for one in options["operator"]]
            if acknowledges and not options["dry_run"] and not options["reason"].strip():
                raise ValueError("--acknowledge needs --reason")
        except ValueError as error:
            raise CommandError(str(error), returncode=EXIT_USAGE) from None
        try:
            with servers_needed():
                told = self._told(span, chosen, options)
        except Unreadable as error:
            raise CommandError(str(error), returncode=EXIT_AWAY) from None
        if options["json"]:
            self.stdout.write(json.dumps(told))
        if not told["holds"]:
            raise SystemExit(EXIT_NO)

    def _told(self, span: audit.Span, chosen: list[UUID], options: dict[str, Any]) -> dict[str, Any]:
        positions = async_to_sync(_bring_up_to_date)(chosen)
        while doubles.sweep_doubles(datetime.now(UTC), behind=timedelta(0)):
            pass
        # Before the balances, so that nothing is acknowledged which they do not name.
        findings = acknowledging.find(span.since, span.until, chosen)
        balances = statements.balances(span.since, span.until)
        found = [one for one in balances if not chosen or one.operator_id in chosen]
        report = audit.Report(span, found, positions, statements.marks())
        if not options["json"]:
            self.stdout.write("\n".join(report.in_words()))
        if not options["acknowledge"]:
            return report.as_json()
        known = 0 if options["dry_run"] else self._acknowledge(findings, span, options)
        left = acknowledging.elsewhere(span.since, span.until, chosen)
        if not options["json"]:
            would = f"would acknowledge {len(findings)}" if options["dry_run"] else f"acknowledged {known}"
            self.stdout.write(f"{would}; nobody has acknowledged {left} outside this span")
        return {**report.as_json(), "toAcknowledge": len(findings), "acknowledged": known, "leftOutside": left}

    def _acknowledge(self, findings: Findings, span: audit.Span, options: dict[str, Any]) -> int:
        """How many it took out of the alarm. Raises CommandError: not agreed to."""
        if not findings:
            return 0
        if not agreed(f"Acknowledge {counted(len(findings), 'finding')}?", yes=options["yes"]):
            raise CommandError("nothing was acknowledged", returncode=EXIT_NO)
        at = datetime.now(UTC)
        detail = {"since": span.since.isoformat(), "until": span.until.isoformat()}
        targets = {operator_id: str(operator_id) for operator_id in findings.counts}
        with noted(ACKNOWLEDGE, KIND, targets.values(), reason=options["reason"], detail=detail, at=at) as entries:
            known = acknowledging.acknowledge(findings, at)
            entries.details.update({targets[one]: count._asdict() for one, count in known.items()})
            entries.others = Result.REFUSED
            entries.results.update({targets[one]: Result.DONE for one in known})
        return acknowledging.total(known)


async def _bring_up_to_date(chosen: list[UUID]) -> dict[UUID, Position]:
    """The books as of this moment, and where JetStream stands."""
    bus = await Bus.connect(BusSettings.from_env(), name="audit", wait=CONNECT_WAIT)
    try:
        found = {one.operator_id: one for one in (await read_positions(bus)).values()}
        positions = {one: found[one] for one in found if not chosen or one in chosen}
        for operator_id, position in positions.items():
            await Accountant(bus, str(operator_id), _on_thread).turn(position, at_once=True)
    finally:
        await bus.close()
    return positions


def _on_thread(function: Callable[[A], R], argument: A) -> Awaitable[R]:
    """Back on the thread of the command, which has the connection."""
    return sync_to_async(function, thread_sensitive=True)(argument)
