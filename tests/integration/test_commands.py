"""Every command that answers in JSON does so on real servers, with the exit code it promises."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from tests.unit.management.test_commands import RUN_UNTIL_ENDED, ours

pytestmark = pytest.mark.usefixtures("django_ready", "nats_url", "redis_url")

SOMEBODY = "4b834211-ba10-4631-b70e-752f7b475ffe"
CASES: list[tuple[str, list[str], int]] = [
    ("bind", [SOMEBODY, "--dry-run"], 0),
    ("unbind", [SOMEBODY, "--dry-run"], 0),
    ("drain", [SOMEBODY, "--dry-run"], 0),
    ("rebind", [SOMEBODY, "--dry-run"], 0),
    ("rebind", [SOMEBODY], 4),
    ("sessions", [SOMEBODY], 1),
    ("audit", ["--last", "1m", "--operator", SOMEBODY], 0),
    ("held", ["list", "--operator", SOMEBODY], 0),
    ("held", ["as-failed", SOMEBODY, "--dry-run"], 0),
    ("held", ["as-failed", SOMEBODY], 0),
    ("ids", [SOMEBODY], 0),
    ("ids", [SOMEBODY, "accept", "--dry-run"], 0),
    ("partitions", ["--dry-run"], 0),
    ("partitions", [], 0),
    ("sweep", ["--dry-run"], 0),
    ("sweep", [], 0),
    ("replay", ["--operator", SOMEBODY, "--in-doubt", "--yes"], 0),
    ("replay", ["--operator", SOMEBODY, "--give-back", "--dry-run"], 0),
    ("send", [SOMEBODY, "+93701234567", "hello", "--dry-run"], 0),
    ("send", [SOMEBODY, "+93701234567", "hello", "--yes", "--timeout", "0.5"], 4),
    ("profiles", ["list"], 0),
    ("profiles", ["publish", "--dry-run"], 0),
    ("profiles", ["publish"], 0),
    ("provision", ["--dry-run"], 0),
    ("provision", [], 0),
    ("asyncapi", [], 0),
    ("segment", ["hello"], 0),
    ("staff", ["list"], 0),
    ("where", [SOMEBODY], 1),
    ("pdu", ["00000010000000150000000000000001"], 0),
    ("doctor", ["--timeout", "2"], 1),
]
ASKED_ELSEWHERE = {"trace", "probe", "receipt"}
"""They need a gateway, an operator, a receipt: tests of their own."""

WRONG: list[tuple[str, list[str]]] = [
    ("bind", ["roshan"]),
    ("audit", ["--last", "soon"]),
    ("held", ["as-failed"]),
    ("ids", ["roshan"]),
    ("replay", []),
    ("replay", ["roshan"]),
    ("replay", [SOMEBODY, "--rate", "0"]),
    ("replay", [SOMEBODY, "--expires-in", "soon"]),
    ("send", ["roshan", "+93701234567", "hello"]),
    ("send", [SOMEBODY, "nobody", "hello"]),
    ("doctor", ["--timeout", "0"]),
]


@pytest.fixture(autouse=True, scope="module")
def streams(nats_url: str) -> None:
    call_command("provision")


def run(name: str, argv: list[str]) -> int:
    try:
        call_command(name, *argv)
    except CommandError as error:
        return error.returncode
    except SystemExit as ended:
        return int(ended.code or 0)
    return 0


def test_each_has_a_case() -> None:
    assert {name for name, _, _ in CASES} == set(ours()) - RUN_UNTIL_ENDED - ASKED_ELSEWHERE


@pytest.mark.parametrize(("name", "argv", "code"), CASES)
def test_it_answers_in_json_with_its_exit_code(
    name: str, argv: list[str], code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(name, [*argv, "--json"]) == code
    out = capsys.readouterr().out
    told: Any = json.loads(out)
    assert isinstance(told, dict)
    assert len(out.splitlines()) == 1


@pytest.mark.parametrize(("name", "argv"), WRONG)
def test_wrong_usage_is_2_and_says_nothing_on_stdout(
    name: str, argv: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(name, argv) == 2
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("name", "argv"),
    [
        ("held", ["list"]),
        ("audit", []),
        ("replay", ["--last", "1h"]),
        ("partitions", []),
        ("sweep", []),
        ("staff", ["list"]),
        ("ids", []),
        ("where", [SOMEBODY]),
        ("send", [SOMEBODY, "+93701234567", "hello", "--yes"]),
        ("profiles", ["list"]),
        ("profiles", ["publish"]),
        ("sessions", []),
        ("bind", [SOMEBODY]),
        ("unbind", [SOMEBODY]),
        ("drain", [SOMEBODY]),
        ("rebind", [SOMEBODY]),
        ("trace", [SOMEBODY]),
        ("trace", [SOMEBODY, "--unmask", "--as", "admin"]),
        ("provision", []),
    ],
)
def test_a_server_that_is_away_is_3(name: str, argv: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    from django.db import connection

    connection.close()
    monkeypatch.setitem(connection.settings_dict, "PORT", "9")
    monkeypatch.setenv("NATS_URL", "nats://127.0.0.1:9")
    monkeypatch.setattr("ghasi.correlations.management.commands.audit.CONNECT_WAIT", 0.3)
    try:
        assert run(name, argv) == 3
    finally:
        connection.close()


def test_an_empty_list_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    run("held", ["list", "--operator", SOMEBODY])
    run("sessions", [SOMEBODY])
    run("ids", [SOMEBODY])
    run("replay", ["--operator", SOMEBODY])
    assert capsys.readouterr().out.splitlines() == [
        "nothing is held",
        "no session",
        "nothing was seen yet",
        "0 dead letters, 0 to be sent again",
    ]
