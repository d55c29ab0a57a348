"""`manage.py partitions`: the ledger's days made ahead and dropped after their retention."""

from __future__ import annotations

import json
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser
from django.utils import timezone

from ghasi.correlations.partitions import AHEAD_DAYS, drop_old, ensure_partitions


class Command(BaseCommand):
    help = (
        "Makes the day partitions of the retention and of the days ahead, drops those past it. Safe to run twice and "
        "at once; run it daily. The workers' upkeep does the same."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--retention-days", type=int, default=settings.LEDGER_RETENTION_DAYS)
        parser.add_argument("--ahead", type=int, default=AHEAD_DAYS)
        parser.add_argument("--keep-old", action="store_true", help="make days only, drop none")
        parser.add_argument("--json", action="store_true", help="one JSON object on stdout")

    def handle(self, *args: Any, **options: Any) -> None:
        now = timezone.now()
        days = max(options["retention_days"], 7)
        made = ensure_partitions(now, days, options["ahead"])
        dropped = [] if options["keep_old"] else drop_old(now, days)
        if options["json"]:
            told = {"made": [day.isoformat() for day in made], "dropped": [day.isoformat() for day in dropped]}
            self.stdout.write(json.dumps(told))
            return
        self.stdout.write(f"made {len(made)} days, dropped {len(dropped)}")
