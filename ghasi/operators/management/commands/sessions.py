"""`manage.py sessions`: the live sessions as the gateways report them (docs/contract.md §7)."""

from __future__ import annotations

import json
from typing import Any

import msgspec
from django.core.management.base import BaseCommand, CommandParser

from ghasi.bus import BusSettings
from ghasi.contracts.sessions import SessionRecord, Wanted, WantedRecord
from ghasi.management.exits import EXIT_NO, servers_needed
from ghasi.operators.live import Live, name_of, read_live
from ghasi.operators.orders import operator_ids


class Command(BaseCommand):
    help = "Shows live sessions. Exit codes: 0 shown, 1 none, 2 wrong usage or settings, 3 NATS not reached."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("operator", nargs="*", help="operator id (UUID); all without one")
        parser.add_argument("--json", action="store_true", help="one JSON object on stdout")

    def handle(self, *args: Any, **options: Any) -> None:
        chosen = set(operator_ids(options["operator"]))
        with servers_needed():
            live = read_live(BusSettings.from_env())
        sessions = [one for one in live.sessions if not chosen or one.operator_id in chosen]
        if options["json"]:
            self.stdout.write(json.dumps({"sessions": [_told(one, live) for one in sessions]}))
        else:
            for one in sessions:
                self.stdout.write(_line(one, live))
            if not sessions:
                self.stdout.write("no session")
        if not sessions:
            raise SystemExit(EXIT_NO)


def _wanted(one: SessionRecord, live: Live) -> str:
    record = live.wanted.get(one.operator_id)
    return record.wanted.value if record else "bound"


def _told(one: SessionRecord, live: Live) -> dict[str, object]:
    """The record with every field, so that the keys are the same for all."""
    plain = {field.encode_name: getattr(one, field.name) for field in msgspec.structs.fields(SessionRecord)}
    plain.pop("rules")
    record = live.wanted.get(one.operator_id)
    who = {"wantedBy": record.by if record else None, "wantedReason": record.reason if record else None}
    return {**msgspec.to_builtins(plain), "wanted": _wanted(one, live), **who}


def _line(one: SessionRecord, live: Live) -> str:
    host = f"{one.host}:{one.port}" if one.host else "-"
    return (
        f"{one.operator_id} {one.operator_name or '-'} {one.state.value} wanted={_wanted(one, live)} "
        f"replica={one.replica} bind={one.bind_mode or '-'} {one.binds}/{one.max_binds} host={host} "
        f"window={one.window_used}/{one.window_size} tps={one.tps_current}/{one.tps_limit}"
        + (f" profile={one.profile}" if one.profile else "")
        + (f" window-effective={one.window_effective}" if one.window_effective else "")
        + (f" tps-effective={one.tps_effective}" if one.tps_effective else "")
        + (f" over={name_of(one.carried_by, live)}" if one.carried_by else "")
        + (f" needs-rebind={','.join(one.needs_rebind)}" if one.needs_rebind else "")
        + (f" profile-problem={one.profile_problem}" if one.profile_problem else "")
        + (f" reason={one.reason}" if one.reason else "")
        + _order(live.wanted.get(one.operator_id))
    )


def _order(record: WantedRecord | None) -> str:
    """Who wants it otherwise than bound, and why; last, because people's words have blanks."""
    if record is None or record.wanted is Wanted.BOUND:
        return ""
    return f" wanted-by={record.by or '-'}" + (f": {' '.join(record.reason.split())}" if record.reason else "")
