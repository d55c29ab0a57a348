"""Links, binds and credentials that fail."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import msgspec

from ghasi.contracts import subjects
from ghasi.contracts.sessions import SendRules, SessionRecord, State
from ghasi.devstack.servers import Servers
from tests.faults.conftest import migrate
from tests.observability.scenario import Scenario, alert
from tests.observability.stage import QUICK, Cast, PatientProduct, Stage
from tests.support import servers as support
from tests.support.platform import Platform

SHORT_FAILOVER = {"FAILOVER_AFTER": "2", "FAILOVER_RETURN_AFTER": "1"}


def links() -> Cast:
    cast = Cast()
    add = cast.add
    add("well")
    add("down", outages=[{"after": 40, "until": 100_000}])
    add("silent", rules=[{"on": "clock", "after": 20, "every": 14, "silence": 10}])
    add("second-bind", maxBinds=2, bindLimit=1)
    backup = add("backup")
    outages = [{"after": at, "until": at + 7} for at in (40, 62, 90, 124)]
    add("goes-and-comes", backupOperatorId=backup, outages=outages)
    add("no-answer", management={"failures": [{"status": 503}]})
    add("unknown", management={"known": False})
    add("no-profile", management={"override": {"profile": "of-nobody"}})
    add("newer-rules")
    return cast


async def links_fail(stage: Stage) -> None:
    for name in ("well", "silent", "goes-and-comes", "newer-rules"):
        stage.keep(name, 2)
    newer = asyncio.create_task(_newer_gateway(stage, "newer-rules"))
    try:
        await stage.until(150)
    finally:
        newer.cancel()


async def _newer_gateway(stage: Stage, name: str) -> None:
    """Says of the operator what a gateway of a later release might: rules that no PDU can be built by here."""
    rules = SendRules(transliteration="of-a-later-release")
    operator_id = stage.id(name)
    while True:
        record = SessionRecord(operator_id, "newer", "e", State.BOUND, binds=1, tps_limit=10, rules=rules)
        bucket = await stage.platform.bus.bucket(subjects.BUCKET_SESSIONS)
        await bucket.put(subjects.session_key(operator_id, "newer"), msgspec.json.encode(record))
        await asyncio.sleep(5.0)


def refused() -> Cast:
    cast = Cast()
    cast.add("well")
    cast.add("wrong-password", management={"override": {"password": "changed"}})
    return cast


async def password_is_refused(stage: Stage) -> None:
    """A minute between two tries; after five the operator is paused."""
    stage.keep("well", 1)
    await stage.until(390)


def all_down() -> Cast:
    cast = Cast()
    for name in ("first", "second"):
        cast.add(name, outages=[{"after": 50, "until": 100_000}])
    return cast


async def everything_is_down(stage: Stage) -> None:
    for name in ("first", "second"):
        stage.keep(name, 2)
    await stage.until(120)


def shared() -> Cast:
    cast = Cast()
    cast.add("shared", tpsLimit=20, windowSize=100)
    return cast


async def two_installations(stage: Stage) -> None:
    """Another installation, with servers of its own, sends over the same account: neither knows of the other."""
    stage.keep("shared", 25)
    servers = await asyncio.to_thread(Servers.start, support.new_run_dir())
    folder = stage.product.folder / "other"
    folder.mkdir()
    product = PatientProduct(servers, folder, stage.product.operators, threads=4, simulate=False)
    try:
        await asyncio.to_thread(migrate, servers)
        async with await Platform.over(servers.nats_url, listen=False) as platform:
            await product.start()
            stage.watch("other-gateway", "smpp-gateway", product.http_port)
            replace(stage, platform=platform).keep("shared", 25)
            await asyncio.sleep(80)
            await stage.quiet()
    finally:
        for child in product.children.values():
            child.kill()
        await asyncio.to_thread(product.stop)
        await asyncio.to_thread(servers.discard)


SCENARIOS = (
    Scenario(
        "links",
        "Links that break, fall silent or cannot be bound, each of another operator, beside one that is well.",
        links,
        links_fail,
        must=(
            *alert("SessionUnbound", "down", "no-answer", "unknown"),
            *alert("EnquireLinkFailure", "silent"),
            *alert("SessionsFlap", "silent"),
            *alert("BindMissing", "second-bind"),
            *alert("FailoverActive", "goes-and-comes"),
            *alert("FailoverFlaps", "goes-and-comes"),
            *alert("CredentialsAway", "no-answer"),
            *alert("CredentialsNotGiven", "unknown"),
            *alert("ProfileNotApplied", "no-profile"),
            *alert("RulesNotFollowed", "newer-rules"),
        ),
        may=(
            *alert("InDoubt", "silent", "goes-and-comes"),
            *alert("SessionUnbound", "goes-and-comes"),
            *alert("SessionsFlap", "goes-and-comes"),
            *alert("SlowToWire", "silent"),
        ),
        replays=(1, 8),
        env=QUICK | SHORT_FAILOVER | {"GATEWAY_SOLE": "1"},
    ),
    Scenario(
        "refused",
        "An operator refuses the password that operator management has.",
        refused,
        password_is_refused,
        must=(*alert("CredentialsRefused", "wrong-password"), *alert("SessionUnbound", "wrong-password")),
    ),
    Scenario(
        "all-down",
        "All operators are away at once.",
        all_down,
        everything_is_down,
        must=(*alert("AllSessionsDown"), *alert("SessionUnbound", "first", "second")),
    ),
    Scenario(
        "two-installations",
        "Two installations that know nothing of each other send over one account, each up to the limit.",
        shared,
        two_installations,
        must=alert("RateAboveLimit", "shared"),
        may=(*alert("HighThrottleRate", "shared"), *alert("HighDlrCorrelationMiss", "shared")),
    ),
)
