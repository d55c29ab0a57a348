"""`manage.py sweep`: parts without a final receipt for 72 hours become EXPIRED (docs/contract.md §8)."""

from __future__ import annotations

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.utils import timezone

from ghasi.correlations.sweep import expire_correlations


class Command(BaseCommand):
    help = (
        "Sets parts of which nothing final was heard for 72 hours to EXPIRED. Safe to run twice and at once; run it "
        "every 15 minutes. The workers' upkeep does the same."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="one JSON object on stdout")

    def handle(self, *args: Any, **options: Any) -> None:
        expired = expire_correlations(timezone.now())
        self.stdout.write(json.dumps({"expired": expired}) if options["json"] else f"expired {expired} parts")
