"""A password of PostgreSQL in a file beside its URL: the next connection has it (docs/security.md)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
from django.db import OperationalError
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.utils import ConnectionHandler
from psycopg import sql

from ghasi.database.url import database_from_env
from ghasi.env import Env

ROLE = "rotated"


@pytest.fixture
def admin(database_url: str) -> Iterator[psycopg.Connection]:
    """A superuser's connection; there is a role with the password "first"."""
    name = sql.Identifier(ROLE)
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD 'first'").format(name))
        try:
            yield connection
        finally:
            connection.execute(sql.SQL("DROP ROLE {}").format(name))


class Mounted:
    """DATABASE_PASSWORD_FILE and the connection that a process makes with it."""

    def __init__(self, path: Path, mode: int) -> None:
        self.path, self.mode = path, mode

    def write(self, password: str) -> None:
        self.path.unlink(missing_ok=True)
        self.path.write_text(f"{password}\n")
        self.path.chmod(self.mode)

    def connection(self, database_url: str, password: str = "") -> BaseDatabaseWrapper:
        place = urlsplit(database_url)
        url = f"postgresql://{ROLE}{password and ':' + password}@{place.hostname}:{place.port}{place.path}"
        env = Env({"DATABASE_URL": url, "DATABASE_PASSWORD_FILE": str(self.path)})
        return ConnectionHandler({"default": database_from_env(env, conn_max_age=60)})["default"]


# 0440 is how Kubernetes mounts a secret for a user that is not root, 0444 how docker/make-secrets.sh makes one.
@pytest.fixture(params=[0o400, 0o440, 0o444], ids=oct)
def mounted(request: pytest.FixtureRequest, tmp_path: Path) -> Mounted:
    found = Mounted(tmp_path / "database-password", request.param)
    found.write("first")
    return found


def test_the_next_connection_has_the_password_that_the_file_says(
    admin: psycopg.Connection, database_url: str, mounted: Mounted
) -> None:
    connection = mounted.connection(database_url)
    try:
        connection.ensure_connection()
        admin.execute(sql.SQL("ALTER ROLE {} PASSWORD 'second'").format(sql.Identifier(ROLE)))
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        connection.close()
        with pytest.raises(OperationalError, match="password"):
            connection.ensure_connection()
        mounted.write("second")
        connection.ensure_connection()
    finally:
        connection.close()


def test_the_file_is_believed_and_not_the_url(admin: psycopg.Connection, database_url: str, mounted: Mounted) -> None:
    connection = mounted.connection(database_url, password="other")
    try:
        connection.ensure_connection()
    finally:
        connection.close()


def test_while_the_file_is_away_the_last_password_counts(
    admin: psycopg.Connection, database_url: str, mounted: Mounted
) -> None:
    connection = mounted.connection(database_url)
    try:
        mounted.path.unlink()
        connection.ensure_connection()
    finally:
        connection.close()
