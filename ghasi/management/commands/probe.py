"""`manage.py probe OPERATOR --number N`: a certification run against an operator's account (docs/operators.md)."""

from __future__ import annotations

import argparse
import asyncio
import getpass
import json
import random
import signal
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError, CommandParser
from rich.console import Console

from ghasi.env import Env, SettingsError
from ghasi.management.exits import EXIT_AWAY, EXIT_INTERRUPTED, EXIT_NO, EXIT_USAGE
from ghasi.management.profile_lookup import NoProfile, find, followed
from ghasi.operator_answer import Stated, TlsFiles
from ghasi.probe.account import (
    Account,
    Document,
    account_by_hand,
    endpoint,
    from_management,
    password_from,
    read_answer,
)
from ghasi.probe.errors import ProbeError, Unanswered
from ghasi.probe.html import to_html
from ghasi.probe.infer.alphabet import ALPHABETS
from ghasi.probe.link import Timers
from ghasi.probe.manner import Manner
from ghasi.probe.plan import INVALID_NUMBER, Limits, Target
from ghasi.probe.preview import preview, warnings
from ghasi.probe.proposal import current
from ghasi.probe.report import Report, masked, to_json
from ghasi.probe.run import Options, Probe, Reach
from ghasi.probe.terminal import show_preview, show_report
from ghasi.profiles.places import find_zone
from ghasi.profiles.rules import send_rules
from ghasi.sms.address import parse_destination, parse_sender
from ghasi.sms.errors import SmsError

_EPILOG = """\
The account comes from operator management (OPERATOR_MGMT_URL, INTERNAL_SERVICE_TOKEN), or from --host, --system-id
and a password that is asked for or read from a file. Nothing is sent before you say yes.

  manage.py probe 3f0b7c1e-9f61-4a42-8a51-2b6d8f0c7a10 --number 93701234567 --dry-run
  manage.py probe 3f0b7c1e-9f61-4a42-8a51-2b6d8f0c7a10 --number 93701234567 --max-messages 250 --html report.html
  manage.py probe --host smsc.example.net:2776 --tls --system-id ghasi --number 93701234567 --mode messages
"""


class Command(BaseCommand):
    help = (
        "Find out how an operator's account behaves, with messages to a test number, and propose a profile for it. "
        "Exit codes: 0 the run is complete, 1 it is not, 2 wrong usage or settings, 3 operator management not "
        "reached, 130 interrupted, with a report of what is known by then."
    )
    requires_system_checks: list[str] = []  # noqa: RUF012 - Django's own attribute

    def add_arguments(self, parser: CommandParser) -> None:
        parser.formatter_class = argparse.RawDescriptionHelpFormatter
        parser.epilog = _EPILOG
        parser.add_argument("operator", nargs="?", help="the operator's id in operator management")
        _add_account(parser)
        _add_limits(parser)
        parser.add_argument("--dry-run", action="store_true", help="show what would be sent and what it may cost")
        parser.add_argument("--yes", action="store_true", help="do not ask before sending")
        parser.add_argument("--json", action="store_true", dest="as_json", help="print the report as JSON")
        parser.add_argument("--html", type=Path, metavar="F", help="write the report as one HTML file")
        parser.add_argument("--profile-file", type=Path, metavar="F", help="write the proposed profile as YAML")
        parser.add_argument("--show-number", action="store_true", help="the whole test number in the report")

    def handle(self, *_: Any, **options: Any) -> None:
        # What a person reads meanwhile must not stand between the lines of --json.
        console = Console(stderr=bool(options["as_json"]), highlight=False)
        try:
            account = _account(options, lambda note: console.print(f"! {note}", style="yellow", markup=False))
            wanted = _options(account, options)
            plan = preview(account, wanted)
        except Unanswered as error:
            raise CommandError(str(error), returncode=EXIT_AWAY) from None
        except (ProbeError, SettingsError, SmsError) as error:
            raise CommandError(str(error), returncode=EXIT_USAGE) from None
        number = masked(wanted.target.to, show=options["show_number"])
        show_preview(console, plan, number, wanted.target.invalid, warnings(account, wanted))
        if options["dry_run"] or not (options["yes"] or _agreed(console)):
            if options["dry_run"] and options["as_json"]:
                told = {"dryRun": True, "messages": plan.needed, "atMost": plan.allowed, "cost": plan.cost}
                self.stdout.write(json.dumps(told))
            return
        report, interrupted = asyncio.run(_run(account, wanted, lambda step: console.print(f"… {step}", style="dim")))
        self._show(console, report, options)
        if interrupted or report.stopped:
            sys.exit(EXIT_INTERRUPTED if interrupted else EXIT_NO)

    def _show(self, console: Console, report: Report, options: dict[str, Any]) -> None:
        if options["as_json"]:
            self.stdout.write(to_json(report).decode())
        else:
            show_report(console, report)
        if options["html"]:
            options["html"].write_text(to_html(report), encoding="utf-8")
        if options["profile_file"] and report.proposal is not None:
            options["profile_file"].write_text(report.proposal.profile, encoding="utf-8")


