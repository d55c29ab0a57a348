"""`manage.py trace OPERATOR`: live PDUs, decoded (docs/operations.md, "What goes over the wire")."""

from __future__ import annotations

import asyncio
import os
import re
import secrets
import sys
from contextlib import ExitStack
from fnmatch import fnmatchcase
from typing import Any, BinaryIO

from django.core.management.base import BaseCommand, CommandError, CommandParser

from ghasi.bus import BusSettings
from ghasi.contracts.sessions import SendRules
from ghasi.contracts.trace import TraceOrder
from ghasi.doors import DoorError
from ghasi.explain.dialect import PLAIN, Dialect, dialect_of_rules
from ghasi.explain.pdu import explain_pdu
from ghasi.explain.show import in_plain
from ghasi.management.door_profile import dialect as given_dialect
from ghasi.management.exits import EXIT_NO, EXIT_OPEN, EXIT_USAGE, servers_needed
from ghasi.operators.orders import operator_ids
from ghasi.operators.shell import somebody
from ghasi.operators.watching import NobodyAnswers, TraceRefused, Watcher, Wish
from ghasi.smpp.constants import CommandId
from ghasi.trace.output import Output

_DIGITS = re.compile(r"[0-9]{2,15}\Z", re.ASCII)
_MASKED_DIGITS = 4


class Command(BaseCommand):
    help = (
        "Shows live PDUs of an operator from all gateways, with numbers and texts masked. "
        "Exit codes: 0 shown, 1 refused, 2 wrong usage, settings or permission, 3 NATS or PostgreSQL not reached, "
        "4 no gateway answered, 130 interrupted."
    )
    requires_system_checks: list[str] = []  # noqa: RUF012  (Django's own declaration)

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("operator", help="operator id (UUID)")
        parser.add_argument("--command", help="commands to show, comma-separated, * for any end (default: all)")
        parser.add_argument("--number", metavar="DIGITS", help="only PDUs of numbers that end so, and their answers")
        parser.add_argument("--count", type=int, help="ends after so many PDUs")
        parser.add_argument("--seconds", type=float, help="ends after so many seconds")
        parser.add_argument("--json", action="store_true", help="one JSON object a line")
        parser.add_argument("--hex", action="store_true", help="the octets, too")
        parser.add_argument("--full", action="store_true", help="every field with its meaning")
        parser.add_argument("--profile", metavar="NAME|FILE", help="read by this profile, not the operator's own")
        parser.add_argument("--pcap", metavar="FILE", help="a capture file for Wireshark beside it; - is stdout")
        parser.add_argument("--unmask", action="store_true", help="numbers and texts in clear; needs --as")
        parser.add_argument("--as", dest="user", metavar="USER", help="user with the permission to see them")
        parser.add_argument("--reason", default="", help="why, logged by the gateways and kept with --unmask")

    def handle(self, *args: Any, **options: Any) -> None:
        (operator_id,) = operator_ids([options["operator"]])
        wish = _wish(operator_id, options)
        if options["unmask"]:
            with servers_needed():
                _permit(options["user"], operator_id, wish)
        spoken = _Spoken(options)
        with ExitStack() as files:
            output = Output(
                None if options["pcap"] == "-" else self._line,
                _open(options["pcap"], files),
                as_json=options["json"],
                masked=not options["unmask"],
                with_hex=options["hex"],
                explain=_explained if options["full"] else None,
                dialect=spoken.dialect,
            )
            spoken.watcher = Watcher(wish, output.show, self._note)
            self._watch(spoken.watcher)

    def _watch(self, watcher: Watcher) -> None:
        try:
            with servers_needed():
                asyncio.run(watcher.run(BusSettings.from_env()))
        except KeyboardInterrupt:
            self._note(f"{watcher.shown} PDUs")
            raise
        except BrokenPipeError:
            # The reader has what it wanted. Python would complain once more when it flushes stdout at exit.
            sys.stderr.close()
            return
        except TraceRefused as refusal:
            raise CommandError(f"refused: {refusal}", returncode=EXIT_NO) from None
        except NobodyAnswers:
            raise CommandError("no gateway answered for this operator", returncode=EXIT_OPEN) from None
        self._note(f"{watcher.shown} PDUs")

    def _line(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()

    def _note(self, line: str) -> None:
        self.stderr.write(line)


class _Spoken:
    """The dialect that PDUs are read by: that of the profile given, else as the operator's gateways follow it."""

    def __init__(self, options: dict[str, Any]) -> None:
        try:
            self._given = given_dialect(options) if options["profile"] else None
        except DoorError as error:
            raise CommandError(str(error), returncode=EXIT_USAGE) from None
        self._made: tuple[SendRules, Dialect] | None = None
        self.watcher: Watcher | None = None

    def dialect(self) -> Dialect:
        if self._given is not None:
            return self._given
        rules = self.watcher.rules if self.watcher else None
        if rules is None:
            return PLAIN
        if self._made is None or self._made[0] is not rules:
            self._made = (rules, dialect_of_rules(rules))
        return self._made[1]


def _explained(frame: bytes, dialect: Dialect) -> list[str]:
    return in_plain(explain_pdu(frame, dialect)[1:])


def _wish(operator_id: str, options: dict[str, Any]) -> Wish:
    digits = options["number"] or ""
    if digits and not _DIGITS.match(digits):
        raise CommandError("--number takes the last 2 to 15 digits of a number", returncode=EXIT_USAGE)
    if len(digits) > _MASKED_DIGITS and not options["unmask"]:
        raise CommandError(f"--number takes at most {_MASKED_DIGITS} digits without --unmask", returncode=EXIT_USAGE)
    if options["unmask"] and not options["user"]:
        raise CommandError("--unmask needs --as USER", returncode=EXIT_USAGE)
    if any(options[name] is not None and options[name] <= 0 for name in ("count", "seconds")):
        raise CommandError("--count and --seconds must be above 0", returncode=EXIT_USAGE)
    order = TraceOrder(secrets.token_hex(16), options["unmask"], _commands(options["command"]), digits)
    by = somebody() + (f" as {options['user']}" if options["unmask"] else "")
    return Wish(operator_id, order, by, options["reason"], options["seconds"], options["count"])


def _commands(patterns: str | None) -> list[int]:
    """command_ids of names, of which `*` stands for any end."""
    if not patterns:
        return []
    found: set[int] = set()
    for pattern in patterns.lower().split(","):
        ids = {command.value for command in CommandId if fnmatchcase(command.name.lower(), pattern.strip())}
        if not ids:
            raise CommandError(f"--command: SMPP 3.4 has no {pattern.strip()}", returncode=EXIT_USAGE)
        found |= ids
    return sorted(found)


def _permit(user: str, operator_id: str, wish: Wish) -> None:
    # The database is needed for this alone.
    from ghasi.operators.trace_permission import NotPermitted, permit_unmasked

    try:
        permit_unmasked(user, operator_id, somebody(), wish.reason)
    except NotPermitted as refusal:
        raise CommandError(f"--unmask: {refusal}", returncode=EXIT_USAGE) from None


def _private(path: str, flags: int) -> int:
    """For its owner alone: a capture may hold numbers and texts."""
    return os.open(path, flags, 0o600)


def _open(path: str | None, files: ExitStack) -> BinaryIO | None:
    if path is None:
        return None
    if path == "-":
        return sys.stdout.buffer
    try:
        return files.enter_context(open(path, "wb", opener=_private))
    except OSError as error:
        raise CommandError(f"--pcap: {error.strerror}", returncode=EXIT_USAGE) from None
