"""What is done from a shell stands in the list of what the staff did: before it is done, and then what came of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import override_settings

from ghasi.correlations.models import MessageCorrelation
from ghasi.correlations.number_searches import name_of
from ghasi.operators.actions import OperatorAction, Result
from ghasi.operators.models import ProfileChange
from ghasi.operators.shell import noted
from tests.integration.test_operator_commands import holder, wanted
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


@pytest.mark.parametrize("action", ["bind", "unbind", "drain", "rebind"])
def test_an_order_names_who_gave_it(nats_url: str, action: str) -> None:
    operator_id = str(uuid4())
    with holder(nats_url, operator_id):
        call_command(action, operator_id, "--reason", "planned work")
    assert entries(operator_id) == [("shell:machine", action, "planned work", "done")]
    assert OperatorAction.objects.get(target=operator_id).detail == {"answers": ["gw-1: wanted: bound"]}


def test_what_came_of_an_order_is_noted(nats_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    unheard, refused, failed, lost = (str(uuid4()) for _ in range(4))
    for command, target in (("bind", unheard), ("rebind", lost)):
        with pytest.raises(SystemExit):
            call_command(command, target)
    with holder(nats_url, refused, ok=False), pytest.raises(SystemExit):
        call_command("bind", refused)
    monkeypatch.setenv("NATS_URL", "nats://127.0.0.1:9")
    monkeypatch.setattr("ghasi.operators.control.CONNECT_WAIT", 0.3)
    with pytest.raises(CommandError):
        call_command("bind", failed)
    results = [entries(one)[0][-1] for one in (unheard, refused, failed, lost)]
    assert results == ["kept", "refused", "failed", "failed"], "nobody carries a rebind out later"
    assert OperatorAction.objects.get(target=lost).detail == {"answers": ["no gateway answered"]}


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


def test_who_is_at_the_shell_says_so(nats_url: str) -> None:
    operator_id = str(uuid4())
    with override_settings(SHELL_ACTOR="anna"), holder(nats_url, operator_id) as heard:
        call_command("drain", operator_id, "--reason", "planned work")
    assert entries(operator_id) == [("shell:anna", "drain", "planned work", "done")]
    assert (wanted(nats_url, operator_id).by, heard[0].by) == ("shell:anna", "shell:anna"), "the same everywhere"


def test_a_profile_names_who_saved_and_who_deleted_it(tmp_path: Path) -> None:
    name = f"p{uuid4().hex[:8]}"
    file = tmp_path / f"{name}.yaml"
    file.write_text("pace: {window: 5}\n")
    call_command("provision")
    call_command("profiles", "import", str(file), "--reason", "contract signed")
    call_command("profiles", "delete", name)
    assert set(ProfileChange.objects.filter(profile_name=name).values_list("changed_by", flat=True)) == {
        "shell:machine"
    }
    assert [one[:2] for one in entries(name)] == [
        ("shell:machine", "profile.saved"),
        ("shell:machine", "profile.deleted"),
    ]


def test_a_test_message_names_who_sent_it_and_its_number_by_mask_and_hash() -> None:
    call_command("provision")
    message_id, number = str(uuid4()), "+93701234567"
    with pytest.raises(SystemExit) as ended:
        call_command(
            *("send", str(uuid4()), number, "a secret text", "--message-id", message_id),
            *("--reason", "new route", "--yes", "--timeout", "0.3"),
        )
    assert ended.value.code == 4
    assert entries(message_id) == [("shell:machine", "message.send", "new route", "done")]
    (row,) = OperatorAction.objects.filter(target=message_id)
    assert row.detail["to"] == name_of(number)
    assert "01234567" not in json.dumps(row.detail)
    assert "secret" not in json.dumps(row.detail)


def test_without_a_key_a_test_message_names_its_number_by_mask_alone() -> None:
    message_id = str(uuid4())
    with override_settings(SECRET_KEY=""), pytest.raises(SystemExit):
        call_command(
            *("send", str(uuid4()), "+93701234567", "hello", "--message-id", message_id),
            *("--yes", "--timeout", "0.3"),
        )
    assert OperatorAction.objects.get(target=message_id).detail["to"] == "+9370•••67"


def test_a_message_that_nats_did_not_take_stays_as_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    message_id = str(uuid4())
    monkeypatch.setenv("NATS_URL", "nats://127.0.0.1:9")
    monkeypatch.setattr("ghasi.correlations.sending.CONNECT_WAIT", 0.3)
    with pytest.raises(CommandError) as away:
        call_command("send", str(uuid4()), "+93701234567", "hello", "--message-id", message_id, "--yes")
    assert away.value.returncode == 3
    assert entries(message_id) == [("shell:machine", "message.send", "", "asked")]
