"""`manage.py partitions`: the ledger's days made ahead and dropped after their retention."""

from __future__ import annotations

import json
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser
from django.utils import timezone

from ghasi.correlations.management.alone import alone
from ghasi.correlations.partitions import AHEAD_DAYS, drop_old, due, ensure_partitions
from ghasi.management.exits import servers_needed


class Command(BaseCommand):
    help = (
        "Makes the day partitions of the retention and of the days ahead, drops those past it. Safe to run twice and "
        "at once; run it daily. The workers' upkeep does the same. Exit codes: 0 done, 2 wrong usage or settings, "
        "3 PostgreSQL not reached or refused, or another run at it for longer than 10 s."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--retention-days", type=int, default=settings.LEDGER_RETENTION_DAYS)
        parser.add_argument("--ahead", type=int, default=AHEAD_DAYS)
        parser.add_argument("--keep-old", action="store_true", help="make days only, drop none")
        parser.add_argument("--dry-run", action="store_true", help="say which days, and change nothing")
        parser.add_argument("--json", action="store_true", help="one JSON object on stdout")

    def handle(self, *args: Any, **options: Any) -> None:
        now, days, ahead = timezone.now(), max(options["retention_days"], 7), options["ahead"]
        with servers_needed(), alone():
            if options["dry_run"]:
                made, old = due(now, days, ahead)
            else:
                made = ensure_partitions(now, days, ahead)
                old = [] if options["keep_old"] else drop_old(now, days)
        dropped = [] if options["keep_old"] else old
        if options["json"]:
            told = {"made": [day.isoformat() for day in made], "dropped": [day.isoformat() for day in dropped]}
            self.stdout.write(json.dumps({**told, "dryRun": options["dry_run"]}))
            return
        would = "would make" if options["dry_run"] else "made"
        drop = "drop" if options["dry_run"] else "dropped"
        self.stdout.write(f"{would} {len(made)} days, {drop} {len(dropped)}")
