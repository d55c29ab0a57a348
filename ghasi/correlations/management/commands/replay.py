"""`manage.py replay`: dead letters and parts in doubt, given another try (docs/operations.md, "Replay")."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError, CommandParser

from ghasi.correlations import audit, replaying
from ghasi.correlations.replay_entries import REPLAY
from ghasi.correlations.replay_tries import TAKEN_FOR_DEAD, Run, TakenForDead
from ghasi.correlations.replaying import IN_WORDS, Done, Item, Plan, Selection, Why
from ghasi.management.exits import EXIT_INTERRUPTED, EXIT_NO, EXIT_USAGE, servers_needed
from ghasi.management.person import agreed, counted, interruptible, progress
from ghasi.operators.actions import Result
from ghasi.operators.shell import Entries, noted, somebody
from ghasi.smpp.constants import status_name
from ghasi.smpp.status_rules import parse_codes

SAMPLES = 10
HARMLESS = {Why.SENT, Why.UNDER_WAY, Why.REPLAYED, Why.OLDER}
"""What a second run finds of the first one."""
GIVE_BACK = "part.settle_as_failed"
"""As the admin's bulk action is called in the list of what the staff did."""
SLOWEST = 0.01
"""Commands a second: a slower call would be taken for dead (`replay_entries.QUIET`)."""
GROUPS = {"rejected": "rejected:", "in-doubt": "in_doubt:"}


