"""workers.unfollowed: rules nobody here can build a PDU by, told once and shown while they last."""

from __future__ import annotations

import uuid
from typing import Any

import msgspec
import pytest
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from ghasi.contracts.sessions import SendRules, SessionRecord, State
from workers.holders import FORGET_AFTER, Holders

LOUD = SendRules(transliteration="loud")


@pytest.fixture
def operator_id() -> str:
    return str(uuid.uuid4())


def record(operator_id: str, rules: SendRules, replica: str = "r1") -> SessionRecord:
    return SessionRecord(operator_id, replica, "e", State.BOUND, binds=1, tps_limit=10, rules=rules)


def shown(operator_id: str) -> float | None:
    return REGISTRY.get_sample_value("smpp_connector_rules_not_followed", {"operator_id": operator_id})


def test_it_is_told_once_by_field_without_its_value_and_shown_while_it_lasts(operator_id: str) -> None:
    holders = Holders(lambda: 0.0)
    with capture_logs() as lines:
        for _ in range(3):
            holders.put(record(operator_id, LOUD))
        assert (holders.bound(operator_id), holders.stuck(operator_id), shown(operator_id)) == ([], True, 1)
        holders.put(record(operator_id, SendRules()))
    assert [one["event"] for one in lines] == ["rules.not_followed", "rules.followed_again"]
    assert (lines[0]["fields"], lines[0]["replica"], lines[0]["log_level"]) == ("transliteration", "r1", "error")
    assert "loud" not in str(lines)
    assert len(holders.bound(operator_id)) == 1
    assert (holders.stuck(operator_id), shown(operator_id)) == (False, 0)


def test_one_that_was_killed_is_shown_until_it_is_forgotten(operator_id: str) -> None:
    """It takes back neither what it said nor what nobody could read."""
    now = [0.0]
    holders = Holders(lambda: now[0])
    holders.put(record(operator_id, LOUD))
    holders._apply(f"{operator_id}.r3", None, b"unreadable")
    now[0] = FORGET_AFTER - 1
    holders.put(record(operator_id, SendRules(), "r2"))
    assert shown(operator_id) == 1
    now[0] = FORGET_AFTER + 1
    holders.put(record(operator_id, SendRules(), "r2"))
    assert (holders.stuck(operator_id), shown(operator_id)) == (False, 0)


def test_a_replica_whose_rules_can_be_followed_goes_on(operator_id: str) -> None:
    holders = Holders(lambda: 0.0)
    holders.put(record(operator_id, LOUD))
    holders.put(record(operator_id, SendRules(), "r2"))
    assert [one.replica for one in holders.bound(operator_id)] == ["r2"]
    assert (holders.stuck(operator_id), shown(operator_id)) == (False, 1)
    holders.drop(operator_id, "r1")
    assert shown(operator_id) == 0


@pytest.mark.parametrize("rules", [{"inDoubtPolicy": "pray"}, {"validity": {"form": "soon"}}])
def test_a_record_that_cannot_be_read_at_all_is_the_same_state(operator_id: str, rules: dict[str, Any]) -> None:
    holders = Holders(lambda: 0.0)
    holders.put(record(operator_id, SendRules()))
    document = msgspec.to_builtins(record(operator_id, SendRules())) | {"rules": rules}
    with capture_logs() as lines:
        for _ in range(2):
            holders._apply(f"{operator_id}.r1", None, msgspec.json.encode(document))
    assert [one["event"] for one in lines] == ["rules.not_followed"]
    assert (holders.bound(operator_id), shown(operator_id)) == ([], 1)
