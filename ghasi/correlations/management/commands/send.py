"""`manage.py send OPERATOR NUMBER TEXT`: a test message, followed to its receipt (docs/commands.md)."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from asgiref.sync import async_to_sync
from django.core.management.base import BaseCommand, CommandError, CommandParser

from ghasi.contracts.commands import Refused, decode_command
from ghasi.correlations import sending
from ghasi.correlations.masking import masked
from ghasi.correlations.number_searches import name_of
from ghasi.correlations.partitions import ledger_day
from ghasi.correlations.sending import Stage, Standing
from ghasi.env import SettingsError
from ghasi.management.exits import EXIT_INTERRUPTED, EXIT_NO, EXIT_OPEN, EXIT_USAGE, servers_needed
from ghasi.management.person import Stop, agreed, interruptible
from ghasi.operators.shell import noted

LOOK_EVERY = 0.2
SEND = "message.send"
"""As the list of what the staff did has it."""


class Command(BaseCommand):
    help = (
        "Sends one message through the whole connector, as the platform would, and follows it. Interrupted, "
        "it goes on with --message-id: the same message is never sent twice. Exit codes: 0 delivered (with "
        "--submitted: taken by the operator), 1 rejected, undeliverable, expired or dead, 2 wrong usage or settings, "
        "3 NATS or PostgreSQL not reached, 4 not known within --timeout, 130 interrupted."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("operator", help="operator id (UUID)")
        parser.add_argument("number", help="the phone, in international form")
        parser.add_argument("text", help="the message")
        parser.add_argument("--from", dest="sender", default="TEST", help="the sender (TEST)")
        parser.add_argument("--encoding", choices=["GSM7", "UCS2"], default="GSM7")
        parser.add_argument("--message-id", help="messageId (UUID) to use: that of a run that was interrupted")
        parser.add_argument("--submitted", action="store_true", help="done once the operator has taken it")
        parser.add_argument("--timeout", type=float, default=60.0, help="seconds to follow it; it expires then (60)")
        parser.add_argument(
            "--reason", default="", help="why, kept in the list of what the staff did; no numbers, no texts"
        )
        parser.add_argument("--dry-run", action="store_true", help="check it and say what would be sent")
        parser.add_argument("--yes", action="store_true", help="do not ask")
        parser.add_argument("--json", action="store_true", help="one JSON object on stdout")

    def handle(self, *args: Any, **options: Any) -> None:
        now = datetime.now(UTC)
        operator_id, message_id, data = _checked(options, now)
        to, as_json = masked(options["number"]), options["json"]
        if options["dry_run"]:
            self._tell({"messageId": None, "operatorId": str(operator_id), "to": to, "sent": False}, as_json=as_json)
            return
        if not agreed(f"Send a message to {to} over {operator_id}?", yes=options["yes"]):
            raise CommandError("nothing was sent", returncode=EXIT_NO)
        with servers_needed():
            detail = {"operatorId": str(operator_id), "to": _named(options["number"])}
            with noted(SEND, "message", [str(message_id)], reason=options["reason"], detail=detail):
                async_to_sync(sending.publish)(operator_id, message_id, data)
            if not as_json:
                self.stdout.write(f"0.0 s sent as {message_id}")
            with interruptible() as stop:
                standing = self._follow(message_id, now, options, stop)
        told = {"messageId": str(message_id), "operatorId": str(operator_id), "to": to, "sent": True}
        if as_json:
            self._tell({**told, **_told(standing)}, as_json=True)
        elif stop.asked:
            self.stdout.write(f"interrupted; go on with --message-id {message_id}")
        if code := _exit_code(standing, stop, submitted=options["submitted"]):
            raise SystemExit(code)

    def _follow(self, message_id: UUID, began: datetime, options: dict[str, Any], stop: Stop) -> Standing:
        days = [ledger_day(began), ledger_day(began + timedelta(days=1)), ledger_day(began - timedelta(days=1))]
        start, last = time.monotonic(), Standing(Stage.WAITING)
        while True:
            standing = sending.standing_of(message_id, days)
            elapsed = time.monotonic() - start
            if not options["json"] and (standing.stage, standing.detail) != (last.stage, last.detail):
                self.stdout.write(f"{elapsed:.1f} s {_line(standing)}")
                self.stdout.flush()
            last = standing
            enough = options["submitted"] and standing.stage is Stage.SUBMITTED
            if standing.ended or enough or stop.asked or elapsed >= options["timeout"]:
                return standing
            time.sleep(LOOK_EVERY)

    def _tell(self, told: dict[str, Any], *, as_json: bool) -> None:
        if as_json:
            self.stdout.write(json.dumps(told))
        else:
            self.stdout.write(f"it can be sent to {told['to']} over {told['operatorId']}; nothing was sent")


def _checked(options: dict[str, Any], now: datetime) -> tuple[UUID, UUID, bytes]:
    """Operator, message id and the command's bytes. Raises CommandError."""
    try:
        operator_id = UUID(options["operator"])
        message_id = UUID(options["message_id"]) if options["message_id"] else uuid4()
    except ValueError:
        raise CommandError("operators and messages are named by their UUIDs", returncode=EXIT_USAGE) from None
    if options["timeout"] <= 0:
        raise CommandError("--timeout must be more than 0", returncode=EXIT_USAGE)
    data = sending.command_of(
        message_id,
        operator_id,
        to=options["number"],
        sender=options["sender"],
        text=options["text"],
        encoding=options["encoding"],
        now=now,
        lives=options["timeout"],
    )
    try:
        decode_command(data, operator_id=str(operator_id), now=now, retention_days=7)
    except Refused as refused:
        raise CommandError(str(refused), returncode=EXIT_USAGE) from None
    return operator_id, message_id, data


def _named(number: str) -> str:
    """The number by its mask and keyed hash, as a search for it is noted; by its mask alone where there is no key."""
    try:
        return name_of(number)
    except (SettingsError, ValueError):
        return masked(number)


def _line(standing: Standing) -> str:
    parts = f" {len(standing.parts)} parts" if len(standing.parts) > 1 else ""
    ids = [part.operator_message_id for part in standing.parts if part.operator_message_id]
    taken = f" as {', '.join(ids)}" if ids and standing.stage is Stage.SUBMITTED else ""
    return f"{standing.stage.value}{parts}{taken}" + (f": {standing.detail}" if standing.detail else "")


def _told(standing: Standing) -> dict[str, Any]:
    return {
        "stage": standing.stage.value,
        "detail": standing.detail or None,
        "parts": [
            {
                "segment": part.segment,
                "attempt": part.attempt,
                "status": part.status.value,
                "operatorMessageId": part.operator_message_id,
                "receipt": part.dlr_state,
            }
            for part in standing.parts
        ],
    }


def _exit_code(standing: Standing, stop: Stop, *, submitted: bool) -> int:
    if standing.stage is Stage.DELIVERED or (submitted and standing.stage is Stage.SUBMITTED):
        return 0
    if standing.ended:
        return EXIT_NO
    return EXIT_INTERRUPTED if stop.asked else EXIT_OPEN
