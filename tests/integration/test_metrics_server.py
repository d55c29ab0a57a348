"""workers.middleware.metrics_server under Dramatiq's own command: one text for all processes, gone with the pool."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ghasi.devstack.ports import free_port

APP = """
import os
from ghasi.env import exit_on_bad_settings
from workers import metrics_dir
with exit_on_bad_settings():
    metrics_dir.prepare()
import dramatiq
from dramatiq.brokers.stub import StubBroker
from workers import metrics
from workers.middleware.metrics_server import MetricsServer
broker = StubBroker(middleware=[])
broker.add_middleware(MetricsServer())
dramatiq.set_broker(broker)
metrics.tps_throttle.labels("op").inc(2)
metrics.tps_local_share.labels("op").set(1)
"""


class Pool:
    """`dramatiq` with two processes over a stub broker."""

    def __init__(self, path: Path, *, directory: bool = True) -> None:
        (path / "pool_app.py").write_text(APP)
        self.port = free_port()
        self.metrics = path / "metrics"
        env = {
            **os.environ,
            "PYTHONPATH": f"{path}{os.pathsep}{Path.cwd()}",
            "WORKER_HTTP_PORT": str(self.port),
            "WORKER_HTTP_HOST": "127.0.0.1",
            "TMPDIR": str(path),
        }
        if directory:
            env["PROMETHEUS_MULTIPROC_DIR"] = str(self.metrics)
        argv = [sys.executable, "-m", "dramatiq", "pool_app", "--processes", "2", "--threads", "1"]
        self.process = subprocess.Popen(argv, env=env, stderr=subprocess.DEVNULL, start_new_session=True)

    def get(self, route: str) -> tuple[int, str]:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{route}", timeout=60) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def answers(self) -> bool:
        try:
            return self.get("/health")[0] == 200
        except (OSError, http.client.HTTPException):
            return False


def until(condition: Callable[[], bool], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Pool]]:
    pools: list[Pool] = []

    def begin(**options: bool) -> Pool:
        pools.append(Pool(tmp_path, **options))
        until(pools[-1].answers)
        return pools[-1]

    yield begin
    for pool in pools:
        if pool.process.poll() is None:
            pool.process.terminate()
            pool.process.wait(60)


def value(text: str, name: str) -> float:
    found = re.search(rf"^{name}\{{[^}}]*\}} (\S+)$", text, re.MULTILINE)
    assert found, text
    return float(found[1])


def test_all_processes_of_the_pool_are_one_text(start: Callable[..., Pool]) -> None:
    pool = start()
    status, text = pool.get("/metrics")
    assert status == 200
    assert value(text, "smpp_connector_tps_throttle_total") == 4
    assert value(text, "smpp_connector_tps_local_share") == 1
    assert json.loads(pool.get("/health")[1]) == {"status": "ok"}
    assert pool.get("/")[0] == 404


def test_it_ends_with_the_pool(start: Callable[..., Pool]) -> None:
    pool = start()
    pool.process.terminate()
    assert pool.process.wait(60) == 0
    until(lambda: not pool.answers(), 5)


def test_it_does_not_outlive_a_master_that_was_killed(start: Callable[..., Pool]) -> None:
    pool = start()
    group = os.getpgid(pool.process.pid)
    pool.process.send_signal(signal.SIGKILL)
    pool.process.wait(60)
    until(lambda: not pool.answers(), 5)
    # The workers have no such watch: Dramatiq leaves them to whoever killed their master.
    os.killpg(group, signal.SIGKILL)


def children(pid: int) -> list[int]:
    return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def is_stopped_by(pid: int, number: signal.Signals) -> bool:
    """Whether a signal is pending for a process that cannot take it."""
    status = Path(f"/proc/{pid}/status").read_text()
    pending = [int(line.split()[1], 16) for line in status.splitlines() if line.startswith(("SigPnd", "ShdPnd"))]
    return any(mask >> (number - 1) & 1 for mask in pending)


def test_two_signals_that_become_one_do_not_keep_the_pool_from_ending(start: Callable[..., Pool]) -> None:
    """A worker that is killed makes the master signal everybody twice within moments. A server that was not running
    meanwhile hears it once; it must end all the same, or the master waits for it and the pool is never restarted."""
    pool = start()
    *workers, server = [pid for pid in children(pool.process.pid) if b"tracker" not in cmdline(pid)]
    os.kill(server, signal.SIGSTOP)
    os.kill(workers[0], signal.SIGKILL)
    until(lambda: is_stopped_by(server, signal.SIGTERM) and not any(alive(pid) for pid in workers))
    with pytest.raises(subprocess.TimeoutExpired):
        pool.process.wait(2)
    os.kill(server, signal.SIGCONT)
    assert pool.process.wait(60) != 0


def cmdline(pid: int) -> bytes:
    return Path(f"/proc/{pid}/cmdline").read_bytes()


def alive(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


def test_the_next_pool_starts_from_nothing(start: Callable[..., Pool]) -> None:
    first = start()
    first.process.terminate()
    first.process.wait(60)
    second = start()
    assert value(second.get("/metrics")[1], "smpp_connector_tps_throttle_total") == 4


def test_a_directory_of_its_own_making_goes_with_the_pool(start: Callable[..., Pool], tmp_path: Path) -> None:
    pool = start(directory=False)
    [own] = tmp_path.glob("smpp-connector-metrics-*")
    assert value(pool.get("/metrics")[1], "smpp_connector_tps_throttle_total") == 4
    pool.process.terminate()
    assert pool.process.wait(60) == 0
    until(lambda: not own.exists())