def _add_account(parser: CommandParser) -> None:
    parser.add_argument("--number", metavar="N", help="the phone that gets the messages, in E.164")
    parser.add_argument("--sender", default="TEST", metavar="S", help="from whom (default TEST)")
    parser.add_argument("--invalid-number", default=INVALID_NUMBER, metavar="N", help="one that does not exist")
    parser.add_argument("--host", action="append", metavar="HOST:PORT", help="instead of operator management")
    parser.add_argument("--system-id", metavar="ID")
    parser.add_argument("--password-file", type=Path, metavar="F", help="its first line; without it you are asked")
    parser.add_argument("--system-type", metavar="T", help="else as the profile says")
    parser.add_argument("--long-credentials", action="store_true", help="longer than SMPP allows")
    parser.add_argument("--tls", action="store_true")
    parser.add_argument("--tls-ca", metavar="F")
    parser.add_argument("--tls-cert", metavar="F")
    parser.add_argument("--tls-key", metavar="F")
    parser.add_argument("--tls-name", metavar="NAME", help="the name in the certificate, where not the host's")
    parser.add_argument(
        "--profile", metavar="NAME|F", help="write by, and compare with, this live profile, preset or file"
    )
    parser.add_argument("--account-id", default="", metavar="ID", help="accountId, where the profile's TLVs name it")
    parser.add_argument(
        "--metadata",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="metadata that the profile's TLVs name",
    )


def _add_limits(parser: CommandParser) -> None:
    parser.add_argument(
        "--mode",
        choices=[mode.value for mode in Reach],
        default=Reach.FULL.value,
        help="how far to go: connect; bind; messages to the phone; full: the window and the rate too (default)",
    )
    parser.add_argument("--max-messages", type=int, default=60, metavar="N", help="the cap on messages (60)")
    parser.add_argument("--max-tps", type=int, metavar="N", help="go no faster (twice the declared limit)")
    parser.add_argument("--max-window", type=int, metavar="N", help="so many at once (twice the declared window)")
    parser.add_argument("--max-binds", type=int, metavar="N", help="hold no more binds at once (as declared)")
    parser.add_argument("--idle", action="store_true", help="nobody else is bound, so limits can be measured")
    parser.add_argument("--receipts-for", type=float, default=60.0, metavar="S", help="wait for receipts (60 s)")
    parser.add_argument("--price", type=float, metavar="P", help="of one message, for the cost")
    parser.add_argument("--zone", metavar="Z", help="the operator's IANA zone, where you know it")
    parser.add_argument("--phone-shows", choices=ALPHABETS, help="the alphabet by which the phone shows message 2")


def _account(options: dict[str, Any], say: Callable[[str], None]) -> Account:
    """Raises ProbeError, SettingsError."""
    named = _named_profile(options["profile"], say) if options["profile"] else None
    found = _account_as_named(options, named, say)
    if named is not None:
        found = replace(found, profile=options["profile"], document=named[0], extends=named[1])
    return replace(found, idle=options["idle"])


def _named_profile(given: str, say: Callable[[str], None]) -> Document:
    try:
        found = find(given)
    except NoProfile as error:
        raise ProbeError(f"--profile: {error}") from None
    if found.note:
        say(found.note)
    return found.profile, found.extends


def _account_as_named(options: dict[str, Any], named: Document | None, say: Callable[[str], None]) -> Account:
    if options["host"]:
        return _account_by_hand(options, named)
    if not options["operator"]:
        raise ProbeError("name an operator, or --host and --system-id")
    try:
        operator_id = str(UUID(options["operator"]))
    except ValueError:
        raise ProbeError("the operator is named by its id, a UUID") from None
    body = asyncio.run(from_management(operator_id, Env()))
    return read_answer(body, operator_id, lambda name: named or _followed(operator_id, name, say))


