"""What is said of things that the environment does not name: they were not looked at, and that is no fault."""

from __future__ import annotations

import json
from io import StringIO

import pytest
from django.core.management import call_command

from ghasi.doctor.findings import RULES
from ghasi.doctor.run import examine
from ghasi.doctor.surroundings import Surroundings
from ghasi.env import Env

UNSEEN = {"nats.not_looked_at", "postgres.not_looked_at", "redis.not_looked_at", "operators.not_looked_at"}
CLOSED = "nats://127.0.0.1:9"
SETTINGS = ("NATS_URL", "DATABASE_URL", "REDIS_URL", "OPERATOR_MGMT_URL", "CREDENTIALS_SOURCE", "OPERATOR_IDS")


async def test_of_an_empty_environment_only_what_every_process_needs_is_asked() -> None:
    found = await examine(Surroundings.of(Env({}), timeout=1.0))
    assert [one.where for one in found if one.name == "settings.invalid"] == ["NATS_URL"]
    assert {one.name for one in found} == {*UNSEEN, "settings.invalid", "nats.sync_untold"}


async def test_operators_that_nobody_names_were_not_looked_at() -> None:
    env = Env({"OPERATOR_MGMT_URL": "http://localhost:9", "INTERNAL_SERVICE_TOKEN": "t", "NATS_URL": CLOSED})
    found = await examine(Surroundings.of(env, timeout=0.5))
    assert [one.evidence for one in found if one.name == "operators.not_looked_at"] == [
        "OPERATOR_IDS is not set here, and no living process names any"
    ]


def test_whatever_was_not_looked_at_is_a_note_that_says_so() -> None:
    assert {name for name, rule in RULES.items() if rule.unseen} == {*UNSEEN, "nats.sync_untold"}
    assert {rule.severity.value for rule in RULES.values() if rule.unseen} == {"note"}


@pytest.fixture
def nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in SETTINGS:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(f"{name}_FILE", raising=False)


@pytest.mark.usefixtures("nothing_set")
def test_the_command_does_not_say_that_nothing_is_wrong() -> None:
    out = StringIO()
    with pytest.raises(SystemExit):
        call_command("doctor", stdout=out)
    assert out.getvalue().splitlines()[-1] == (
        "not everything was looked at, see the notes on NATS, PostgreSQL, Redis, operators"
    )


@pytest.mark.usefixtures("nothing_set")
def test_json_tells_that_it_is_not_complete() -> None:
    out = StringIO()
    with pytest.raises(SystemExit):
        call_command("doctor", "--json", stdout=out)
    assert json.loads(out.getvalue())["complete"] is False
