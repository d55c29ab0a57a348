"""`manage.py staff`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command

from ghasi.operators.actions import OperatorAction
from ghasi.staff import second_factor
from ghasi.staff.sessions import generation_of
from tests.support.staff import PASSWORD, accounts, client, noted, password_step, person, with_phone

pytestmark = pytest.mark.usefixtures("django_ready")


@pytest.fixture(autouse=True)
def clean() -> Iterator[None]:
    User.objects.all().delete()
    with accounts():
        yield


@pytest.fixture
def secret(tmp_path: Path) -> str:
    file = tmp_path / "password"
    file.write_text(f"{PASSWORD}\n")
    return str(file)


@pytest.fixture
def name() -> str:
    return f"staff-{uuid4().hex[:8]}"


def run(capsys: pytest.CaptureFixture[str], *args: str) -> str:
    call_command("staff", *args)
    return capsys.readouterr().out


def code_of(*args: str) -> int:
    with pytest.raises(CommandError) as ended:
        call_command("staff", *args)
    return ended.value.returncode


def test_nobody_yet(capsys: pytest.CaptureFixture[str]) -> None:
    assert "nobody" in run(capsys, "list")
    assert json.loads(run(capsys, "list", "--json")) == {"staff": []}


def test_an_account_is_made_with_a_role_and_can_log_in(
    name: str, secret: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("getpass.getuser", lambda: "machine")
    would = run(capsys, "create", name, "--role", "operator", "--password-file", secret, "--dry-run")
    assert "would be" in would
    assert not User.objects.exists()
    assert run(capsys, "create", name, "--role", "operator", "--password-file", secret) == (
        f"{name}: created, role operator\n"
    )
    assert f"{name} role=operator active=yes second-factor=no last-login=never" in run(capsys, "list")
    assert password_step(client(), User.objects.get(username=name)) == 302
    assert code_of("create", name, "--role", "viewer", "--password-file", secret) == 1
    assert OperatorAction.objects.filter(target=name, action="user.created", actor="shell:machine").exists()


def test_a_weak_password_is_refused_and_never_shown(name: str, tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("12345\n")
    with pytest.raises(CommandError) as ended:
        call_command("staff", "create", name, "--role", "viewer", "--password-file", str(file))
    assert ended.value.returncode == 1
    assert "too short" in str(ended.value)
    assert "12345" not in str(ended.value)


def test_without_a_terminal_a_file_is_needed(name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("sys.stdin.isatty", lambda: False, raising=False)
    assert code_of("create", name, "--role", "viewer") == 2
    assert code_of("create", name, "--role", "viewer", "--password-file", str(tmp_path / "none")) == 2


def test_the_terminal_is_asked_twice(
    name: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    typed = iter([PASSWORD, "other", PASSWORD, PASSWORD])
    monkeypatch.setattr("getpass.getpass", lambda _: next(typed))
    assert code_of("create", name, "--role", "viewer") == 1
    assert "created" in run(capsys, "create", name, "--role", "viewer")


def test_a_role_is_changed_and_said_again_changes_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    user = person()
    assert run(capsys, "role", user.username, "lead") == f"{user.username}: role lead\n"
    assert [one.name for one in user.groups.all()] == ["lead"]
    assert run(capsys, "role", user.username, "lead") == f"{user.username}: role lead before\n"
    assert noted(user)[-2:] == ["user.roles_taken", "user.roles_given"]


def test_second_factor_lock_sessions_and_password(secret: str, capsys: pytest.CaptureFixture[str]) -> None:
    user = person()
    with_phone(user)
    second_factor.make_recovery_codes(user)
    told = json.loads(run(capsys, "list", "--json"))["staff"][0]
    assert (told["second_factor"], told["recovery_codes"]) == (True, 10)
    run(capsys, "reset-second-factor", user.username, "--dry-run")
    assert second_factor.has_factor(user)
    told = json.loads(run(capsys, "reset-second-factor", user.username, "--json"))
    assert told == {
        "user": user.username,
        "action": "reset-second-factor",
        "done": "sets up a second factor at the next login",
        "dryRun": False,
    }
    assert not second_factor.has_factor(user)
    assert generation_of(user) == 1
    one = client("198.51.100.77")
    while password_step(one, user, "wrong") != 429:
        pass
    assert "from 1 addresses" in run(capsys, "unlock", user.username)
    assert password_step(one, user) == 302
    run(capsys, "log-out", user.username)
    assert one.get("/admin/account/").status_code == 302
    assert "sessions ended" in run(capsys, "password", user.username, "--password-file", secret)


def test_who_leaves_is_deactivated_and_keeps_his_name(capsys: pytest.CaptureFixture[str]) -> None:
    user = person()
    assert run(capsys, "deactivate", user.username) == f"{user.username}: not active\n"
    assert run(capsys, "deactivate", user.username) == f"{user.username}: not active before\n"
    assert password_step(client(), user) == 200
    assert run(capsys, "activate", user.username) == f"{user.username}: active\n"


@pytest.mark.parametrize("action", ["password", "reset-second-factor", "unlock", "log-out", "deactivate", "activate"])
def test_a_name_that_is_nobodys(action: str) -> None:
    assert code_of(action, "nobody") == 1
