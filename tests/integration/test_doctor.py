"""The doctor on a whole installation: nothing where all is well, and each planted fault by its name, with a cure."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ghasi.contracts import subjects
from ghasi.devstack.joining import write_env
from ghasi.devstack.stack import Options, Stack
from ghasi.doctor.findings import RULES
from tests.support import clinic as at
from tests.support import servers as support
from tests.support.clinic import Clinic, Fault
from tests.support.product import ROOT

NOBODY = "00000000-0000-4000-8000-0000000000ff"
NOW = datetime.now(UTC)
WEAK = "postgresql://weak:weak-password@{place}"

CLOSED = "127.0.0.1:9"
MIGRATION = "DELETE FROM django_migrations WHERE app = 'correlations' AND name = '0002_accounting'"
APPLIED = "INSERT INTO django_migrations (app, name, applied) VALUES ('correlations', '0002_accounting', now())"
FAR_DAY = f"smpp.message_correlations_{NOW + timedelta(days=3):%Y%m%d}"


def database(*change: str, back: tuple[str, ...]) -> Fault:
    return at.statements(change, back)


FAULTS: dict[str, tuple[Fault, set[str]]] = {
    "NATS acknowledges before it syncs": (at.no_sync, {"nats.sync_interval"}),
    "dead letters are forgotten when the stream is full": (
        at.stream(subjects.SMPP_DEAD, discard="old"),
        {"nats.stream_drift"},
    ),
    "the receipts are kept for an hour only": (
        at.stream(subjects.SMPP_RECEIPTS, max_age=3600),
        {"nats.stream_drift"},
    ),
    "a consumer gives up after five deliveries": (at.consumer, {"nats.consumer_drift"}),
    "leases live for a minute": (at.stream("KV_smpp_replicas", max_age=60), {"nats.bucket_drift"}),
    "commands for an operator nobody has": (at.stranger, {"nats.unassigned"}),
    "rows are confirmed before they are on disk": (
        database(
            "ALTER DATABASE ghasi SET synchronous_commit = off",
            back=("ALTER DATABASE ghasi RESET synchronous_commit",),
        ),
        {"postgres.synchronous_commit"},
    ),
    "pages may be torn": (
        database(
            "ALTER SYSTEM SET full_page_writes = off",
            "SELECT pg_reload_conf()",
            back=("ALTER SYSTEM RESET full_page_writes", "SELECT pg_reload_conf()"),
        ),
        {"postgres.full_page_writes"},
    ),
    "nothing is vacuumed": (
        database(
            "ALTER SYSTEM SET autovacuum = off",
            "SELECT pg_reload_conf()",
            back=("ALTER SYSTEM RESET autovacuum", "SELECT pg_reload_conf()"),
        ),
        {"postgres.autovacuum"},
    ),
    "a migration was not applied": (database(MIGRATION, back=(APPLIED,)), {"postgres.migrations"}),
    "a day ahead is missing": (
        database(
            f"ALTER TABLE smpp.message_correlations DETACH PARTITION {FAR_DAY}",
            # The upkeep of another test's pool may have put it back.
            back=(
                f"DO $$ BEGIN ALTER TABLE smpp.message_correlations ATTACH PARTITION {FAR_DAY} FOR VALUES FROM "
                f"('{NOW + timedelta(days=3):%Y-%m-%d}') TO ('{NOW + timedelta(days=4):%Y-%m-%d}'); "
                "EXCEPTION WHEN wrong_object_type THEN NULL; END $$",
            ),
        ),
        {"postgres.partitions"},
    ),
    "Redis evicts keys": (at.evicting, {"redis.eviction"}),
    "Redis is away": (at.setting(REDIS_URL=f"redis://{CLOSED}/0"), {"redis.unreachable"}),
    "the server is no cluster": (at.setting(REDIS_CLUSTER="1"), {"redis.cluster"}),
    "NATS is away": (at.setting(NATS_URL=f"nats://{CLOSED}"), {"nats.unreachable"}),
    "NATS does not let it ask": (at.narrow, {"nats.permissions"}),
    "PostgreSQL is away": (at.setting(DATABASE_URL=f"postgresql://x:y@{CLOSED}/x"), {"postgres.unreachable"}),
    "a gateway's clock is a minute late": (
        at.both(at.replica("gw-late"), at.session("gw-late")),
        {"clocks.skew_large"},
    ),
    "a gateway holds a slot and lives no more": (
        at.key(subjects.BUCKET_SLOTS, "{op}.7", lambda _: {"replica": "gw-gone", "epoch": "e0", "since": 0.0}),
        {"gateways.no_lease"},
    ),
    "a gateway of another release": (at.replica("gw-old", version="0.0.9"), {"processes.versions"}),
    "gateways with differing operators": (at.replica("gw-odd", operatorIds=[NOBODY]), {"gateways.operators"}),
    "two gateways, each told to be the only one": (
        at.both(at.replica("gw-two"), at.setting(GATEWAY_SOLE="1")),
        {"gateways.sole"},
    ),
    "an operator nobody was told of": (
        at.setting(OPERATOR_IDS=NOBODY),
        {"gateways.none", "workers.operators", "nats.consumer_missing", "operators.credentials"},
    ),
    "operator management refuses the token": (at.answering(401), {"operators.credentials"}),
    "an operator's port is closed": (at.answering(), {"operators.unreachable"}),
    "an operator's certificate has ended": (at.tls_operator(NOW - timedelta(days=2)), {"tls.expired"}),
    "an operator's certificate ends in a week": (at.tls_operator(NOW + timedelta(days=7)), {"tls.expiring"}),
    "others may read the token": (at.open_file, {"files.permissions"}),
    "the gateway stops before its answers come": (at.setting(SHUTDOWN_DEADLINE="10"), {"settings.contradiction"}),
    "a setting that is no number": (at.setting(LEDGER_RETENTION_DAYS="month"), {"settings.invalid"}),
    "a crash point is set": (at.setting(FAULT_POINT="dispatch.acked"), {"settings.test_only"}),
}


@pytest.fixture(scope="module")
def clinic(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clinic]:
    stack = Stack.start(support.new_run_dir(), Options(web=False))
    try:
        stack.await_bound()
        yield Clinic(stack, tmp_path_factory.mktemp("clinic"), stack.env(), [stack.servers.nats.monitor_url])
    finally:
        support.keep_logs(stack.servers.run, request.session)
        stack.discard()


async def doctor(clinic: Clinic, *argv: str, **env: str) -> tuple[int | None, str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "manage.py",
        "doctor",
        *argv,
        env={**clinic.env, **env},
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
    )
    out, _ = await process.communicate()
    return process.returncode, out.decode()


async def test_a_healthy_installation_has_nothing(clinic: Clinic) -> None:
    assert await clinic.examine() == []


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_planted_fault_is_found_by_its_name(clinic: Clinic, fault: str) -> None:
    plant, names = FAULTS[fault]
    async with plant(clinic):
        found = await clinic.examine()
    assert {one.name for one in found} == names, found
    assert all(one.where and one.evidence and one.cure for one in found)
    secrets = [clinic.stack.settled.token, clinic.stack.servers.endpoints.password]
    assert not any(secret in str(one) for secret in secrets for one in found)


async def test_it_is_healthy_again_after_all_of_them(clinic: Clinic) -> None:
    assert await clinic.examine() == []


async def test_a_role_without_rights_is_told_which(clinic: Clinic) -> None:
    place = clinic.env["DATABASE_URL"].rpartition("@")[2]
    clinic.sql(
        "CREATE ROLE weak LOGIN PASSWORD 'weak-password'",
        "GRANT USAGE ON SCHEMA smpp TO weak",
        "GRANT SELECT ON ALL TABLES IN SCHEMA smpp, public TO weak",
    )
    try:
        async with clinic.given(DATABASE_URL=WEAK.format(place=place)):
            found = {one.where: one.evidence for one in await clinic.examine()}
    finally:
        clinic.sql("DROP OWNED BY weak", "DROP ROLE weak")
    assert found["smpp.message_correlations"] == "no DELETE, INSERT, UPDATE"
    assert found["schema smpp"] == "no CREATE: days cannot be made"


async def test_without_a_monitoring_page_it_says_what_it_cannot_tell(clinic: Clinic) -> None:
    """A note is nothing to be woken for."""
    code, out = await doctor(clinic, "--json")
    told = json.loads(out)
    assert (code, told["healthy"], told["complete"]) == (0, True, False)
    assert [one["name"] for one in told["findings"]] == ["nats.sync_untold"]


async def test_a_shell_that_joined_the_stack_sees_everything(clinic: Clinic) -> None:
    """`. .run/up/env` is enough."""
    joined = write_env(clinic.folder, clinic.stack.joining_env())
    process = await asyncio.create_subprocess_exec(
        "sh",
        "-c",
        f". {joined} && exec python manage.py doctor",
        env={"HOME": "/"},
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
    )
    out, _ = await process.communicate()
    assert (process.returncode, out.decode()) == (0, "nothing is wrong\n")


async def test_the_command_ends_with_1_and_names_the_cure(clinic: Clinic, tmp_path: Path) -> None:
    code, out = await doctor(clinic, NATS_MONITOR_URL=clinic.monitors[0], REDIS_URL=f"redis://{CLOSED}/0")
    assert code == 1
    assert out.splitlines() == [
        "error redis.unreachable  Redis: ConnectionError",
        f"    {RULES['redis.unreachable'].cure}",
    ]
