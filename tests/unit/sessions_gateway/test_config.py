from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ghasi.env import Env, SettingsError
from sessions_gateway.config import GatewayConfig
from sessions_gateway.failover import FailoverTimers

PLAIN = {
    "OPERATOR_IDS": "550e8400-e29b-41d4-a716-446655440001,550E8400-e29b-41d4-a716-446655440002",
    "REDIS_URL": "redis://localhost:6379/0",
    "OPERATOR_MGMT_URL": "https://management.example.org/",
    "INTERNAL_SERVICE_TOKEN": "secret-token",
}


def test_plain_environment() -> None:
    config = GatewayConfig.from_env(Env(PLAIN))
    assert config.operator_ids[1] == "550e8400-e29b-41d4-a716-446655440002"
    assert (config.http_port, config.sole, config.log_level) == (3001, False, "info")
    assert config.management.url == "https://management.example.org"
    assert config.replica.endswith(f"-{os.getpid()}")
    assert config.timers.enquire_interval == 30.0
    assert config.retries.reconnect == (5.0, 10.0, 20.0, 40.0, 60.0)
    first, second = config.retries.reconnect[0] * 1.2, sum(config.retries.reconnect[:2]) * 0.8
    assert first < config.failover.after < second, "a link that is back at its first reconnect moves nothing"
    assert "secret-token" not in repr(config)


def test_everything_set() -> None:
    config = GatewayConfig.from_env(
        Env(
            PLAIN
            | {
                "GATEWAY_REPLICA": "gw-1",
                "GATEWAY_SOLE": "1",
                "HTTP_PORT": "0",
                "SHUTDOWN_DEADLINE": "10",
                "SMPP_RECONNECT_DELAYS": "1, 2.5",
                "SMPP_ENQUIRE_LINK_INTERVAL": "2",
                "FAILOVER_AFTER": "0",
                "FAILOVER_RETURN_AFTER": "2.5",
                "LOG_LEVEL": "DEBUG",
            }
        )
    )
    assert (config.replica, config.sole, config.http_port) == ("gw-1", True, 0)
    assert config.retries.reconnect == (1.0, 2.5)
    assert config.failover == FailoverTimers(0.0, 2.5)
    assert (config.timers.enquire_interval, config.shutdown_deadline) == (2.0, 10.0)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("OPERATOR_IDS", ""),
        ("OPERATOR_IDS", "not-a-uuid"),
        ("REDIS_URL", "http://x"),
        ("OPERATOR_MGMT_URL", "management"),
        ("INTERNAL_SERVICE_TOKEN", ""),
        ("HTTP_PORT", "70000"),
        ("FAILOVER_AFTER", "soon"),
        ("FAILOVER_RETURN_AFTER", "0"),
        ("HTTP_PORT", "web"),
        ("GATEWAY_REPLICA", "a.b"),
        ("GATEWAY_SOLE", "maybe"),
        ("SHUTDOWN_DEADLINE", "-1"),
        ("SMPP_RECONNECT_DELAYS", "5,x"),
        ("SMPP_RECONNECT_DELAYS", "0"),
        ("SMPP_BIND_TIMEOUT", "0"),
        ("OPERATOR_MGMT_CLIENT_CERT", "/no/such/file"),
        ("OPERATOR_MGMT_CLIENT_CERT", __file__),
        ("LOG_LEVEL", "loud"),
    ],
)
def test_a_bad_setting_is_named(name: str, value: str) -> None:
    with pytest.raises(SettingsError) as caught:
        GatewayConfig.from_env(Env(PLAIN | {name: value}))
    assert str(caught.value).startswith(name)


@pytest.mark.parametrize(("name", "value"), [("OPERATOR_IDS", "x"), ("NATS_URL", None), ("HTTP_PORT", "x")])
def test_the_process_stops_with_one_line(name: str, value: str | None) -> None:
    env = {"PATH": os.environ["PATH"], "NATS_URL": "nats://127.0.0.1:1"} | PLAIN
    if value is None:
        del env[name]
    else:
        env[name] = value
    done = subprocess.run(
        [sys.executable, "-m", "sessions_gateway"],
        env=env,
        cwd=Path(__file__).parents[3],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"settings: {name}: ")
