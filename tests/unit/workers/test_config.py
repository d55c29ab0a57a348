"""workers.config: read once, and each bad value named without being quoted."""

from __future__ import annotations

from pathlib import Path

import pytest

from ghasi.env import Env, SettingsError
from workers.config import WorkerConfig

FIRST, SECOND = "550e8400-e29b-41d4-a716-446655440001", "550e8400-e29b-41d4-a716-446655440002"
GOOD = {
    "OPERATOR_IDS": f"{FIRST}, {SECOND.upper()}",
    "NATS_URL": "nats://one:4222,nats://two:4222",
    "REDIS_URL": "redis://user:hunter2@cache:6379/0",
    "DATABASE_URL": "postgres://user:hunter2@db/ghasi",
}


def config(**changes: str) -> WorkerConfig:
    return WorkerConfig.from_env(Env({name: value for name, value in (GOOD | changes).items() if value != "-"}))


def test_what_must_be_set_is_enough() -> None:
    read = config()
    assert read.operator_ids == (FIRST, SECOND)
    assert read.bus.urls == ("nats://one:4222", "nats://two:4222")
    assert (read.redis_url, read.redis_cluster) == (GOOD["REDIS_URL"], False)
    assert (read.retention_days, read.shutdown_deadline, read.log_level) == (30, 35.0, "info")


def test_what_may_be_set() -> None:
    read = config(
        REDIS_CLUSTER="true", LEDGER_RETENTION_DAYS="90", WORKER_SHUTDOWN_DEADLINE="12.5", LOG_LEVEL="WARNING"
    )
    assert (read.redis_cluster, read.retention_days, read.shutdown_deadline) == (True, 90, 12.5)
    assert read.log_level == "warning"


def test_secrets_may_be_files(tmp_path: Path) -> None:
    secret = tmp_path / "redis"
    secret.write_text("rediss://cache:6380\n", encoding="utf-8")
    assert config(REDIS_URL="-", REDIS_URL_FILE=str(secret)).redis_url == "rediss://cache:6380"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *((name, "-") for name in GOOD),
        *((name, "") for name in GOOD),
        ("OPERATOR_IDS", "not-a-uuid-hunter2"),
        ("OPERATOR_IDS", f"{FIRST},{FIRST}"),
        ("OPERATOR_IDS", ","),
        ("NATS_URL", "http://hunter2"),
        ("NATS_URL", "nats://one:4222,hunter2"),
        ("NATS_STREAM_MAX_BYTES", "hunter2"),
        ("NATS_REPLICAS", "hunter2"),
        ("NATS_REPLICAS", "2"),
        ("NATS_CREDS_FILE", "/does/not/exist/hunter2"),
        ("REDIS_URL", "http://hunter2"),
        ("REDIS_CLUSTER", "hunter2"),
        ("LEDGER_RETENTION_DAYS", "6"),
        ("LEDGER_RETENTION_DAYS", "3651"),
        ("LEDGER_RETENTION_DAYS", "30.5"),
        ("WORKER_SHUTDOWN_DEADLINE", "0.5"),
        ("WORKER_SHUTDOWN_DEADLINE", "601"),
        ("WORKER_SHUTDOWN_DEADLINE", "nan"),
        ("WORKER_SHUTDOWN_DEADLINE", "hunter2"),
        ("LOG_LEVEL", "hunter2"),
    ],
)
def test_a_bad_value_is_named_and_not_quoted(name: str, value: str) -> None:
    with pytest.raises(SettingsError) as refused:
        config(**{name: value})
    text = str(refused.value)
    assert text.startswith(f"{name}: ")
    assert "hunter2" not in text
    assert "\n" not in text


def test_nothing_secret_is_in_the_repr() -> None:
    assert "hunter2" not in repr(config())
    assert repr(config()) == "WorkerConfig(operators=2)"
