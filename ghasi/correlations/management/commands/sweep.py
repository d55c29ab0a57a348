"""`manage.py sweep`: parts without a final receipt for 72 hours become EXPIRED (docs/contract.md §8)."""

from __future__ import annotations

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.utils import timezone

from ghasi.correlations.management.alone import alone
from ghasi.correlations.sweep import count_due, expire_correlations
from ghasi.management.exits import servers_needed


class Command(BaseCommand):
    help = (
        "Sets parts of which nothing final was heard for 72 hours to EXPIRED. Safe to run twice and at once; run it "
        "every 15 minutes. The workers' upkeep does the same. Exit codes: 0 done, 2 wrong usage or settings, "
        "3 PostgreSQL not reached or refused, or another run at it for longer than 10 s."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="count them and change nothing")
        parser.add_argument("--json", action="store_true", help="one JSON object on stdout")

    def handle(self, *args: Any, **options: Any) -> None:
        dry = options["dry_run"]
        with servers_needed(), alone():
            expired = count_due(timezone.now()) if dry else expire_correlations(timezone.now())
        if options["json"]:
            self.stdout.write(json.dumps({"expired": expired, "dryRun": dry}))
        else:
            self.stdout.write(f"{'would expire' if dry else 'expired'} {expired} parts")
