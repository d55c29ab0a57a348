"""New columns of the ledger beside its traffic: for migrations (docs/architecture.md, ledger).

Columns without a default: no row is rewritten, and a version that does not know them goes on. The lock is asked for
again and again, each time for as long as traffic may stand still, because whoever comes after a lock that waits
waits too.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from django.db import OperationalError

LEDGER = "smpp.message_correlations"
LOCK_TIMEOUT = "2s"
TRIES = 30
_AGAIN = {"55P03", "40P01"}
"""The lock was not to be had in time, or not without a deadlock."""


def add(columns: Mapping[str, str]) -> str:
    """What adds columns, given by name and type; those that are there already stay."""
    return ", ".join(f"ADD COLUMN IF NOT EXISTS {name} {kind}" for name, kind in columns.items())


def drop(columns: Mapping[str, str]) -> str:
    return ", ".join(f"DROP COLUMN IF EXISTS {name}" for name in columns)


def altering(what: str, table: str = LEDGER) -> Callable[[Any, Any], None]:
    """A step of a migration that is not atomic."""
    return lambda _apps, schema_editor: alter(schema_editor, what, table)


def alter(schema_editor: Any, what: str, table: str = LEDGER) -> None:
    """Raises OperationalError where the lock was never to be had."""
    for left in range(TRIES - 1, -1, -1):
        try:
            with schema_editor.connection.cursor() as cursor:
                # One statement, so one transaction, in which the setting is local.
                cursor.execute(
                    f"BEGIN; SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'; ALTER TABLE {table} {what}; COMMIT"
                )
        except OperationalError as error:
            with schema_editor.connection.cursor() as cursor:
                cursor.execute("ROLLBACK")
            if not left or getattr(error.__cause__, "sqlstate", None) not in _AGAIN:
                raise
            time.sleep(1.0)
        else:
            return
