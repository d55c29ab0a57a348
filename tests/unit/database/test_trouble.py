"""ghasi.database.trouble: what an error of the database is called."""

from __future__ import annotations

import psycopg
import pytest
from django.db import Error, InterfaceError, OperationalError, ProgrammingError
from psycopg import errors

from ghasi.database.trouble import AWAY, IN_TIME, said


def from_server(kind: type[Error], cause: psycopg.Error) -> Error:
    """As Django passes it on."""
    error = kind("SECRET")
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (from_server(OperationalError, errors.QueryCanceled()), IN_TIME),
        (from_server(OperationalError, errors.LockNotAvailable()), IN_TIME),
        (from_server(OperationalError, psycopg.OperationalError("connection failed")), AWAY),
        (from_server(OperationalError, errors.AdminShutdown()), AWAY),
        (from_server(OperationalError, errors.CannotConnectNow()), AWAY),
        (from_server(OperationalError, errors.TooManyConnections()), AWAY),
        (InterfaceError("connection already closed"), AWAY),
        (from_server(ProgrammingError, errors.UndefinedTable()), "the database answers UndefinedTable"),
        (from_server(OperationalError, errors.DiskFull()), "the database answers DiskFull"),
    ],
)
def test_it_is_named_by_its_kind_and_never_quoted(error: Error, words: str) -> None:
    assert said(error) == words
