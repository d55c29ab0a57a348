"""DATABASE_URL and DATABASE_PASSWORD (docs/contract.md §12) as a Django database."""

from __future__ import annotations

from typing import Any

from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict

from ghasi.database.password import password_from_env
from ghasi.env import Env, SettingsError

ENGINE = "ghasi.database"
SOURCE = "password_source"
"""Key of a database's settings: what gives the password of the next connection."""
_DJANGO_NAMES = {"dbname": "NAME", "user": "USER", "password": "PASSWORD", "host": "HOST", "port": "PORT"}

_DEFAULTS = {
    "application_name": "smpp-connector",
    "connect_timeout": 5,
    # A host that is gone without a word is noticed within 20 s; the kernel's own patience is a quarter of an hour for
    # a statement on its way and two hours for an answer that is waited for.
    "keepalives_idle": 5,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,
}
"""libpq's parameters where the URL names none; seconds, the last one milliseconds."""


def database_from_env(env: Env, *, conn_max_age: int) -> dict[str, Any]:
    """As `database_from_url`, with DATABASE_PASSWORD in place of a password in the URL. Raises SettingsError."""
    database = database_from_url(env.text("DATABASE_URL", ""), conn_max_age=conn_max_age)
    password = password_from_env(env)
    if password:
        database |= {"PASSWORD": "", SOURCE: password}
    return database


def database_from_url(url: str, *, conn_max_age: int) -> dict[str, Any]:
    """A value for DATABASES from a libpq URL: several hosts, `sslmode` and other parameters included.

    Raises SettingsError, whose text never quotes the URL, because that holds a password. An empty URL gives a
    database that raises SettingsError at its first use: commands that need none (`segment`, `pdu`, …) work without.
    """
    parameters = _parameters(url) if url else {}
    database: dict[str, Any] = {
        "ENGINE": ENGINE,
        "CONN_MAX_AGE": conn_max_age,
        "CONN_HEALTH_CHECKS": True,
        "DISABLE_SERVER_SIDE_CURSORS": True,
    }
    database.update({django: str(parameters.pop(libpq, "")) for libpq, django in _DJANGO_NAMES.items()})
    database["OPTIONS"] = _DEFAULTS | parameters
    return database


def _parameters(url: str) -> dict[str, Any]:
    if not url.startswith(("postgresql://", "postgres://")):
        raise SettingsError("DATABASE_URL: must be a URL that starts with postgresql:// or postgres://")
    try:
        parameters = dict(conninfo_to_dict(url))
    except ProgrammingError:
        raise SettingsError("DATABASE_URL: is not a PostgreSQL connection URL") from None
    if not parameters.get("dbname"):
        raise SettingsError("DATABASE_URL: must name a database after the host")
    return parameters
