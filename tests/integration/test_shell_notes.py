"""What is done from a shell stands in the list of what the staff did: before it is done, and then what came of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from ghasi.correlations.models import MessageCorrelation
from ghasi.operators.actions import OperatorAction, Result
from ghasi.operators.shell import noted
from tests.integration.test_operator_commands import holder
from tests.support import ledgerui as given

pytestmark = pytest.mark.usefixtures("django_ready", "nats_url")


@pytest.fixture(autouse=True)
def machine(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr("getpass.getuser", lambda: "machine")
    monkeypatch.setattr("ghasi.operators.control.gather.__defaults__", (0.5,))
    yield
    MessageCorrelation.objects.filter(policy_action__in=["hold", "as_sent", "as_failed"]).update(
        policy_action="resend"
    )
    connection.close()


def entries(target: object) -> list[tuple[str, str, str, str]]:
    rows = OperatorAction.objects.filter(target=str(target)).order_by("id")
    return [(row.actor, row.action, row.reason, row.result) for row in rows]


@pytest.mark.parametrize(
    ("what", "action"), [("as-sent", "part.settle_as_sent"), ("as-failed", "part.settle_as_failed")]
)
def test_a_settled_message_names_who_settled_it(what: str, action: str) -> None:
    message, _ = given.held(datetime.now(UTC), 2)
    call_command("held", what, str(message.message_id), "--reason", "the operator says so", "--yes")
    assert entries(message.message_id) == [("shell:machine", action, "the operator says so", "done")]


def test_a_message_whose_command_is_not_kept_is_noted_as_refused() -> None:
    message, _ = given.held(datetime.now(UTC))
    call_command("held", "resend", str(message.message_id), "--yes")
    assert entries(message.message_id) == [("shell:machine", "part.resend", "", "refused")]


def test_held_asks_first(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    message, _ = given.held(datetime.now(UTC))
    with pytest.raises(CommandError) as unasked:
        call_command("held", "as-failed", str(message.message_id))
    assert unasked.value.returncode == 2
    monkeypatch.setattr("sys.stdin", Terminal("n\n"))
    with pytest.raises(CommandError) as refused:
        call_command("held", "as-failed", str(message.message_id))
    assert refused.value.returncode == 1
    assert entries(message.message_id) == []
    assert MessageCorrelation.objects.get(message_id=message.message_id).policy_action == "hold"
    monkeypatch.setattr("sys.stdin", Terminal("y\n"))
    capsys.readouterr()
    call_command("held", "as-failed", str(message.message_id), "--json")
    said = capsys.readouterr()
    assert json.loads(said.out) == {"held": [{"parts": 1}]}
    assert "Say of 1 part that they failed?" in said.err


class Terminal:
    def __init__(self, line: str) -> None:
        self._line = line

    def isatty(self) -> bool:
        return True

    def readline(self) -> str:
        return self._line


@pytest.mark.parametrize("action", ["bind", "unbind", "drain"])
def test_an_order_names_who_gave_it(nats_url: str, action: str) -> None:
    operator_id = str(uuid4())
    with holder(nats_url, operator_id):
        call_command(action, operator_id, "--reason", "planned work")
    assert entries(operator_id) == [("shell:machine", action, "planned work", "done")]
    assert OperatorAction.objects.get(target=operator_id).detail == {"answers": ["gw-1: wanted: bound"]}


def test_what_came_of_an_order_is_noted(nats_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    unheard, refused, failed = (str(uuid4()) for _ in range(3))
    with pytest.raises(SystemExit):
        call_command("bind", unheard)
    with holder(nats_url, refused, ok=False), pytest.raises(SystemExit):
        call_command("bind", refused)
    monkeypatch.setenv("NATS_URL", "nats://127.0.0.1:9")
    monkeypatch.setattr("ghasi.operators.control.CONNECT_WAIT", 0.3)
    with pytest.raises(CommandError):
        call_command("bind", failed)
    assert [entries(one)[0][-1] for one in (unheard, refused, failed)] == ["kept", "refused", "failed"]


@pytest.mark.parametrize(("setting", "said"), [({"PORT": "9"}, "lacks this order"), ({"NAME": ""}, "")])
def test_an_order_needs_no_database(
    nats_url: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    setting: dict[str, Any],
    said: str,
) -> None:
    operator_id = str(uuid4())
    connection.close()
    with monkeypatch.context() as without:
        for name, value in setting.items():
            without.setitem(connection.settings_dict, name, value)
        with holder(nats_url, operator_id):
            call_command("unbind", operator_id)
        connection.close()
    told = capsys.readouterr()
    assert f"{operator_id} gw-1: ok" in told.out
    assert said in told.err if said else not told.err


def test_what_ends_in_between_stays_as_asked_for() -> None:
    target = str(uuid4())
    with pytest.raises(KeyboardInterrupt), noted("bind", "operator", [target]):
        raise KeyboardInterrupt
    assert entries(target) == [("shell:machine", "bind", "", Result.ASKED)]
