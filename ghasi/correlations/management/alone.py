"""Commands that maintain the ledger take turns with the upkeep and with each other."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.core.management.base import CommandError

from ghasi.correlations.partitions import MaintenanceBusy
from ghasi.management.exits import EXIT_AWAY


@contextmanager
def alone() -> Iterator[None]:
    """Inside, an end of the wait for the other run ends the command with EXIT_AWAY: nobody knows here whether the
    other does the same."""
    try:
        yield
    except MaintenanceBusy as busy:
        raise CommandError(f"{busy}: try again later", returncode=EXIT_AWAY) from None
