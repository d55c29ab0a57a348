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
from ghasi.correlations import audit, doubles, statements
from ghasi.correlations.accountant import Accountant
from ghasi.correlations.accounting import Position
from ghasi.correlations.command_reader import Unreadable, read_positions
from ghasi.management.exits import EXIT_AWAY, EXIT_NO, EXIT_USAGE, servers_needed

A = TypeVar("A")
R = TypeVar("R")
CONNECT_WAIT = 5.0


class Command(BaseCommand):
    help = (
        "Compares what was taken with what became of it, for the commands JetStream stored in a span of time. "
        "Exit codes: 0 it holds, 1 it does not, 2 wrong usage or settings, 3 NATS or PostgreSQL not reached, or a "
        "stream that cannot be read."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--since", help="beginning of the span, ISO 8601 (UTC where no zone is given)")
        parser.add_argument("--until", help="its end, now by default; both are taken to whole minutes")
        parser.add_argument("--last", help="instead: the span up to now, such as 90m, 1h, 2d")
        parser.add_argument("--operator", action="append", default=[], help="operator id (UUID); all without one")
        parser.add_argument("--acknowledge", action="store_true", help="what was found is known: end the alarm")
        parser.add_argument("--dry-run", action="store_true", help="with --acknowledge: acknowledge nothing")
        parser.add_argument("--json", action="store_true", help="one JSON object on stdout")

    def handle(self, *args: Any, **options: Any) -> None:
        now = datetime.now(UTC)
        try:
            span = audit.span(now, options["since"], options["until"], options["last"])
            chosen = [UUID(one) for one in options["operator"]]
        except ValueError as error:
            raise CommandError(str(error), returncode=EXIT_USAGE) from None
        try:
            with servers_needed():
                report = self._audit(span, chosen)
                if options["acknowledge"] and not options["dry_run"]:
                    statements.acknowledge(chosen, now)
        except Unreadable as error:
            raise CommandError(str(error), returncode=EXIT_AWAY) from None
        told = json.dumps(report.as_json()) if options["json"] else "\n".join(report.in_words())
        self.stdout.write(told)
        if not report.holds:
            raise SystemExit(EXIT_NO)

    def _audit(self, span: audit.Span, chosen: list[UUID]) -> audit.Report:
        positions = async_to_sync(_bring_up_to_date)(chosen)
        while doubles.sweep_doubles(datetime.now(UTC), behind=timedelta(0)):
            pass
        found = [
            one for one in statements.balances(span.since, span.until) if not chosen or one.operator_id in chosen
        ]
        return audit.Report(span, found, positions, statements.marks())


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
