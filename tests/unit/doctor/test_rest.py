"""Redis, monitoring pages, clocks, processes and settings: what they show, and what is said of it."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from ghasi.contracts.sessions import ReplicaRecord, SessionRecord, SlotRecord, State, Wanted, WantedRecord
from ghasi.doctor import clocks, nats_server, processes, redis_server, settings_checks, tls
from ghasi.doctor.findings import RULES, Finding
from ghasi.doctor.nats_facts import NatsFacts, Process
from ghasi.doctor.nats_server import Page
from ghasi.doctor.redis_server import RedisFacts
from ghasi.doctor.surroundings import Surroundings
from ghasi.env import Env

A, B = "550e8400-e29b-41d4-a716-446655440001", "550e8400-e29b-41d4-a716-446655440002"
NOW = datetime(2026, 4, 18, 10, 30, tzinfo=UTC)
INFO = {"redis_version": "7.2.4", "valkey_version": "9.1.2", "maxmemory": 1000, "used_memory": 10, "role": "master"}
CONFIG = {"maxmemory-policy": "noeviction", "save": "", "appendonly": "no"}


def names(found: Any) -> list[str]:
    return [one.name for one in found]


@pytest.mark.parametrize(
    ("info", "config", "expected"),
    [
        ({}, {}, []),
        ({"valkey_version": "", "redis_version": "6.0.16"}, {}, ["redis.version"]),
        ({}, {"maxmemory-policy": "volatile-ttl"}, ["redis.eviction"]),
        ({"used_memory": 950}, {}, ["redis.memory"]),
        ({}, {"appendonly": "yes"}, ["redis.persistence"]),
        ({}, {"save": "3600 1"}, ["redis.persistence"]),
        ({"role": "slave"}, {}, ["redis.replica"]),
        ({"cluster_enabled": 1}, {}, ["redis.cluster"]),
    ],
)
def test_redis(info: dict[str, Any], config: dict[str, str], expected: list[str]) -> None:
    facts = RedisFacts({**INFO, **info}, {**CONFIG, **config})
    assert names(redis_server.server(facts, cluster=False)) == expected


def test_redis_that_hides_its_configuration_is_judged_by_what_it_shows() -> None:
    assert names(redis_server.server(RedisFacts({**INFO, "maxmemory_policy": "allkeys-lru"}), cluster=False)) == [
        "redis.eviction"
    ]


def page(tmp_path: Path, **config: Any) -> Page:
    given = {"sync_always": True, "max_storage": 1000, "store_dir": str(tmp_path), **config}
    return Page("http://n:8222", {"jetstream": {"config": given, "stats": {"storage": 0}}})


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({}, []),
        ({"sync_always": False, "sync_interval": 120_000_000_000}, ["nats.sync_interval"]),
        ({"max_storage": 2**62}, ["nats.disk"]),
        ({"max_storage": 2**62, "store_dir": "/elsewhere"}, []),
    ],
)
def test_a_monitoring_page(tmp_path: Path, config: dict[str, Any], expected: list[str]) -> None:
    assert names(nats_server.server([page(tmp_path, **config)])) == expected


def test_a_page_that_cannot_be_read_is_a_note() -> None:
    [found] = nats_server.server([Page("http://n:8222", problem="answers 404")])
    assert (found.name, found.where, found.evidence) == ("nats.sync_untold", "http://n:8222", "answers 404")


@pytest.mark.parametrize(
    ("offset", "unsure", "expected"),
    [
        (0.9, 0.0, []),
        (-1.2, 0.0, ["clocks.skew"]),
        (1.2, 0.3, []),
        (60.0, 0.3, ["clocks.skew_large"]),
    ],
)
def test_clocks(offset: float, unsure: float, expected: list[str]) -> None:
    assert names(clocks.skewed([clocks.Reading("X", offset, unsure)])) == expected


def session(replica: str, at: float, **changes: Any) -> SessionRecord:
    return SessionRecord(A, replica, "e1", changes.pop("state", State.BOUND), updated_at=at, binds=1, **changes)


def test_a_gateway_s_clock_is_read_from_its_newest_record() -> None:
    stamp = NOW.timestamp()
    facts = NatsFacts(
        sessions={"a.g": session("g", stamp - 60), "b.g": session("g", stamp + 3)},
        session_at={"a.g": NOW.replace(minute=29), "b.g": NOW},
    )
    [reading] = clocks.of_gateways(facts, 0.5)
    assert (reading.where, reading.offset) == ("gateway g", 3.5)


def gateway(name: str, operators: list[str], version: str = "1") -> ReplicaRecord:
    return ReplicaRecord(name, "e1", 0.0, operators, version)


def installation(**changes: Any) -> NatsFacts:
    given: dict[str, Any] = {
        "gateways": {"g": gateway("g", [A])},
        "workers": [Process("dispatch", [A], 0.0, "1"), Process("receipts", [A], 0.0, "1")],
        "slots": {f"{A}.1": SlotRecord("g", "e1", 0.0)},
        "sessions": {f"{A}.g": session("g", 0.0)},
        **changes,
    }
    return NatsFacts(**given)


def all_of(facts: NatsFacts, operators: list[str], wanted: dict[str, WantedRecord], **env: str) -> list[Finding]:
    return [
        *processes.gateways(facts, operators, Env(env)),
        *processes.workers(facts, operators),
        *processes.versions(facts),
        *processes.sessions(facts, operators, wanted),
    ]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, []),
        ({"gateways": {}, "slots": {}, "sessions": {}}, ["gateways.none"]),
        ({"slots": {f"{A}.1": SlotRecord("g", "e0", 0.0)}}, ["gateways.no_lease"]),
        ({"sessions": {f"{A}.h": session("h", 0.0)}}, ["gateways.no_lease"]),
        ({"gateways": {"g": gateway("g", [A]), "h": gateway("h", [A, B])}}, ["gateways.operators"]),
        ({"gateways": {"g": gateway("g", [A]), "h": gateway("h", [])}}, []),
        ({"workers": [Process("dispatch", [A], 0.0, "1")]}, ["workers.none"]),
        (
            {"workers": [Process("dispatch", [B], 0.0, "1"), Process("receipts", [A], 0.0, "1")]},
            ["workers.operators"],
        ),
        ({"gateways": {"g": gateway("g", [A], "")}}, ["processes.versions"]),
        ({"sessions": {f"{A}.g": session("g", 0.0, state=State.UNBOUND)}}, ["operators.not_bound"]),
        ({"sessions": {f"{A}.g": session("g", 0.0, profile_problem="no such")}}, ["operators.profile"]),
    ],
)
def test_processes(changes: dict[str, Any], expected: list[str]) -> None:
    assert names(all_of(installation(**changes), [A], {})) == expected


def test_an_operator_that_somebody_unbound_is_a_note() -> None:
    facts = installation(sessions={f"{A}.g": session("g", 0.0, state=State.UNBOUND)})
    [found] = all_of(facts, [A], {A: WantedRecord(Wanted.DRAINED, "ann")})
    assert (found.name, found.evidence) == ("operators.unwanted", "wanted drained by ann")


def test_an_order_for_an_operator_that_nobody_serves_is_a_note() -> None:
    [found] = all_of(
        installation(), [A], {B: WantedRecord(Wanted.BOUND, "ann"), A: WantedRecord(Wanted.BOUND, "ann")}
    )
    assert (found.name, found.where) == ("operators.unserved", B)
    assert found.evidence == "wanted bound by ann, and no living process is assigned to it"
    assert found.severity.value == "note"


def test_two_gateways_may_not_each_be_the_only_one() -> None:
    facts = installation(gateways={"g": gateway("g", [A]), "h": gateway("h", [A])})
    assert names(all_of(facts, [A], {}, GATEWAY_SOLE="1")) == ["gateways.sole"]
    assert names(all_of(facts, [A], {}, GATEWAY_SOLE="0")) == []


PLAIN = {
    "NATS_URL": "nats://localhost",
    "DATABASE_URL": "postgresql://u:p@localhost/d",
    "REDIS_URL": "redis://localhost",
}


@pytest.mark.parametrize(
    ("env", "expected"),
    [
        ({}, []),
        ({"NATS_URL": ""}, ["settings.invalid"]),
        ({"DATABASE_URL": "mysql://x"}, ["settings.invalid"]),
        ({"REDIS_URL_FILE": "/x"}, ["settings.invalid"]),
        ({"DATABASE_URL": "", "REDIS_URL": ""}, []),
        ({"OPERATOR_IDS": "roshan"}, ["settings.invalid"]),
        ({"DJANGO_DEBUG": "1"}, ["settings.test_only"]),
        ({"DJANGO_DEBUG": "0"}, []),
        ({"SHUTDOWN_DEADLINE": "29"}, ["settings.contradiction"]),
        ({"WORKER_SHUTDOWN_DEADLINE": "40"}, ["settings.contradiction"]),
        ({"SMPP_ENQUIRE_LINK_TIMEOUT": "30"}, ["settings.contradiction"]),
        ({"DJANGO_SECRET_KEY": "short"}, ["settings.contradiction"]),
        ({"DJANGO_CSRF_TRUSTED_ORIGINS": "https://x"}, ["settings.contradiction"]),
        ({"OPERATOR_MGMT_URL": "http://m", "INTERNAL_SERVICE_TOKEN": "t"}, ["tls.plain"]),
        ({"OPERATOR_MGMT_URL": "http://localhost", "INTERNAL_SERVICE_TOKEN": "t"}, []),
        ({"OPERATOR_MGMT_URL": "http://localhost"}, ["settings.invalid"]),
    ],
)
def test_settings(env: dict[str, str], expected: list[str]) -> None:
    around = Surroundings.of(Env({**PLAIN, **env}), timeout=1.0)
    found = list(settings_checks.settings(around))
    assert names(found) == expected
    assert all("p@" not in one.evidence for one in found)


@pytest.mark.parametrize(
    ("mode", "expected"), [(0o600, []), (0o440, []), (0o644, ["files.permissions"]), (0o660, ["files.permissions"])]
)
def test_files_of_secrets(tmp_path: Path, mode: int, expected: list[str]) -> None:
    file = tmp_path / "token"
    file.write_text("secret")
    file.chmod(mode)
    around = Surroundings.of(Env({**PLAIN, "INTERNAL_SERVICE_TOKEN_FILE": str(file)}), timeout=1.0)
    assert names(settings_checks.files(around)) == expected


@pytest.mark.parametrize(("mode", "expected"), [(0o444, []), (0o446, ["files.permissions"])])
def test_a_secret_mounted_as_a_file_may_be_read_in_its_container(
    mode: int, expected: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "token"
    file.write_text("secret")
    file.chmod(mode)
    monkeypatch.setattr(os.path, "ismount", lambda path: path == str(file))
    around = Surroundings.of(Env({**PLAIN, "INTERNAL_SERVICE_TOKEN_FILE": str(file)}), timeout=1.0)
    assert names(settings_checks.files(around)) == expected


@pytest.mark.parametrize(("days", "expected"), [(-1, ["tls.expired"]), (29, ["tls.expiring"]), (31, [])])
def test_how_long_a_certificate_has(days: int, expected: list[str]) -> None:
    end = datetime.fromtimestamp(NOW.timestamp() + days * 86_400, UTC)
    assert names(tls.judged("X", end, NOW.timestamp())) == expected


def test_every_rule_has_a_cure_in_a_sentence() -> None:
    assert all(rule.cure.endswith(".") and rule.cure[0] in "`ABCDEFGHIJKLMNOPQRSTUVWXYZc" for rule in RULES.values())
