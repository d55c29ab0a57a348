"""`manage.py simulate` and `manage.py operator_management` as processes, without any environment of the product."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from ghasi.smpp.events import Bound
from ghasi.smpp.pdu import BindTransceiver
from tests.support.esme import esme

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "ghasi" / "simulator" / "examples" / "demo.yaml"
ROSHAN = "550e8400-e29b-41d4-a716-446655440001"
TOKEN = {"Authorization": "Bearer demo-token"}

FAILING = """
management: {token: demo-token}
operators:
  - id: 550e8400-e29b-41d4-a716-446655440001
    name: A
    systemId: a
    port: 12345
    management:
      failures:
        - {status: 500, times: 1}
        - {body: "not json", times: 1}
        - {drop: true, times: 2} # aiohttp asks once more by itself
        - {delay: 0.2, times: 1}
  - {id: 550e8400-e29b-41d4-a716-446655440002, name: B, systemId: b, port: 1, management: {known: false}}
  - {id: 550e8400-e29b-41d4-a716-446655440003, name: C, systemId: c}
"""

Start = Callable[..., subprocess.Popen[str]]


def bare_environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME") or name.startswith("COV")}
    return kept | {"PYTHONUNBUFFERED": "1"}


@pytest.fixture
def manage() -> Iterator[Start]:
    children: list[subprocess.Popen[str]] = []

    def start(*arguments: object) -> subprocess.Popen[str]:
        child = subprocess.Popen(
            [sys.executable, "manage.py", *map(str, arguments)],
            cwd=ROOT,
            env=bare_environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        children.append(child)
        return child

    yield start
    for child in children:
        child.kill()
        child.communicate()


async def ports(path: Path, child: subprocess.Popen[str]) -> dict[str, int]:
    return await asyncio.to_thread(wait_for_ports, path, child)


def wait_for_ports(path: Path, child: subprocess.Popen[str]) -> dict[str, int]:
    deadline = time.monotonic() + 60
    while not path.exists():
        assert child.poll() is None, child.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.02)
    found: dict[str, int] = json.loads(path.read_text())
    return found


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_simulate_listens_says_where_and_stops_cleanly(manage: Start, tmp_path: Path, number: int) -> None:
    port_file, log = tmp_path / "deep" / "ports.json", tmp_path / "log"
    child = manage("simulate", EXAMPLE, "--port-file", port_file, "--log", log)
    found = await ports(port_file, child)
    assert len(found) == 3
    async with esme(found[ROSHAN], bind=BindTransceiver(system_id="ghasi-roshan", password="rosh4n")) as client:
        await client.event(Bound)
        child.send_signal(number)
        out, err = await asyncio.to_thread(child.communicate, timeout=60)
    assert (child.returncode, err) == (0, "")
    assert f"Roshan-AF ({ROSHAN}) listens on 127.0.0.1:{found[ROSHAN]}" in out
    events = [json.loads(line)["event"] for line in (log / f"{ROSHAN}.jsonl").read_text().splitlines()]
    assert events[0] == "listening"
    assert events[-1] == "stopped"
    assert "unbind" in events


async def test_both_commands_read_one_file(manage: Start, tmp_path: Path) -> None:
    simulator_ports, management_port = tmp_path / "ports.json", tmp_path / "management.json"
    management = manage(
        "operator_management",
        *(EXAMPLE, "--port", 0, "--ports-from", simulator_ports, "--port-file", management_port, "--log", tmp_path),
    )
    base = f"http://127.0.0.1:{(await ports(management_port, management))['management']}"
    async with aiohttp.ClientSession(headers=TOKEN) as http:
        assert (await ask(http, base, ROSHAN))[0] == 503
        simulator = manage("simulate", EXAMPLE, "--port-file", simulator_ports)
        found = await ports(simulator_ports, simulator)
        status, answer = await ask(http, base, ROSHAN)
        assert status == 200
        assert answer["port"] == found[ROSHAN]
        bind = BindTransceiver(system_id=answer["systemId"], password=answer["password"])
        async with esme(answer["port"], bind=bind) as client:
            await client.event(Bound)
        assert (await ask(http, base, "550e8400-e29b-41d4-a716-4466554400ff"))[0] == 404
        assert (await ask(http, base, ROSHAN, headers={"Authorization": "Bearer wrong"}))[0] == 401
        async with http.get(f"{base}/health") as response:
            assert response.status == 200
    management.terminate()
    await asyncio.to_thread(management.communicate, timeout=60)
    assert management.returncode == 0
    lines = [json.loads(line) for line in (tmp_path / "operator-management.jsonl").read_text().splitlines()]
    assert [line["status"] for line in lines] == [503, 200, 404, 401]


async def ask(
    http: aiohttp.ClientSession, base: str, operator_id: str, headers: dict[str, str] | None = None
) -> tuple[int, Any]:
    url = f"{base}/internal/operators/{operator_id}/smpp-credentials"
    async with http.get(url, headers=headers) as response:
        return response.status, json.loads(await response.read())


async def test_scripted_failures(manage: Start, tmp_path: Path) -> None:
    scenario, port_file = tmp_path / "s.yaml", tmp_path / "p.json"
    scenario.write_text(FAILING)
    child = manage("operator_management", scenario, "--port", 0, "--token", "other", "--port-file", port_file)
    base = f"http://127.0.0.1:{(await ports(port_file, child))['management']}"
    async with aiohttp.ClientSession(headers={"Authorization": "Bearer other"}) as http:
        assert (await ask(http, base, ROSHAN))[0] == 500
        with pytest.raises(json.JSONDecodeError):
            await ask(http, base, ROSHAN)
        with pytest.raises(aiohttp.ClientError):
            await ask(http, base, ROSHAN)
        started = time.monotonic()
        assert (await ask(http, base, ROSHAN))[0] == 200
        assert time.monotonic() - started >= 0.2
        assert (await ask(http, base, "550e8400-e29b-41d4-a716-446655440002"))[0] == 404
        assert (await ask(http, base, "550e8400-e29b-41d4-a716-446655440003"))[0] == 503


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "manage.py", *map(str, arguments)],
        cwd=ROOT,
        env=bare_environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("command", ["simulate", "operator_management"])
def test_a_bad_file_is_one_line_and_exit_status_2(command: str, tmp_path: Path) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text("operators:\n  - {id: x}\n")
    done = run(command, path)
    assert done.returncode == 2
    assert done.stderr.splitlines() == [f"CommandError: {path}: operators[0].id: Invalid UUID"]


def test_check_and_lists() -> None:
    assert run("simulate", EXAMPLE, "--check").stdout == f"{EXAMPLE}: nothing wrong (3 operators)\n"
    faults = run("simulate", "--list-faults").stdout
    assert "overRate" in faults
    assert "trickle" in faults
    assert "tlvOnly" in run("simulate", "--list-dialects").stdout
    assert run("simulate").returncode == 2


def test_a_taken_port_is_one_line(tmp_path: Path) -> None:
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        path = tmp_path / "s.yaml"
        path.write_text(f"operators:\n  - {{id: {ROSHAN}, name: A, systemId: a, port: {taken.getsockname()[1]}}}\n")
        done = run("simulate", path)
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert "address already in use" in done.stderr
