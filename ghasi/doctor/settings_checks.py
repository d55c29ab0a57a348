"""Settings that are wrong, contradict each other, or are for tests only (docs/contract.md §12)."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ghasi.bus import BusSettings
from ghasi.contracts import timers
from ghasi.credential_source import source_from_env
from ghasi.database.url import database_from_env
from ghasi.doctor.findings import Finding, Findings
from ghasi.doctor.surroundings import Surroundings, host_port, is_local
from ghasi.env import Env, SettingsError
from ghasi.redis_settings import RedisSettings

WORKER_TIMEOUT = 40.0
"""Dramatiq's `--worker-shutdown-timeout` of docs/operations.md, in seconds."""
SECRETS = (
    "DATABASE_URL",
    "DATABASE_PASSWORD",
    "REDIS_URL",
    "DJANGO_SECRET_KEY",
    "INTERNAL_SERVICE_TOKEN",
    "NATS_URL",
    "NATS_PASSWORD",
    "VAULT_TOKEN",
)
PRIVATE_FILES = ("NATS_CREDS_FILE", "NATS_TLS_KEY", "REDIS_TLS_KEY", "OPERATOR_MGMT_CLIENT_KEY", "VAULT_CLIENT_KEY")
SHORTEST_KEY = 50
MEANT_FOR_TESTS = {"FAULT_POINT": "a crash point", "DJANGO_DEBUG": "error pages with settings and queries"}


def settings(around: Surroundings) -> Findings:
    """Everything about the variables themselves."""
    yield from _invalid(around.env)
    yield from _test_only(around)
    yield from _contradictions(around)


def _invalid(env: Env) -> Findings:
    """NATS_URL is for all processes; of other servers only what is set is read: not every role has them."""
    readers: tuple[Callable[[Env], Any], ...] = (
        BusSettings.from_env,
        _database,
        _redis,
        lambda one: one.uuids("OPERATOR_IDS", ()),
        lambda one: one.integer("LEDGER_RETENTION_DAYS", 30, low=7, high=3650),
        lambda one: one.flag("REDIS_CLUSTER"),
        lambda one: one.flag("GATEWAY_SOLE"),
        _credentials,
    )
    for read in readers:
        try:
            read(env)
        except SettingsError as error:
            variable, _, what = str(error).partition(": ")
            yield Finding("settings.invalid", variable, what)


def _database(env: Env) -> None:
    if env.text("DATABASE_URL", ""):
        database_from_env(env, conn_max_age=0)


def _redis(env: Env) -> None:
    if env.text("REDIS_URL", ""):
        RedisSettings.from_env(env)


def _credentials(env: Env) -> None:
    """Only gateways need them: where nothing of it is set, nothing of it is asked."""
    if env.text("OPERATOR_MGMT_URL", "") or env.text("CREDENTIALS_SOURCE", ""):
        source_from_env(env)


def _test_only(around: Surroundings) -> Findings:
    for name, what in MEANT_FOR_TESTS.items():
        value = around.setting(name)
        if value and value.lower() not in ("0", "false", "no", "off"):
            yield Finding("settings.test_only", name, what)


def _contradictions(around: Surroundings) -> Findings:
    yield from _deadlines(around)
    url = around.setting("OPERATOR_MGMT_URL")
    if url.startswith("http://") and around.setting("OPERATOR_MGMT_CLIENT_CERT"):
        yield _against("OPERATOR_MGMT_CLIENT_CERT", "never shown: OPERATOR_MGMT_URL is http://")
    if url.startswith("http://") and not is_local(host_port(url, 80)[0]):
        yield Finding("tls.plain", "OPERATOR_MGMT_URL", "passwords of operators come over http://")
    key = around.setting("DJANGO_SECRET_KEY")
    if key and len(key) < SHORTEST_KEY:
        yield _against("DJANGO_SECRET_KEY", f"{len(key)} characters, which can be guessed; at least {SHORTEST_KEY}")
    origins = around.setting("DJANGO_CSRF_TRUSTED_ORIGINS")
    if "https://" in origins and around.setting("DJANGO_HTTPS").lower() in ("", "0", "false", "no", "off"):
        yield _against("DJANGO_HTTPS", "0, while DJANGO_CSRF_TRUSTED_ORIGINS names https://")


def _deadlines(around: Surroundings) -> Findings:
    response = _number(around, "SMPP_RESPONSE_TIMEOUT", timers.SUBMIT_RESPONSE)
    shutdown = _number(around, "SHUTDOWN_DEADLINE", 35.0)
    if shutdown < response:
        yield _against(
            "SHUTDOWN_DEADLINE", f"{shutdown:g} s, less than SMPP_RESPONSE_TIMEOUT {response:g} s: parts end in doubt"
        )
    worker = _number(around, "WORKER_SHUTDOWN_DEADLINE", 35.0)
    if worker >= WORKER_TIMEOUT:
        yield _against("WORKER_SHUTDOWN_DEADLINE", f"{worker:g} s, Dramatiq kills after {WORKER_TIMEOUT:g} s")
    interval = _number(around, "SMPP_ENQUIRE_LINK_INTERVAL", timers.ENQUIRE_LINK_INTERVAL)
    dead = _number(around, "SMPP_ENQUIRE_LINK_TIMEOUT", timers.ENQUIRE_LINK_TIMEOUT)
    if dead >= interval:
        yield _against(
            "SMPP_ENQUIRE_LINK_TIMEOUT", f"{dead:g} s, not less than SMPP_ENQUIRE_LINK_INTERVAL {interval:g} s"
        )


def _number(around: Surroundings, name: str, default: float) -> float:
    try:
        return around.env.number(name, default)
    except SettingsError:
        return default


def _against(name: str, what: str) -> Finding:
    return Finding("settings.contradiction", name, what)


def files(around: Surroundings) -> Findings:
    """Secrets in files that others on the machine may read or change. Who may read one that is mounted as a file, as
    Compose does it, the folder on the host decides: there every container has a user of its own."""
    for name in (*(f"{one}_FILE" for one in SECRETS), *PRIVATE_FILES):
        value = around.setting(name)
        if not value:
            continue
        try:
            mode = Path(value).stat().st_mode
        except OSError:
            continue
        mounted = os.path.ismount(value)
        if mode & (stat.S_IWOTH | stat.S_IWGRP if mounted else stat.S_IRWXO | stat.S_IWGRP):
            yield Finding("files.permissions", name, f"{value} has mode {stat.S_IMODE(mode):04o}")
