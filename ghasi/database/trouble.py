"""What an error of the database means, in words for a page: never its own text, which may quote what it choked on."""

from __future__ import annotations

from django.db import Error, InterfaceError, OperationalError

IN_TIME = "the database does not answer in time"
AWAY = "the database cannot be reached"

# PostgreSQL's appendix "Error codes": query_canceled, lock_not_available.
_SLOW = frozenset({"57014", "55P03"})
# Connection exceptions, a server that shuts down or starts, no connection left.
_GONE = ("08", "57P", "53300")


def said(error: Error) -> str:
    """`IN_TIME`, `AWAY`, or the kind of the error where neither is true."""
    state = getattr(error.__cause__, "sqlstate", None)
    if state in _SLOW:
        return IN_TIME
    # Where no connection came about, or it broke, the server gave no state.
    if isinstance(error, OperationalError | InterfaceError) and (state is None or state.startswith(_GONE)):
        return AWAY
    return f"the database answers {type(error.__cause__ or error).__name__}"
