"""workers.middleware.metrics_server: the process that answers for a pool."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from threading import Event, Thread

import pytest

from ghasi.devstack.ports import free_port
from ghasi.env import Env, SettingsError
from workers.middleware import metrics_server
from workers.middleware.metrics_server import MetricsServer, PoolServer, serve

LOOPBACK = "127.0.0.1"


def get(port: int, route: str) -> tuple[int, str, str]:
    try:
        with urllib.request.urlopen(f"http://{LOOPBACK}:{port}{route}", timeout=60) as answer:
            return answer.status, answer.headers["Content-Type"], answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.headers["Content-Type"], error.read().decode()


@pytest.fixture
def port(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """A server in this process over an empty metrics directory."""
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))
    server = PoolServer((LOOPBACK, 0), os.getppid())
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server.server_address[1]
    server.shutdown()
    server.server_close()
    thread.join()


def test_routes(port: int) -> None:
    assert get(port, "/health") == (200, "application/json", '{"status": "ok"}')
    assert get(port, "/metrics")[:2] == (200, "text/plain; version=1.0.0; charset=utf-8")
    assert get(port, "/metrics?name=x")[0] == 200
    assert get(port, "/nowhere") == (404, "text/plain; charset=utf-8", "/health /metrics\n")


@pytest.mark.parametrize(("variables", "forks"), [({}, []), ({"WORKER_HTTP_PORT": "0"}, [])])
def test_no_process_without_a_port(variables: dict[str, str], forks: list[object]) -> None:
    assert MetricsServer(Env(variables)).forks == forks


def test_one_process_with_a_port_that_dramatiq_finds_by_name() -> None:
    [fork] = MetricsServer(Env({"WORKER_HTTP_PORT": "9100"})).forks
    assert fork is serve
    assert getattr(metrics_server, fork.__name__) is fork


def test_a_port_that_is_none_stops_the_start_by_name() -> None:
    with pytest.raises(SettingsError, match="WORKER_HTTP_PORT"):
        MetricsServer(Env({"WORKER_HTTP_PORT": "99999"}))


def test_a_worker_that_ends_leaves_the_sums(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))
    live, counted = tmp_path / f"gauge_livesum_{os.getpid()}.db", tmp_path / f"counter_{os.getpid()}.db"
    for file in (live, counted):
        file.write_bytes(b"")
    MetricsServer(Env({"WORKER_HTTP_PORT": "9100"})).after_worker_shutdown(None, None)  # type: ignore[arg-type]
    assert (live.exists(), counted.exists()) == (False, True)


def test_a_parent_that_is_gone_ends_it() -> None:
    with PoolServer((LOOPBACK, 0), parent=-1) as server, pytest.raises(SystemExit) as ended:
        server.service_actions()
    assert ended.value.code == 0


def test_a_pool_that_ends_while_the_port_is_taken_gives_up() -> None:
    with PoolServer((LOOPBACK, 0), os.getppid()) as taken:
        assert metrics_server._listen(LOOPBACK, taken.server_address[1], -1, Event()) is None


class Served:
    """`serve()` in a process of its own."""

    def __init__(self, path: Path, port: int) -> None:
        env = {**os.environ, "WORKER_HTTP_PORT": str(port), "WORKER_HTTP_HOST": LOOPBACK, "TMPDIR": str(path)}
        code = "import sys; from workers.middleware.metrics_server import serve; sys.exit(serve())"
        self.port = port
        env["PROMETHEUS_MULTIPROC_DIR"] = str(path / "metrics")
        self.metrics = path / "metrics"
        self.process = subprocess.Popen([sys.executable, "-c", code], env=env, stderr=subprocess.PIPE)

    def until_answers(self) -> None:
        deadline = time.monotonic() + 60
        while True:
            try:
                assert get(self.port, "/health")[0] == 200
                return
            except urllib.error.URLError:
                assert time.monotonic() < deadline
                time.sleep(0.02)


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    one = Served(tmp_path, free_port())
    yield one
    one.process.kill()
    one.process.communicate()


def test_the_first_signal_leaves_it_while_a_worker_lives_and_the_second_ends_it(served: Served) -> None:
    served.until_answers()
    # The values of a worker that lives: this process.
    (served.metrics / f"counter_{os.getpid()}.db").write_bytes(b"")
    served.process.terminate()
    for _ in range(3):
        served.until_answers()
    served.process.terminate()
    assert served.process.wait(10) == 0


def test_the_first_signal_ends_it_where_no_worker_lives(served: Served) -> None:
    served.until_answers()
    served.process.terminate()
    assert served.process.wait(10) == 0


def test_a_pool_that_stops_while_the_port_is_taken_gives_up() -> None:
    stopping = Event()
    stopping.set()
    with PoolServer((LOOPBACK, 0), os.getppid()) as taken:
        assert metrics_server._listen(LOOPBACK, taken.server_address[1], os.getppid(), stopping) is None


def test_it_waits_for_a_port_that_the_pool_before_still_holds(tmp_path: Path) -> None:
    with PoolServer((LOOPBACK, 0), os.getppid()) as taken:
        port = taken.server_address[1]
        served = Served(tmp_path, port)
        with pytest.raises(subprocess.TimeoutExpired):
            served.process.wait(2)
    served.until_answers()
    served.process.kill()
    served.process.communicate()


def test_bad_settings_end_it_with_one_line(tmp_path: Path) -> None:
    env = {**os.environ, "WORKER_HTTP_PORT": "no", "TMPDIR": str(tmp_path)}
    code = "from workers.middleware.metrics_server import serve; serve()"
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("settings: WORKER_HTTP_PORT: ")
    assert done.stderr.count("\n") == 1