class Command(BaseCommand):
    help = (
        "Sends commands of SMPP_DEAD once more: dead letters, parts in doubt or held, what was rejected. What "
        "the operator has, or what is still under way, is left alone, so that it can be interrupted, run again, and "
        "run by two people at once. After a run that was cut off the next one makes the same tries, or none of what "
        "was sent already. Exit codes: 0 done, 1 something chosen cannot be replayed, 2 wrong usage or "
        "settings, 3 NATS or PostgreSQL not reached, 130 interrupted: run it again for the rest."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("message", nargs="*", help="message id (UUID)")
        parser.add_argument("--id", type=int, action="append", default=[], help="number in the admin's dead letters")
        parser.add_argument("--operator", help="operator id (UUID)")
        parser.add_argument(
            "--reason", action="append", default=[], help="as in the admin: bad_text, in_doubt:hold …"
        )
        parser.add_argument("--rejected", action="store_true", help="all that an operator rejected for good")
        parser.add_argument("--in-doubt", action="store_true", help="all that is in doubt: held, failed, expired")
        parser.add_argument("--status", action="append", default=[], help="rejected so: ESME_RINVDSTADR, 0x0B or 11")
        parser.add_argument("--since", help="dead letters made from then on, ISO 8601 (UTC where no zone is given)")
        parser.add_argument("--until", help="and before then; both are taken to whole minutes")
        parser.add_argument("--last", help="instead: the span up to now, such as 90m, 1h, 2d")
        parser.add_argument("--limit", type=int, default=replaying.LIMIT, help="at most so many, the oldest first")
        parser.add_argument("--expires-in", help="a new expiresAt, so long from now: 10m, 1h")
        parser.add_argument("--rate", type=float, default=replaying.RATE, help="commands a second at most")
        parser.add_argument(
            "--give-back", action="store_true", help="instead: held parts count as failed, and the platform hears it"
        )
        parser.add_argument("--dry-run", action="store_true", help="the plan only")
        parser.add_argument("--yes", action="store_true", help="do not ask")
        parser.add_argument("--json", action="store_true", help="one JSON object on stdout")

    def handle(self, *args: Any, **options: Any) -> None:
        now = datetime.now(UTC)
        try:
            selection = _selection(options, now)
            expires_in = audit.length(options["expires_in"]) if options["expires_in"] else None
            if options["rate"] < SLOWEST:
                raise ValueError(f"--rate must be at least {SLOWEST}")
        except ValueError as error:
            raise CommandError(str(error), returncode=EXIT_USAGE) from None
        try:
            with servers_needed():
                run = Run()
                plan = replaying.make_plan(selection, now=now, expires_in=expires_in, begun=run.begun)
                self._run(plan, run, options)
        except TakenForDead:
            raise CommandError(TAKEN_FOR_DEAD, returncode=EXIT_NO) from None

    def _run(self, plan: Plan, run: Run, options: dict[str, Any]) -> None:
        as_json, giving = options["json"], options["give_back"]
        if not as_json:
            self.stdout.write("\n".join(_in_words(plan)))
        work = len(plan.items) if giving else len(plan.replays)
        if options["dry_run"] or not work:
            if not (options["dry_run"] or giving):
                replaying.note_sent(plan)
                run.finish()
            self._tell(plan, None, as_json=as_json)
            return
        what = (
            f"Give back the held parts of {counted(work, 'message')}?"
            if giving
            else f"Send {counted(work, 'message')} again?"
        )
        if not agreed(what, yes=options["yes"]):
            raise CommandError("nothing was done", returncode=EXIT_NO)
        if giving:
            with noted(GIVE_BACK, "message", _messages(plan.items)):
                given = replaying.give_back(plan.items)
            self.stdout.write(json.dumps({**_told(plan), "givenBack": given}) if as_json else f"given back: {given}")
            return
        with (
            noted(REPLAY, "message", _messages(plan.replays), detail=run.detail) as entries,
            interruptible() as stop,
            progress("replayed", quiet=as_json) as tell,
        ):
            done = replaying.carry_out(
                plan, by=somebody(), rate=options["rate"], tell=tell, stop=stop, begin=run.begin
            )
            _conclude(entries, plan, done)
        if not done.stopped:
            run.finish()
        self._tell(plan, done, as_json=as_json)

    def _tell(self, plan: Plan, done: Done | None, *, as_json: bool) -> None:
        """What became of it; the exit code says the same."""
        if as_json:
            self.stdout.write(json.dumps({**_told(plan), "replayed": done.published if done else 0}))
        elif done is not None:
            self.stdout.write(f"replayed: {done.published} of {len(plan.replays)}")
        if done is not None and done.stopped:
            raise SystemExit(EXIT_INTERRUPTED)
        if set(plan.skipped) - HARMLESS or (done is not None and done.gone):
            raise SystemExit(EXIT_NO)


def _messages(items: Iterable[Item]) -> list[str]:
    return [str(item.letter.message_id) for item in items if item.letter.message_id]


def _conclude(entries: Entries, plan: Plan, done: Done) -> None:
    """What was interrupted did not come to the last of them; of some nothing was kept any more."""
    come_to = done.published + len(done.gone)
    entries.results.update(dict.fromkeys(_messages(plan.replays[come_to:]), Result.FAILED))
    gone = {letter.letter_id for letter in done.gone}
    missing = [item for item in plan.replays if item.letter.letter_id in gone]
    entries.results.update(dict.fromkeys(_messages(missing), Result.REFUSED))


def _selection(options: dict[str, Any], now: datetime) -> Selection:
    """Raises ValueError."""
    reasons = [*options["reason"]]
    reasons += [GROUPS["rejected"]] if options["rejected"] else []
    reasons += [GROUPS["in-doubt"]] if options["in_doubt"] else []
    for text in options["status"]:
        first, last = parse_codes(text)
        if first != last:
            raise ValueError("--status is one code")
        reasons.append(f"{GROUPS['rejected']}{status_name(first)}")
    timed = options["since"] or options["until"] or options["last"]
    span = audit.span(now, options["since"], options["until"], options["last"]) if timed else None
    selection = Selection(
        letter_ids=tuple(options["id"]),
        message_ids=tuple(_uuid(one) for one in options["message"]),
        operator_id=_uuid(options["operator"]) if options["operator"] else None,
        reasons=tuple(reasons),
        since=span.since if span else None,
        until=span.until if span else None,
        limit=max(1, options["limit"]),
    )
    if not selection.chooses:
        raise ValueError("name messages, ids, an operator, a reason or a span of time")
    return selection


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise ValueError("messages and operators are named by their UUIDs") from None


def _in_words(plan: Plan) -> list[str]:
    lines = [f"{counted(plan.matched, 'dead letter')}, {len(plan.replays)} to be sent again"]
    if plan.possible_duplicates:
        lines.append(f"  {plan.possible_duplicates} of them may have arrived already: possible duplicates")
    lines += [f"  {count} left alone: {IN_WORDS[why]}" for why, count in plan.skipped.items()]
    if plan.left_out:
        lines.append(f"  {plan.left_out} beyond --limit, for a later run")
    shown = plan.replays[:SAMPLES]
    lines += [f"  {_sample(item)}" for item in shown]
    if len(plan.replays) > len(shown):
        lines.append(f"  … and {len(plan.replays) - len(shown)} more")
    return lines


def _sample(item: Item) -> str:
    letter = item.letter
    doubled = " possible duplicate" if item.possible_duplicate else ""
    return (
        f"{letter.at:%Y-%m-%d %H:%M} {letter.message_id} to {item.masked_to} operator {letter.operator_id} "
        f"{letter.reason} try {item.attempt + 1}{doubled}"
    )


def _told(plan: Plan) -> dict[str, Any]:
    return {
        "matched": plan.matched,
        "toReplay": len(plan.replays),
        "possibleDuplicates": plan.possible_duplicates,
        "leftAlone": {why.value: count for why, count in plan.skipped.items()},
        "leftOut": plan.left_out,
        "items": [
            {
                "id": item.letter.letter_id,
                "message": str(item.letter.message_id) if item.letter.message_id else None,
                "operator": str(item.letter.operator_id),
                "reason": item.letter.reason,
                "to": item.masked_to,
                "attempt": item.attempt + 1 if item.replays else None,
                "leftAlone": item.why.value if item.why else None,
                "detail": item.detail or None,
            }
            for item in plan.items
        ],
    }
