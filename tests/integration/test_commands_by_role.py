"""Commands with the variables of one role only: what is lacking is named, and none ends in an unforeseen error."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import override_settings

from ghasi.env import EXIT_BAD_SETTINGS, SettingsError
from ghasi.staff.roles import Role
from tests.integration.test_commands import ASKED_ELSEWHERE, CASES, SOMEBODY
from tests.support.product import ROOT
from tests.support.staff import person
from tests.unit.management.test_commands import RUN_UNTIL_ENDED, ours

pytestmark = pytest.mark.usefixtures("django_ready", "nats_url", "redis_url")

LACKING = {
    "gateway": {"DATABASE_URL", "DJANGO_SECRET_KEY"},
    "dispatch": {"DJANGO_SECRET_KEY", "OPERATOR_MGMT_URL", "INTERNAL_SERVICE_TOKEN"},
    "web": {"REDIS_URL", "OPERATOR_IDS", "OPERATOR_MGMT_URL", "INTERNAL_SERVICE_TOKEN"},
    "nothing": {"NATS_URL", "DATABASE_URL", "REDIS_URL", "OPERATOR_IDS", "OPERATOR_MGMT_URL", "DJANGO_SECRET_KEY"},
}
"""What each role is not given, of the variables that commands read (docs/contract.md §12)."""
MANAGEMENT = {"OPERATOR_MGMT_URL": "http://127.0.0.1:9", "INTERNAL_SERVICE_TOKEN": "t", "OPERATOR_IDS": SOMEBODY}
MORE: list[tuple[str, list[str]]] = [
    ("where", ["--destination", "+93701234567", "--as", "admin"]),
    ("where", [SOMEBODY, "--events"]),
    ("held", ["resend", SOMEBODY, "--yes"]),
    ("bind", [SOMEBODY]),
    ("replay", [SOMEBODY]),
    ("trace", [SOMEBODY, "--seconds", "0.2"]),
    ("trace", [SOMEBODY, "--seconds", "0.2", "--unmask", "--as", "admin"]),
    ("probe", [SOMEBODY, "--dry-run", "--mode", "bind"]),
    ("receipt", ["id:1 stat:DELIVRD err:000"]),
    ("profiles", ["history", "nobody"]),
    ("profiles", ["show", "plain"]),
    ("profiles", ["delete", "nobody"]),
    ("staff", ["unlock", "nobody"]),
]
TRIED = [(name, argv) for name, argv, _ in CASES] + MORE


@pytest.fixture(params=LACKING)
def role(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    lacking = LACKING[request.param]
    for name, value in MANAGEMENT.items():
        monkeypatch.setenv(name, value)
    for name in lacking:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(f"{name}_FILE", raising=False)
    connection.close()
    if "DATABASE_URL" in lacking:
        monkeypatch.setitem(connection.settings_dict, "NAME", "")
    with override_settings(**({"SECRET_KEY": ""} if "DJANGO_SECRET_KEY" in lacking else {})):
        yield request.param
    connection.close()


def test_each_command_is_tried() -> None:
    assert {name for name, _ in TRIED} == set(ours()) - RUN_UNTIL_ENDED
    assert {name for name, _ in MORE} >= ASKED_ELSEWHERE


def ended(name: str, argv: list[str]) -> tuple[int, str]:
    """Exit code and message, as manage.py would have them. Raises whatever a command did not foresee."""
    try:
        call_command(name, *argv)
    except SettingsError as error:
        return EXIT_BAD_SETTINGS, str(error)
    except CommandError as error:
        return error.returncode, str(error)
    except SystemExit as error:
        return int(error.code or 0), ""
    return 0, ""


@pytest.mark.parametrize(("name", "argv"), TRIED, ids=str)
def test_no_command_crashes(role: str, name: str, argv: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    code, said = ended(name, argv)
    assert code in (0, 1, 2, 3, 4)
    assert "NoDatabase" not in said, "a variable that is not set is named"
    variable, lacks, _ = said.partition(": must be set")
    assert not lacks or (code, variable in LACKING[role]) == (2, True)


@pytest.mark.parametrize("role", ["dispatch"], indirect=True)
@pytest.mark.usefixtures("role")
def test_a_number_is_not_looked_for_without_the_key_that_hides_it() -> None:
    name = person(Role.LEAD).username
    with pytest.raises(SettingsError) as refused:
        call_command("where", "--destination", "+93701234567", "--as", name)
    assert str(refused.value).startswith("DJANGO_SECRET_KEY:")
