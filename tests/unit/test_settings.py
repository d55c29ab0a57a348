"""Bad settings end a process with one line that names the variable; what needs none starts without."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
WEB = {"DJANGO_SECRET_KEY": "x" * 50, "DATABASE_URL": "postgresql://me@127.0.0.1:9/none"}


def run(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env=kept | variables,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_settings_load_with_an_empty_environment() -> None:
    done = run("manage.py", "check")
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("command", "variables", "named"),
    [
        (("migrate",), {}, "DATABASE_URL"),
        (("sweep",), {}, "DATABASE_URL"),
        (("where", "1a2b"), {}, "DATABASE_URL"),
        (("check",), {"DATABASE_URL": "mysql://db/sms"}, "DATABASE_URL"),
        (("check",), {"DJANGO_DEBUG": "perhaps"}, "DJANGO_DEBUG"),
        (("check",), {"LEDGER_RETENTION_DAYS": "6"}, "LEDGER_RETENTION_DAYS"),
        (("check",), {"DJANGO_SECRET_KEY_FILE": "/nowhere"}, "DJANGO_SECRET_KEY_FILE"),
        (("staff", "list"), {"SMPP_ACTOR": "a\nb"}, "SMPP_ACTOR"),
        (("sessions",), WEB, "NATS_URL"),
    ],
)
def test_a_command_names_the_variable(command: tuple[str, ...], variables: dict[str, str], named: str) -> None:
    done = run("manage.py", *command, **variables)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith(f"settings: {named}: ")


@pytest.mark.parametrize("missing", list(WEB))
def test_the_web_process_names_the_variable(missing: str) -> None:
    done = run("-c", "import ghasi.wsgi", **{name: value for name, value in WEB.items() if name != missing})
    assert done.returncode == 3
    assert done.stderr == f"settings: {missing}: must be set (or {missing}_FILE)\n"


def test_the_web_process_starts_without_asking_the_database() -> None:
    assert run("-c", "import ghasi.wsgi", **WEB).returncode == 0
