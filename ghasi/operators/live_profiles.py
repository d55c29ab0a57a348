"""Live profiles for commands that do without a database where there is none."""

from __future__ import annotations

from django.db import DatabaseError, InterfaceError

from ghasi.database.base import NoDatabase
from ghasi.profiles.record import ProfileRecord


class LiveUnread(Exception):
    """Live profiles cannot be read; its text says why. `configured` is False where no database is set at all."""

    def __init__(self, why: str, *, configured: bool) -> None:
        super().__init__(why)
        self.configured = configured


def live_record(name: str) -> ProfileRecord | None:
    """The live profile of a name as the database has it. Raises LiveUnread."""
    # Models are loaded where a database is asked for, so that other commands need none of them.
    from ghasi.operators.models import Profile

    try:
        row = Profile.objects.filter(name=name).first()
    except NoDatabase:
        raise LiveUnread("DATABASE_URL is not set", configured=False) from None
    except (DatabaseError, InterfaceError) as error:
        raise LiveUnread(f"PostgreSQL: {type(error).__name__}", configured=True) from None
    return None if row is None else ProfileRecord(row.name, row.version, row.document, row.updated_at.timestamp())
