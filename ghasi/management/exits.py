"""What the exit codes of all commands mean (docs/commands.md, "Exit codes")."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.core.management.base import CommandError
from django.db import DatabaseError, InterfaceError

from ghasi.bus import BusError
from ghasi.env import SettingsError

EXIT_NO = 1
"""It was done and the answer is no: something is wrong, refused, unknown, not agreed to, or ended otherwise."""
EXIT_USAGE = 2
"""Nothing was begun: wrong usage or settings, or a person who may not."""
EXIT_AWAY = 3
"""A server was not reached, or would not do what it was asked."""
EXIT_OPEN = 4
"""It was given, and nobody has answered yet: what becomes of it is not known here."""
EXIT_INTERRUPTED = 130


@contextmanager
def servers_needed() -> Iterator[None]:
    """Inside, NATS or PostgreSQL that is away ends the command with EXIT_AWAY. One that is not named at all is a
    SettingsError and stays one, though Django has it for an error of the database, too."""
    try:
        yield
    except SettingsError:
        raise
    except BusError as error:
        raise CommandError(str(error), returncode=EXIT_AWAY) from None
    except (DatabaseError, InterfaceError) as error:
        raise CommandError(f"PostgreSQL: {type(error).__name__}", returncode=EXIT_AWAY) from None
