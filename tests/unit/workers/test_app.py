"""workers.app: what a pool's process loads; it refuses to start on bad settings with one line."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
GOOD = {
    "OPERATOR_IDS": "550e8400-e29b-41d4-a716-446655440001",
    "NATS_URL": "nats://127.0.0.1:1",
    "REDIS_URL": "redis://127.0.0.1:1",
    "DATABASE_URL": "postgres://user:hunter2@127.0.0.1:1/ghasi",
    "DJANGO_SECRET_KEY": "key-of-no-consequence-whatsoever-0123456789-abc",
}
LOOK = (
    "import dramatiq, workers.app as app\n"
    "broker = dramatiq.get_broker()\n"
    "assert broker is app.broker\n"
    "print(sorted(broker.get_declared_queues()), sorted(broker.get_declared_actors()), broker.shutdown_deadline)\n"
    "print([type(one).__name__ for one in broker.middleware])\n"
)


def load(code: str = "import workers.app", **changes: str) -> subprocess.CompletedProcess[str]:
    """Loads the module in a process of its own, with these settings and no others; "-" leaves one out."""
    kept = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG")}
    settings = {name: value for name, value in (GOOD | changes).items() if value != "-"}
    env = kept | settings | {"PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [sys.executable, "-c", code], env=env, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("OPERATOR_IDS", "hunter2"),
        ("NATS_URL", "-"),
        ("REDIS_URL", "http://hunter2"),
        ("DATABASE_URL", "-"),
        ("DATABASE_URL", "hunter2"),
        ("LEDGER_RETENTION_DAYS", "hunter2"),
        ("LOG_LEVEL", "hunter2"),
        ("PROMETHEUS_MULTIPROC_DIR", "/dev/null/hunter2"),
    ],
)
def test_bad_settings_end_it_with_one_line_and_code_two(name: str, value: str) -> None:
    changes = {name: value} | ({"WORKER_HTTP_PORT": "9"} if name.startswith("PROMETHEUS") else {})
    ended = load(**changes)
    assert ended.returncode == 2, ended.stderr
    assert ended.stdout == ""
    (line,) = ended.stderr.splitlines()
    assert line.startswith(f"settings: {name}: ")
    assert "hunter2" not in line


def test_good_settings_give_dramatiq_our_broker_and_both_queues() -> None:
    """No server is reached before Dramatiq starts to consume."""
    loaded = load(LOOK, WORKER_SHUTDOWN_DEADLINE="12")
    assert loaded.returncode == 0, loaded.stderr
    declared, middleware = loaded.stdout.splitlines()[-2:]
    assert declared == "['dispatch', 'receipts'] ['dispatch_batch', 'receipts_batch'] 12.0"
    assert middleware == "['_StopPools', 'MetricsServer']"
