import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from ghasi.container import health


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/health" else 503)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def address() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture(autouse=True)
def temp(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def test_a_role_that_answers_is_alive(address: str) -> None:
    health.write_note(f"{address}/health")
    assert health.problem() is None


def test_a_role_that_answers_otherwise_is_not(address: str) -> None:
    health.write_note(f"{address}/busy")
    assert health.problem() == f"{address}/busy: status 503"


def test_a_role_that_does_not_answer_is_not() -> None:
    health.write_note("http://127.0.0.1:1/health")
    assert health.problem() == "http://127.0.0.1:1/health: ConnectionRefusedError"


def test_a_container_without_a_role_is_not_alive() -> None:
    assert health.problem() == "no role has started"


def test_a_command_is_alive_while_it_runs() -> None:
    health.write_note("http://127.0.0.1:1/health")
    health.write_note(None)
    assert health.problem() is None


def entry(*command: str, **environ: str) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-m", "ghasi.container", *command]
    return subprocess.run(argv, env={**os.environ, **environ}, capture_output=True, text=True, check=False)


def test_the_entry_point_becomes_the_command_and_leaves_a_note(temp: Path) -> None:
    done = entry("manage", "segment", "hello", "--json", TMPDIR=str(temp))
    assert done.returncode == 0, done.stderr
    assert '"parts"' in done.stdout
    assert (temp / health.NOTE).read_text() == ""


@pytest.mark.parametrize(
    ("command", "environ", "said"),
    [
        (["worker"], {}, "command: the command must begin with one of gateway, dispatch, receipts, web, manage"),
        (["gateway"], {"HTTP_PORT": "0x"}, "settings: HTTP_PORT"),
    ],
)
def test_the_entry_point_refuses_in_one_line(command: list[str], environ: dict[str, str], said: str) -> None:
    done = entry(*command, **environ)
    assert done.returncode == 2
    assert done.stderr.startswith(said)
    assert done.stderr.count("\n") == 1
