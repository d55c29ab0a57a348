"""`manage.py where NAME`: where a message is, and how it came there (docs/operations.md, "Where is my SMS")."""

from __future__ import annotations

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from ghasi.correlations import where
from ghasi.correlations.lookup import numbers_of
from ghasi.correlations.masking import masked
from ghasi.correlations.readonly_admin import bounded_queries
from ghasi.correlations.where_entry import Entry
from ghasi.management.exits import EXIT_NO, EXIT_USAGE, servers_needed
from ghasi.operators.shell import somebody
from ghasi.operators.trace_permission import NotPermitted, permit_number


class Command(BaseCommand):
    help = (
        "Where a message is and how it came there, by its messageId, by the operator's id, or by a subscriber's "
        "number; several messages are listed, the newest first. Exit codes: 0 found, 1 nothing known by that name, "
        "2 wrong usage, settings or permission, 3 PostgreSQL or NATS not reached."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", nargs="?", help="messageId or operator's message id")
        parser.add_argument("--destination", metavar="NUMBER", help="instead: messages to this number; needs --as")
        parser.add_argument("--as", dest="user", metavar="USER", help="user with the permission to see numbers")
        parser.add_argument("--reason", default="", help="why the number is looked for, kept in the log of the staff")
        parser.add_argument("--events", action="store_true", help="look into the event streams too (needs NATS)")
        parser.add_argument("--json", action="store_true", help="one JSON object on stdout")

    def handle(self, *args: Any, **options: Any) -> None:
        if bool(options["name"]) == bool(options["destination"]):
            raise CommandError("give a name or --destination", returncode=EXIT_USAGE)
        with servers_needed():
            told = self._told(options)
        if options["json"]:
            self.stdout.write(json.dumps(told))
        else:
            self.stdout.write("\n".join(_lines(told)))
        if not told["messages"] and not told["receipts"]:
            raise SystemExit(EXIT_NO)

    def _told(self, options: dict[str, Any]) -> dict[str, Any]:
        numbers = self._permitted(options)
        with bounded_queries():
            if options["destination"]:
                found = where.find_by_destination(options["destination"])
            else:
                found = where.find(options["name"], numbers=False)
            if len(found.messages) == 1:
                messages = [where.timeline(found.messages[0], timezone.now(), events=options["events"])]
            else:
                messages = where.timelines(found.messages, timezone.now())
        looked = ""
        if not messages and not found.receipts and not options["destination"]:
            waits, looked = where.waiting(options["name"], timezone.now())
            messages = [waits] if waits else []
        return {
            "messages": [_message(one, numbers=numbers) for one in messages],
            "more": found.more,
            "looked": looked,
            "receipts": [
                {
                    "takenAt": one.taken_at.isoformat(),
                    "operatorId": str(one.operator_id),
                    "operatorMessageId": one.operator_message_id,
                    "status": one.status,
                    "unreadable": one.unreadable,
                }
                for one in found.receipts
            ],
        }

    def _permitted(self, options: dict[str, Any]) -> bool:
        """Whether numbers are shown in full. Whoever searches by one is written down."""
        if not options["destination"]:
            return False
        if not numbers_of(options["destination"]):
            raise CommandError("--destination is a number of up to 19 digits", returncode=EXIT_USAGE)
        if not options["user"]:
            raise CommandError("--destination needs --as USER", returncode=EXIT_USAGE)
        try:
            permit_number(options["user"], options["destination"], somebody(), options["reason"])
        except NotPermitted as refusal:
            raise CommandError(str(refusal), returncode=EXIT_USAGE) from None
        return True


def _message(one: where.Timeline, *, numbers: bool) -> dict[str, Any]:
    return {
        "messageId": str(one.message_id),
        "standing": one.standing.level.value,
        "where": one.standing.words,
        "next": one.standing.next,
        "destination": one.destination if numbers else masked(one.destination),
        "accountId": one.account_id,
        "parts": [
            {
                "part": f"{part.row.segment}/{part.row.segments}",
                "attempt": part.row.attempt,
                "status": str(part.row.status),
                "operatorId": str(part.row.operator_id),
                "operatorMessageId": part.row.operator_message_id,
                "where": part.standing.words,
            }
            for part in one.parts
        ],
        "timeline": [_entry(entry) for entry in one.entries],
        "looked": one.looked,
    }


def _entry(one: Entry) -> dict[str, Any]:
    at = one.at.isoformat(timespec="milliseconds") if one.at else None
    return {"at": at, "kind": one.kind, "what": one.what, "who": one.who, "part": one.part, "note": one.note}


def _lines(told: dict[str, Any]) -> list[str]:
    lines = []
    for message in told["messages"]:
        to = f" to {message['destination']}" if message["destination"] else ""
        lines.append(f"{message['messageId']}{to}: {message['where']}")
        if message["next"]:
            lines.append(f"  next: {message['next']}")
        for one in message["timeline"]:
            when = one["at"] or "time not kept".ljust(29)
            part = f" [{one['part']}]" if one["part"] else ""
            note = f" ({one['note']})" if one["note"] else ""
            lines.append(f"  {when} {one['kind']}{part}: {one['what']} {one['who']}{note}")
        if message["looked"]:
            lines.append(f"  {message['looked']}")
    for one in told["receipts"]:
        said = f"unreadable: {one['unreadable']}" if one["unreadable"] else one["status"]
        lines.append(f"receipt of {one['takenAt']} for {one['operatorMessageId']} without a part: {said}")
    if told["more"]:
        lines.append("there are older messages")
    return lines or [f"nothing is known by this name. {told['looked']}".strip()]
