"""PostgreSQL: whether it keeps what it confirmed, has room for our connections, and lets us do our work."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from django.db import connection, connections
from django.db.migrations.loader import MigrationLoader
from django.utils import timezone

from ghasi.correlations.partitions import AHEAD_DAYS, existing_days, ledger_day
from ghasi.doctor.findings import Finding, Findings

OLDEST = 140_000
NEARLY = 0.8
APPLICATION = "smpp-connector"
SERVER = "PostgreSQL"

_SETTINGS = """
SELECT name, setting FROM pg_settings
WHERE name IN ('fsync', 'full_page_writes', 'synchronous_commit', 'autovacuum', 'max_connections',
               'superuser_reserved_connections')
"""
_ROOM = """
SELECT (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'),
       (SELECT count(*) FROM pg_stat_activity WHERE usename = current_user),
       (SELECT rolconnlimit FROM pg_roles WHERE rolname = current_user)
"""
_STANDBYS = """
SELECT coalesce(application_name, '?') FROM pg_stat_replication WHERE sync_state = 'async' ORDER BY 1
"""
_RIGHTS = """
SELECT n.nspname || '.' || c.relname, need
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace,
     unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE']) AS need
WHERE n.nspname = 'smpp' AND c.relkind IN ('r', 'p') AND NOT c.relispartition
  AND NOT has_table_privilege(c.oid, need)
ORDER BY 1, 2
"""
_MAKE = "SELECT has_schema_privilege('smpp', 'CREATE'), has_schema_privilege('smpp', 'USAGE')"
_SCHEMA = "SELECT 1 FROM pg_namespace WHERE nspname = 'smpp'"


def server() -> Findings:
    """Raises DatabaseError."""
    [(version, standby)] = _fetch("SELECT current_setting('server_version_num')::int, pg_is_in_recovery()")
    if version < OLDEST:
        yield Finding("postgres.version", SERVER, f"{version // 10_000}")
    if standby:
        yield Finding("postgres.standby", SERVER, "it is in recovery: reads only")
    set_to = dict(_fetch(_SETTINGS))
    for name in ("fsync", "full_page_writes", "autovacuum"):
        if set_to.get(name) == "off":
            yield Finding(f"postgres.{name}", SERVER, f"{name} = off")
    if set_to.get("synchronous_commit") in ("off", "local"):
        yield Finding("postgres.synchronous_commit", SERVER, f"synchronous_commit = {set_to['synchronous_commit']}")
    for (name,) in _fetch(_STANDBYS):
        yield Finding("postgres.async_standby", SERVER, f"standby {name} is asynchronous")
    yield from _room(set_to)


def _room(set_to: dict[str, str]) -> Findings:
    [(used, ours, limit)] = _fetch(_ROOM)
    most = int(set_to["max_connections"]) - int(set_to["superuser_reserved_connections"])
    if used > NEARLY * most:
        yield Finding("postgres.connections", SERVER, f"{used} of {most} connections are taken")
    if limit is not None and limit >= 0 and ours > NEARLY * limit:
        yield Finding("postgres.connections", SERVER, f"{ours} of the role's {limit} connections are taken")


def schema(retention_days: int) -> Findings:
    """Migrations, partitions, rights. Raises DatabaseError."""
    loader = MigrationLoader(connection)
    names = [".".join(key) for key in sorted(set(loader.graph.nodes) - set(loader.applied_migrations))]
    if names:
        more = f" and {len(names) - 3} more" if len(names) > 3 else ""
        yield Finding("postgres.migrations", SERVER, f"not applied: {', '.join(names[:3])}{more}")
    if not _fetch(_SCHEMA):
        return
    [(make, use)] = _fetch(_MAKE)
    if not (make and use):
        yield Finding("postgres.permissions", "schema smpp", "no CREATE: days cannot be made" if use else "no USAGE")
    lacking: dict[str, list[str]] = {}
    for table, need in _fetch(_RIGHTS):
        lacking.setdefault(table, []).append(need)
    for table, needs in lacking.items():
        yield Finding("postgres.permissions", table, f"no {', '.join(needs)}")
    if use:
        yield from _partitions(retention_days)


def _partitions(retention_days: int) -> Findings:
    now = timezone.now()
    today = ledger_day(now)
    kept = {(day - today).days for day in existing_days()}
    missing = [n for n in range(-retention_days, AHEAD_DAYS + 1) if n not in kept]
    ahead = [n for n in missing if n >= 0]
    if ahead:
        yield Finding(
            "postgres.partitions", "smpp.message_correlations", f"{len(ahead)} of today and the days ahead miss"
        )
    elif missing:
        yield Finding(
            "postgres.partitions", "smpp.message_correlations", f"{len(missing)} days of the retention miss"
        )
    old = [n for n in kept if -n > retention_days + 1]
    if old:
        yield Finding("postgres.partitions", "smpp.message_correlations", f"{len(old)} days are past the retention")


def clock() -> tuple[float, float]:
    """Its clock less ours in seconds, and how far that may be off. Raises DatabaseError."""
    began = time.time()
    [(its,)] = _fetch("SELECT extract(epoch FROM clock_timestamp())::float8")
    ended = time.time()
    return its - (began + ended) / 2, (ended - began) / 2


def close() -> None:
    """Of the thread that asked."""
    connections.close_all()


def _fetch(statement: str) -> Sequence[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return list(cursor.fetchall())
