"""All checks, in order; what cannot be reached is a finding and ends what depends on it, nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

from django.conf import settings as django_settings
from django.db import DatabaseError, InterfaceError

from ghasi.bus import Bus, BusError, BusSettings
from ghasi.contracts import subjects
from ghasi.doctor import (
    clocks,
    nats_server,
    operators,
    postgres,
    processes,
    redis_server,
    settings_checks,
    streams,
    tls,
)
from ghasi.doctor.clocks import Reading
from ghasi.doctor.findings import Finding
from ghasi.doctor.nats_facts import NatsFacts, gather
from ghasi.doctor.redis_server import RedisAway
from ghasi.doctor.surroundings import Surroundings
from ghasi.env import SettingsError
from ghasi.operators.live import live_of
from ghasi.redis_settings import RedisSettings

AREAS = ("settings", "nats", "postgres", "redis", "operators", "tls", "clocks")
Say = Callable[[int, int], None]


async def examine(around: Surroundings, tell: Say = lambda done, total: None) -> list[Finding]:
    """Every finding, in the order of the areas. Never raises for what it finds."""
    found: list[Finding] = []
    readings: list[Reading] = []
    facts = NatsFacts()

    async def area(number: int, name: str) -> None:
        tell(number, len(AREAS))
        # One check that fails must not cost the others.
        try:
            await _AREAS[name](around, facts, found, readings)
        except Exception as error:
            found.append(Finding("doctor.failed", name, type(error).__name__))

    for number, name in enumerate(AREAS):
        await area(number, name)
    tell(len(AREAS), len(AREAS))
    return found


async def _settings(around: Surroundings, _facts: NatsFacts, found: list[Finding], _readings: list[Reading]) -> None:
    found += settings_checks.settings(around)
    found += settings_checks.files(around)


async def _nats(around: Surroundings, facts: NatsFacts, found: list[Finding], readings: list[Reading]) -> None:
    pages = await asyncio.gather(*(nats_server.read_page(url, around.timeout) for url in around.monitors))
    found += nats_server.server(list(pages))
    try:
        bus = await Bus.connect(BusSettings.from_env(around.env), name="doctor", wait=around.timeout)
    except SettingsError as error:
        found.append(Finding("nats.not_looked_at", "NATS", str(error)))
        return
    except BusError as error:
        found.append(Finding("nats.unreachable", "NATS", str(error)))
        return
    denied: list[str] = []

    async def note(error: Exception) -> None:
        denied.append(str(error).removeprefix("nats: "))

    # What the server forbids is not answered at all: only this tells it from silence.
    bus.nc._error_cb = note
    try:
        await _jetstream(bus, around, facts, found, readings)
    except BusError as error:
        name, what = ("nats.permissions", denied[0]) if denied else ("nats.unreachable", str(error))
        found.append(Finding(name, "JetStream", what))
    finally:
        await bus.close()


async def _jetstream(
    bus: Bus, around: Surroundings, facts: NatsFacts, found: list[Finding], readings: list[Reading]
) -> None:
    seen = await gather(bus)
    for name in NatsFacts.__slots__:
        setattr(facts, name, getattr(seen, name))
    found += streams.server(facts)
    if not facts.jetstream:
        return
    served = around.operator_ids or sorted(facts.operator_ids)
    found += streams.streams(facts)
    found += streams.consumers(facts, served)
    found += streams.unassigned(facts)
    found += streams.buckets(facts)
    found += processes.gateways(facts, served, around.env)
    found += processes.workers(facts, served)
    found += processes.versions(facts)
    found += processes.sessions(facts, served, (await live_of(bus)).wanted)
    its = await clocks.of_nats(bus, around.timeout) if subjects.SMS_DISPATCH in facts.streams else None
    if its is not None:
        readings += [its, *clocks.of_gateways(facts, its.offset)]


async def _postgres(around: Surroundings, _facts: NatsFacts, found: list[Finding], readings: list[Reading]) -> None:
    if not around.setting("DATABASE_URL"):
        found.append(Finding("postgres.not_looked_at", postgres.SERVER, "DATABASE_URL is not set here"))
        return

    def ask() -> tuple[list[Finding], Reading | None]:
        try:
            offset, unsure = postgres.clock()
            seen = [*postgres.server(), *postgres.schema(django_settings.LEDGER_RETENTION_DAYS)]
            return seen, Reading(postgres.SERVER, offset, unsure)
        except (DatabaseError, InterfaceError, SettingsError) as error:
            return [Finding("postgres.unreachable", postgres.SERVER, type(error).__name__)], None
        finally:
            postgres.close()

    seen, reading = await asyncio.to_thread(ask)
    found += seen
    readings += [reading] if reading else []


async def _redis(around: Surroundings, _facts: NatsFacts, found: list[Finding], readings: list[Reading]) -> None:
    if not around.setting("REDIS_URL"):
        found.append(Finding("redis.not_looked_at", redis_server.SERVER, "REDIS_URL is not set here"))
        return
    try:
        settings = RedisSettings.from_env(around.env)
    except SettingsError as error:
        found.append(Finding("redis.not_looked_at", redis_server.SERVER, str(error)))
        return
    try:
        facts = await redis_server.gather(settings, around.timeout)
    except RedisAway as error:
        found.append(Finding("redis.unreachable", redis_server.SERVER, str(error)))
        return
    found += redis_server.server(facts, cluster=around.setting("REDIS_CLUSTER").lower() in ("1", "true", "yes", "on"))
    readings.append(Reading(redis_server.SERVER, facts.offset, facts.unsure))


async def _operators(around: Surroundings, facts: NatsFacts, found: list[Finding], _readings: list[Reading]) -> None:
    found += await operators.operators(around, around.operator_ids or sorted(facts.operator_ids))


async def _tls(around: Surroundings, _facts: NatsFacts, found: list[Finding], _readings: list[Reading]) -> None:
    found += tls.our_files(around)
    found += await tls.servers(around)


async def _clocks(_around: Surroundings, _facts: NatsFacts, found: list[Finding], readings: list[Reading]) -> None:
    found += clocks.skewed(readings)


_AREAS = {
    "settings": _settings,
    "nats": _nats,
    "postgres": _postgres,
    "redis": _redis,
    "operators": _operators,
    "tls": _tls,
    "clocks": _clocks,
}


def worst_first(found: Iterable[Finding]) -> list[Finding]:
    """Errors, then warnings, then notes; each in the order of the checks."""
    order = ("error", "warning", "note")
    return sorted(found, key=lambda one: order.index(one.severity.value))
