"""What to do next about a message, and how the operator stands that it waits for."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from ghasi.correlations.ids import row_id
from ghasi.correlations.models import InboxReceipt, MessageCorrelation
from ghasi.correlations.models_accounting import AccountingOpen
from ghasi.correlations.where_entries import Kept, entries_of
from ghasi.correlations.where_words import Standing, standing_of
from ghasi.operators.models import Operator

NOW = datetime(2026, 4, 18, 10, 30, tzinfo=UTC)
OPERATOR = UUID("550e8400-e29b-41d4-a716-446655440001")
NAMES = {OPERATOR: "Roshan"}


def kept(*rows: Any, state: str = "BOUND", reason: str = "", ago: int = 3, **more: Any) -> Kept:
    seen = NOW - timedelta(seconds=ago)
    one = Operator(operator_id=OPERATOR, name="Roshan", state=state, reason=reason, tps_limit=50, last_seen_at=seen)
    return Kept(rows=rows, names=NAMES, operators={OPERATOR: one}, **more)


def row(status: str, **fields: Any) -> Any:
    given: dict[str, Any] = {
        "id": row_id(NOW - timedelta(seconds=9)),
        "message_id": uuid4(),
        "operator_id": OPERATOR,
        "requested_operator_id": OPERATOR,
        "prepared_at": NOW - timedelta(seconds=9),
        "expires_at": NOW + timedelta(hours=1),
        "destination": "+93701234567",
        **fields,
    }
    return MessageCorrelation(status=status, segment=1, segments=1, attempt=1, **given)


def waits(**operator: Any) -> Standing:
    command = AccountingOpen(operator_id=OPERATOR, stream_seq=9, stored_at=NOW - timedelta(minutes=5))
    return standing_of(kept(commands=[command], **operator), NOW)


@pytest.mark.parametrize(
    ("operator", "said", "to_do"),
    [
        ({}, "Roshan is BOUND and takes 50 a second at most.", "Nothing: it leaves in its turn."),
        (
            {"state": "DISCONNECTED", "reason": "ESME_RBINDFAIL"},
            "Roshan is DISCONNECTED (ESME_RBINDFAIL).",
            f"manage.py sessions {OPERATOR}.",
        ),
        ({"state": "UNBOUND", "reason": "drained"}, "Roshan is UNBOUND (drained).", f"manage.py bind {OPERATOR}."),
        ({"state": "FAILBACK"}, "Roshan is FAILBACK.", "Nothing: the backup carries"),
        ({"ago": 600}, "Roshan was BOUND when a gateway last told, at 2026-04-18 10:20:00 UTC.", "manage.py doctor"),
        ({"state": ""}, "nothing of it was handed over yet.", "manage.py sessions"),
    ],
)
def test_what_waits_tells_how_its_operator_stands(operator: dict[str, Any], said: str, to_do: str) -> None:
    found = waits(**operator)
    assert found.words.startswith("Waits in SMS_DISPATCH since 2026-04-18 10:25:00 UTC: ")
    assert found.words.endswith(said)
    assert to_do in found.next


def test_an_operator_nobody_wrote_down_is_looked_for() -> None:
    command = AccountingOpen(operator_id=OPERATOR, stream_seq=9, stored_at=NOW)
    assert "manage.py sessions" in standing_of(Kept(commands=[command]), NOW).next


@pytest.mark.parametrize(
    ("one", "to_do"),
    [
        (row("PREPARED"), "Nothing: it leaves in its turn."),
        (row("PREPARED", gateway_replica="gw-1"), "Wait: an answer comes within 30 s"),
        (
            row("PREPARED", gateway_replica="gw-1", prepared_at=NOW - timedelta(minutes=5)),
            "Wait: its command comes again",
        ),
        (row("SUBMITTED", submitted_at=NOW, operator_message_id="0A"), "Ask the operator about id 0A"),
        (row("SUBMITTED", submitted_at=NOW), "ask the operator by number and time"),
        (row("EXPIRED", submitted_at=NOW, operator_message_id="0A"), "Ask the operator about id 0A"),
        (row("EXPIRED"), "the platform was told EXPIRED"),
        (row("DLR_RECEIVED", dlr_state="UNDELIVERABLE"), "the platform was told"),
        (row("IN_DOUBT"), "Wait: its receipt settles it"),
        (row("IN_DOUBT", policy_action="hold"), "manage.py held as-sent|as-failed|resend "),
        (row("IN_DOUBT", policy_action="fail"), "the platform was told REJECTED. It may double"),
        (row("IN_DOUBT", policy_action="as_sent"), "Wait: it is carried out"),
        (row("IN_DOUBT", policy_action="expired"), "if not: manage.py replay "),
        (row("IN_DOUBT", in_doubt_reason="command_gone"), "settle it: the admin's list of correlations"),
        (row("REJECTED", reason="command_gone_72h"), "the platform was told REJECTED, and sends anew"),
        (row("REJECTED", command_status=0x0B), "manage.py replay "),
        (row("REJECTED", command_status=0x58, retry_at=NOW + timedelta(seconds=5)), "it is tried again by itself"),
        (
            row("REJECTED", command_status=0x58, retry_at=NOW - timedelta(seconds=5)),
            "Nothing: it leaves in its turn.",
        ),
    ],
    ids=lambda one: getattr(one, "status", None),
)
def test_what_to_do_about_a_part(one: Any, to_do: str) -> None:
    assert to_do in standing_of(kept(one), NOW).next


def test_nothing_is_to_be_done_about_what_was_delivered() -> None:
    assert standing_of(kept(row("DLR_RECEIVED", dlr_state="DELIVERED")), NOW).next == ""


def test_what_came_back_or_expired_tells_what_held_it_up() -> None:
    delays = [["unbound", (NOW - timedelta(seconds=8)).isoformat(), (NOW - timedelta(seconds=7)).isoformat()]]
    back = standing_of(kept(row("PREPARED", delays=delays)), NOW).words
    assert "It came back from the gateway at 2026-04-18 10:29:53 UTC: unbound." in back
    late = standing_of(kept(row("EXPIRED", delays=delays, closed_at=NOW)), NOW).words
    assert late == (
        "Expired before it could be sent at 2026-04-18 10:30:00 UTC: nothing of it left. "
        "What last held it up: unbound, from 2026-04-18 10:29:52 UTC to 10:29:53."
    )


@pytest.mark.parametrize(
    ("one", "said"),
    [
        (
            row("REJECTED", reason="plan_changed", closed_at=NOW),
            "Given up by us (plan_changed) at 2026-04-18 10:30:00 UTC.",
        ),
        (
            row("REJECTED", reason="held_failed", policy_action="failed", policy_at=NOW, command_status=0x455),
            "Counted as failed at 2026-04-18 10:30:00 UTC, because a person said so, or nobody for 72 hours; "
            "Roshan had answered 0x00000455.",
        ),
        (row("REJECTED", command_status=0x0B), "Refused for good by Roshan with ESME_RINVDSTADR."),
        (
            row("IN_DOUBT", in_doubt_at=NOW, in_doubt_reason="command_gone"),
            "In doubt since 2026-04-18 10:30:00 UTC (command_gone): Roshan may have it. "
            "Only its receipt or a person will settle it.",
        ),
    ],
)
def test_who_gave_it_up(one: Any, said: str) -> None:
    assert standing_of(kept(one), NOW).words == said


def test_another_attempt_is_told_as_such() -> None:
    again = row("DLR_RECEIVED", dlr_state="DELIVERED", dlr_received_at=NOW)
    again.attempt = 2
    assert standing_of(kept(again), NOW).words.endswith("UTC. That is attempt 2.")
    again.possible_duplicate = True
    assert standing_of(kept(again), NOW).words.endswith("UTC. That is attempt 2, which may double another.")


def test_a_row_made_to_say_that_it_expired_was_not_claimed() -> None:
    late = row("EXPIRED", expires_at=NOW - timedelta(seconds=20), command_age=60_000)
    assert [(one.kind, one.at) for one in entries_of(kept(late))] == [
        ("command", NOW - timedelta(seconds=69)),
        ("expired", NOW - timedelta(seconds=9)),
    ]
    assert "It waited for Roshan since 2026-04-18 10:28:51 UTC." in standing_of(kept(late), NOW).words


def test_a_receipt_that_came_before_the_answer_is_told() -> None:
    receipt = InboxReceipt(operator_id=OPERATOR, operator_message_id="0A", status="DELIVERED", taken_at=NOW)
    found = kept(row("PREPARED", gateway_replica="gw-1"), near=[receipt])
    assert standing_of(found, NOW).words.endswith("no answer yet. A receipt came meanwhile whose number fits.")
    [entry] = [one for one in entries_of(found) if one.kind == "receipt"]
    assert (entry.at, entry.who) == (NOW, "Roshan")
