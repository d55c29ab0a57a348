"""Certificates of ours and of servers: which have ended, and which will soon."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit

from ghasi.database.url import database_from_url
from ghasi.doctor.certificates import Unreadable, ends_in, shown_by
from ghasi.doctor.findings import Finding, Findings
from ghasi.doctor.surroundings import Surroundings, host_port, is_local
from ghasi.env import SettingsError

SOON_DAYS = 30
OUR_FILES = (
    "NATS_TLS_CA",
    "NATS_TLS_CERT",
    "REDIS_TLS_CA",
    "REDIS_TLS_CERT",
    "OPERATOR_MGMT_CA",
    "OPERATOR_MGMT_CLIENT_CERT",
)
CLIENTS = {"NATS": "NATS_TLS", "REDIS_URL": "REDIS_TLS", "OPERATOR_MGMT_URL": "OPERATOR_MGMT_CLIENT"}
PORTS = {"nats": 4222, "tls": 4222, "rediss": 6379, "redis": 6379, "https": 443}


def judged(where: str, end: datetime, now: float) -> Findings:
    """What is to be said of a certificate that ends then."""
    days = (end.timestamp() - now) / 86_400
    if days < 0:
        yield Finding("tls.expired", where, f"it ended on {end:%Y-%m-%d}")
    elif days < SOON_DAYS:
        yield Finding("tls.expiring", where, f"it ends on {end:%Y-%m-%d}, in {int(days)} days")


def our_files(around: Surroundings) -> Findings:
    for name in OUR_FILES:
        path = around.setting(name)
        if not path:
            continue
        try:
            yield from judged(name, ends_in(Path(path)), around.now)
        except Unreadable as error:
            yield Finding("settings.invalid", name, str(error))


async def servers(around: Surroundings) -> list[Finding]:
    """Every server that is spoken to with TLS, and what is said to others in the clear."""
    found: list[Finding] = []
    for where, host, port, kind in _spoken_to(around, found):
        client = _client(around, where)
        try:
            end = await shown_by(host, port, around.timeout, kind=kind, client=client)
        except Unreadable as error:
            found.append(Finding("tls.untrusted", where, str(error)))
        else:
            found += judged(where, end, around.now)
    return found


def _client(around: Surroundings, where: str) -> tuple[Path, Path] | None:
    """What we show there."""
    stem = next((name for begin, name in CLIENTS.items() if where.startswith(begin)), "")
    cert, key = around.setting(f"{stem}_CERT"), around.setting(f"{stem}_KEY")
    return (Path(cert), Path(key)) if cert and key else None


def _spoken_to(around: Surroundings, found: list[Finding]) -> Iterator[tuple[str, str, int, str]]:
    nats_tls = bool(around.setting("NATS_TLS_CA") or around.setting("NATS_TLS_CERT"))
    for url in filter(None, around.setting("NATS_URL").split(",")):
        scheme, (host, port) = urlsplit(url.strip()).scheme, host_port(url.strip(), PORTS["nats"])
        if scheme == "tls" or (scheme == "nats" and nats_tls):
            yield f"NATS {host}:{port}", host, port, "nats"
        elif scheme == "nats" and not is_local(host):
            found.append(Finding("tls.plain", f"NATS {host}:{port}", "texts and numbers of commands"))
    for name in ("REDIS_URL", "OPERATOR_MGMT_URL"):
        url = around.setting(name)
        scheme = urlsplit(url).scheme
        if scheme in ("rediss", "https"):
            host, port = host_port(url, PORTS[scheme])
            yield f"{name} {host}:{port}", host, port, "at once"
    for host, port in _postgres(around, found):
        yield f"PostgreSQL {host}:{port}", host, port, "postgres"


def _postgres(around: Surroundings, found: list[Finding]) -> list[tuple[str, int]]:
    """Its hosts where TLS is demanded; hosts elsewhere without it are named in `found`."""
    try:
        database = database_from_url(around.setting("DATABASE_URL"), conn_max_age=0)
    except SettingsError:
        return []
    hosts = [one or "localhost" for one in str(database["HOST"]).split(",")]
    ports = [int(one) if one.isdigit() else 5432 for one in str(database["PORT"]).split(",")]
    places = [(host, ports[min(n, len(ports) - 1)]) for n, host in enumerate(hosts) if not host.startswith("/")]
    if database["OPTIONS"].get("sslmode") in ("require", "verify-ca", "verify-full"):
        return places
    found += [
        Finding("tls.plain", f"PostgreSQL {host}:{port}", "sslmode does not demand TLS; the rows hold numbers")
        for host, port in places
        if not is_local(host)
    ]
    return []
