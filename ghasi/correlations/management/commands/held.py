"""`manage.py held`: parts left to a person, and what is to become of them (docs/operations.md, "Held")."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from asgiref.sync import async_to_sync
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from ghasi.correlations import held
from ghasi.correlations.claims import POLICY_EXPIRED
from ghasi.correlations.replay_entries import RESEND
from ghasi.correlations.replay_tries import TAKEN_FOR_DEAD, Run, TakenForDead
from ghasi.correlations.resending import NotKept, Resend, resend
from ghasi.correlations.rows import KeyedRow
from ghasi.management.exits import EXIT_NO, EXIT_USAGE, servers_needed
from ghasi.management.person import agreed, counted
from ghasi.operators.actions import Result
from ghasi.operators.shell import noted
from ghasi.smpp.constants import status_name
from ghasi.smpp.status_rules import parse_codes

ORDERS = {"as-sent": held.ORDER_SENT, "as-failed": held.ORDER_FAILED}
ACTIONS = {"as-sent": "part.settle_as_sent", "as-failed": "part.settle_as_failed", "resend": RESEND}
"""As the admin's bulk actions are called in the list of what the staff did."""
MADE = "sent again already by a call that did not come to its end"
TOO_LATE = "its time is over: manage.py replay --in-doubt --expires-in gives it a new one"
QUESTIONS = {
    "as-sent": "Say of {parts} that the operator took them?",
    "as-failed": "Say of {parts} that they failed?",
    "resend": "Send {messages} again?",
}


class Command(BaseCommand):
    help = (
        "Parts in doubt that are left to a person: held because of a command_status that nobody knows or by the "
        "operator's policy, too late or cut otherwise to be sent again, or without their command. Lists them, and "
        "does what a person decides. as-sent and as-failed are carried out and told by the receipts pool within "
        "seconds; resend publishes the commands again. Exit codes: 0 done, 1 not agreed to, 2 wrong usage or "
        "settings, 3 NATS or PostgreSQL not reached."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("what", choices=["list", *ORDERS, "resend"])
        parser.add_argument("message", nargs="*", help="message id (UUID)")
        parser.add_argument("--operator", help="operator id (UUID)")
        parser.add_argument("--code", help="command_status, such as 0x0455 or 1109")
        parser.add_argument("--limit", type=int, default=held.BATCH, help="parts at most, the oldest first")
        parser.add_argument("--dry-run", action="store_true", help="list what would be decided and decide nothing")
        parser.add_argument(
            "--reason", default="", help="why, kept in the list of what the staff did; no numbers, no texts"
        )
        parser.add_argument("--yes", action="store_true", help="do not ask")
        parser.add_argument("--json", action="store_true", help="one JSON object on stdout")

    def handle(self, *args: Any, **options: Any) -> None:
        chosen = _chosen(options)
        what = options["what"]
        if what != "list" and not (chosen["message_ids"] or chosen["operator_id"] or chosen["command_status"]):
            raise CommandError("name messages, an operator or a code", returncode=EXIT_USAGE)
        try:
            with servers_needed():
                rows = held.find(**chosen)
                listed = what == "list" or options["dry_run"]
                told = [_told(row) for row in rows] if listed else self._carry_out(what, rows, options)
        except TakenForDead:
            raise CommandError(TAKEN_FOR_DEAD, returncode=EXIT_NO) from None
        if options["json"]:
            self.stdout.write(json.dumps({"held": told}))
            return
        for one in told:
            self.stdout.write(" ".join(f"{key}={value}" for key, value in one.items() if value is not None))
        if not told:
            self.stdout.write("nothing is held")

    def _carry_out(self, what: str, rows: Sequence[KeyedRow], options: dict[str, Any]) -> list[dict[str, Any]]:
        messages = sorted({row.message_id for row in rows})
        if not rows:
            return [{"parts": 0}] if what in ORDERS else []
        question = QUESTIONS[what].format(
            parts=counted(len(rows), "part"), messages=counted(len(messages), "message")
        )
        if not agreed(question, yes=options["yes"]):
            raise CommandError("nothing was done", returncode=EXIT_NO)
        if what == "resend":
            return _sent_again(rows, messages, options["reason"])
        with noted(ACTIONS[what], "message", map(str, messages), reason=options["reason"]) as entries:
            done = held.ordered(rows, ORDERS[what], now=timezone.now())
            entries.others = Result.REFUSED
            entries.results.update({str(row.message_id): Result.DONE for row in rows if row.row_id in done})
        return [{"parts": len(done)}]


def _sent_again(rows: Sequence[KeyedRow], messages: Sequence[UUID], reason: str) -> list[dict[str, Any]]:
    run = Run()
    places = held.kept(messages)
    attempts = _attempts(rows, run.begun(messages))
    with noted(RESEND, "message", map(str, messages), reason=reason, detail=run.detail) as entries:
        late = {row.message_id for row in rows if row.policy_action == POLICY_EXPIRED}
        outcomes: list[Resend | NotKept] = [NotKept(one, MADE) for one in messages if one not in attempts]
        outcomes += [NotKept(one, TOO_LATE) for one in attempts if one in late]
        wanted = [Resend(one, places.get(one), attempt) for one, attempt in attempts.items() if one not in late]
        outcomes += async_to_sync(resend)(wanted, run.begin)
        refused = (one for one in outcomes if isinstance(one, NotKept))
        entries.results.update({str(one.message_id): Result.REFUSED for one in refused})
    run.finish()
    return [_resent(one) for one in outcomes]


def _attempts(rows: Sequence[KeyedRow], begun: Mapping[UUID, int]) -> dict[UUID, int]:
    """The attempt that each message's new try follows: the one that an earlier call began it with, where it did. A
    message whose parts were all tried again since is missing."""
    attempts: dict[UUID, int] = {}
    for row in rows:
        named = begun.get(row.message_id, row.attempt)
        if row.attempt <= named:
            attempts[row.message_id] = max(named, attempts.get(row.message_id, 0))
    return attempts


def _chosen(options: dict[str, Any]) -> dict[str, Any]:
    """Raises CommandError."""
    try:
        codes = parse_codes(options["code"]) if options["code"] else None
        if codes is not None and codes[0] != codes[1]:
            raise ValueError("--code is one code")
        return {
            "operator_id": UUID(options["operator"]) if options["operator"] else None,
            "command_status": codes[0] if codes else None,
            "message_ids": [UUID(one) for one in options["message"]] or None,
            "limit": max(1, options["limit"]),
        }
    except ValueError as error:
        raise CommandError(str(error), returncode=EXIT_USAGE) from None


def _told(row: KeyedRow) -> dict[str, Any]:
    return {
        "message": str(row.message_id),
        "part": f"{row.segment}/{row.segments}",
        "attempt": row.attempt,
        "operator": str(row.operator_id),
        "status": None if row.command_status is None else status_name(row.command_status),
        "reason": row.in_doubt_reason,
        "policy": row.policy_action,
        "since": row.in_doubt_at.isoformat(timespec="seconds") if row.in_doubt_at else None,
    }


def _resent(one: Resend | NotKept) -> dict[str, Any]:
    if isinstance(one, NotKept):
        return {"message": str(one.message_id), "refused": one.reason}
    return {"message": str(one.message_id), "resent": one.attempt}