def _followed(operator_id: str, name: str, say: Callable[[str], None]) -> Document | None:
    """The operator's own live profile, else the live one that operator management names."""
    try:
        found = followed(operator_id, name)
    except NoProfile as error:
        say(f"{error}: compared with the preset of that name, or plain SMPP 3.4")
        return None
    return None if found is None else (found.profile, found.extends)


def _account_by_hand(options: dict[str, Any], named: Document | None) -> Account:
    if not options["system_id"]:
        raise ProbeError("--host needs --system-id")
    file = options["password_file"]
    password = password_from(file) if file else getpass.getpass("password: ")
    files = TlsFiles(options["tls_ca"], options["tls_cert"], options["tls_key"], options["tls_name"])
    hosts = [endpoint(each) for each in options["host"]]
    stated = Stated(
        operator_id="",
        # One host of the profile's brings its others; several are all there are.
        host=hosts[0][0],
        port=hosts[0][1],
        hosts=options["host"] if len(hosts) > 1 else [],
        tls=files if options["tls"] or files != TlsFiles() else None,
        system_type=options["system_type"],
        allow_long_credentials=options["long_credentials"] or None,
    )
    return account_by_hand(options["operator"] or options["host"][0], stated, options["system_id"], password, named)


def _options(account: Account, options: dict[str, Any]) -> Options:
    """Raises ProbeError, SmsError."""
    mode = Reach(options["mode"])
    sends = mode in (Reach.MESSAGES, Reach.FULL)
    if sends and not options["number"]:
        raise ProbeError("--number: the phone that gets the messages (or --mode bind)")
    profile = current(account)
    zone = options["zone"] or profile.receipts.zone
    if find_zone(zone) is None:
        raise ProbeError("--zone is no time zone of the IANA database")
    if sends:
        for number in (options["number"], options["invalid_number"]):
            parse_destination(number)
        parse_sender(options["sender"])
    return Options(
        target=Target(
            to=(options["number"] or "").removeprefix("+"),
            sender=options["sender"],
            invalid=options["invalid_number"].removeprefix("+"),
            start=random.randrange(256),  # noqa: S311 - so that a phone does not join parts of two runs
            manner=Manner(
                rules=send_rules(profile),
                values=_values(account, options),
                now=datetime.now(UTC),
            ),
        ),
        limits=Limits(
            max_messages=_positive("--max-messages", options["max_messages"]),
            max_tps=_positive("--max-tps", options["max_tps"] or 2 * account.tps_limit),
            max_window=_positive("--max-window", options["max_window"] or 2 * account.window_size),
        ),
        mode=mode,
        max_binds=_positive("--max-binds", options["max_binds"] or account.max_binds),
        receipts_for=options["receipts_for"],
        price=options["price"],
        show_number=options["show_number"],
        zone=zone,
        alphabet_on_phone=options["phone_shows"] or "",
        profile_file=str(options["profile_file"] or "profile.yaml"),
        timers=Timers(response=profile.timers.response or Timers().response),
    )


def _values(account: Account, options: dict[str, Any]) -> dict[str, str]:
    """What TLVs of the profile may name. Raises ProbeError."""
    values = {"accountId": options["account_id"], "operatorId": account.operator_id}
    for given in options["metadata"]:
        name, mark, value = given.partition("=")
        if not mark or not name:
            raise ProbeError("--metadata is written NAME=VALUE")
        values[f"metadata.{name}"] = value
    return {name: value for name, value in values.items() if value}


def _positive(name: str, value: int) -> int:
    if value < 1:
        raise ProbeError(f"{name} must be 1 or more")
    return value


def _agreed(console: Console) -> bool:
    if not sys.stdin.isatty():
        console.print("Nothing was sent: give --yes where nobody can be asked.")
        return False
    try:
        return console.input("Go on? [y/N] ", markup=False).strip().lower() in ("y", "yes")
    except (KeyboardInterrupt, EOFError):
        return False


async def _run(account: Account, options: Options, say: Callable[[str], None]) -> tuple[Report, bool]:
    """Ctrl-C ends the run with an unbind and a report of what is known; whether it did."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    report = await Probe(account, options, say).run(stop)
    return report, stop.is_set()
