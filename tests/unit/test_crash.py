from __future__ import annotations

import ast
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from ghasi import crash
from ghasi.env import Env, SettingsError

ROOT = Path(__file__).parents[2]


def run(code: str, **env: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-c", f"from ghasi import crash\n{code}\nprint('alive')"],
        env={"PATH": os.environ["PATH"]} | env,
        cwd=ROOT,
        capture_output=True,
        check=False,
    )


def test_nothing_happens_where_nothing_is_armed() -> None:
    assert crash.point is crash.soon
    assert crash.armed(Env({}), lambda: None) is None
    done = run("crash.point('dispatch.fetched'); crash.soon('dispatch.acked')")
    assert (done.returncode, done.stdout) == (0, b"alive\n")


@pytest.mark.parametrize(("value", "passes"), [("dispatch.claimed", 1), ("dispatch.claimed:3", 3)])
def test_ends_at_the_pass_that_was_named_and_only_once(value: str, passes: int) -> None:
    ends: list[int] = []
    countdown = crash.armed(Env({"FAULT_POINT": value}), lambda: ends.append(1))
    assert countdown is not None
    for number in range(1, passes + 3):
        countdown.passed("dispatch.fetched")
        countdown.passed("dispatch.claimed")
        assert len(ends) == (1 if number >= passes else 0)


@pytest.mark.parametrize(
    "value", ["nowhere", "dispatch.claimed:0", "dispatch.claimed:x", "dispatch.claimed:-1", "dispatch.claimed:1:go"]
)
def test_a_wrong_value_is_refused(value: str) -> None:
    with pytest.raises(SettingsError, match="FAULT_POINT"):
        crash.armed(Env({"FAULT_POINT": value}), lambda: None)
    done = run("pass", FAULT_POINT=value)
    assert done.returncode == 2
    assert b"FAULT_POINT" in done.stderr


def test_the_process_ends_by_sigkill_with_nothing_said() -> None:
    done = run("crash.point('dispatch.claimed')", FAULT_POINT="dispatch.claimed")
    assert (done.returncode, done.stdout, done.stderr) == (-signal.SIGKILL, b"", b"")


def test_a_frozen_process_goes_on_where_it_stood() -> None:
    code = "from ghasi import crash; crash.point('gateway.allowed'); print('alive')"
    env = {"PATH": os.environ["PATH"], "FAULT_POINT": "gateway.allowed:1:stop"}
    process = subprocess.Popen([sys.executable, "-c", code], env=env, cwd=ROOT, stdout=subprocess.PIPE)
    found = os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WNOWAIT)
    assert found is not None
    assert found.si_status == signal.SIGSTOP
    process.send_signal(signal.SIGCONT)
    assert process.communicate(timeout=60)[0] == b"alive\n"


def test_soon_lets_what_is_under_way_leave() -> None:
    code = "crash.soon('dispatch.acked'); print('left', flush=True); import time; time.sleep(10)"
    done = run(code, FAULT_POINT="dispatch.acked")
    assert (done.returncode, done.stdout) == (-signal.SIGKILL, b"left\n")


def passed_in_code() -> list[str]:
    """Names given to crash.point and crash.soon anywhere in the product."""
    found = []
    for package in ("ghasi/correlations", "workers", "sessions_gateway"):
        for path in (ROOT / package).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Call) and ast.unparse(node.func) in ("crash.point", "crash.soon"):
                    (name,) = node.args
                    assert isinstance(name, ast.Constant)
                    found.append(str(name.value))
    return found


def test_every_point_is_passed_somewhere_and_none_is_unknown() -> None:
    assert set(passed_in_code()) == {*crash.POINTS, *crash.COMMANDS, crash.ALLOWED}
