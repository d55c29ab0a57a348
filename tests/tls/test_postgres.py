"""DATABASE_URL with libpq's TLS parameters, on a PostgreSQL that takes nothing else (`make tls`)."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest
import trustme
from django.db.utils import ConnectionHandler

from ghasi.database.url import database_from_url
from tests.tls.conftest import PASSWORD, Files


@pytest.fixture
def address(postgres_port: int) -> str:
    return f"postgresql://ghasi:{PASSWORD}@127.0.0.1:{postgres_port}/postgres"


@pytest.fixture
def trusted(files: Files) -> str:
    cert, key = files.issue("worker", "worker@example.org")
    return f"sslmode=verify-full&sslrootcert={files.ca}&sslcert={cert}&sslkey={key}"


def one_row(url: str) -> tuple[str, bool]:
    """By Django, as every process of ours connects: the protocol, and whether a client certificate was shown."""
    databases = ConnectionHandler({"default": database_from_url(url, conn_max_age=0)})
    connection = databases["default"]
    try:
        with connection.cursor() as cursor:
            cursor.execute("select version, client_dn is not null from pg_stat_ssl where pid = pg_backend_pid()")
            found: tuple[str, bool] = cursor.fetchone()
            return found
    finally:
        connection.close()


def test_django_connects_over_mutual_tls(address: str, trusted: str) -> None:
    version, shown = one_row(f"{address}?{trusted}")
    assert version in ("TLSv1.2", "TLSv1.3")
    assert shown


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    path = tmp_path / "other.crt"
    trustme.CA().cert_pem.write_to_path(path)
    return path


def test_what_is_not_tls_or_not_trusted_is_refused(address: str, trusted: str, files: Files, elsewhere: Path) -> None:
    wrong = [
        f"{address}?sslmode=disable",
        f"{address}?sslmode=verify-full&sslrootcert={files.ca}",
        f"{address}?{trusted}".replace(str(files.ca), str(elsewhere)),
        f"{address}?{trusted}".replace("127.0.0.1", "localhost"),
    ]
    for url in wrong:
        with pytest.raises(Exception, match="connection") as caught:
            one_row(url)
        assert isinstance(caught.value.__cause__, psycopg.OperationalError)
        assert PASSWORD not in str(caught.value)
