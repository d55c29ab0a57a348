"""Bulk actions on dead letters, and on the bytes that are kept of parts in doubt: replay, resend, discard."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

from ghasi.correlations import replaying
from ghasi.correlations.bulk_kinds import ATTEMPTS, Judged, Kind, Options, Result
from ghasi.correlations.models import AccountingMark, AccountingOpen, DeadLetter, MessageCorrelation
from ghasi.correlations.replay_judging import IN_WORDS, Item, Letter, Why, parked
from ghasi.correlations.replay_letters import Selection, letters, rows_of
from ghasi.correlations.rows import last_attempts

GONE = "is not there any more"
NOT_KEPT = "its command is not kept in SMPP_DEAD"
BOOKS_OPEN = "the books have not read it yet: try again in a minute"
UNSETTLED = "its parts are in doubt: settle them in the list of correlations first"
TOO_LATE = "too late: give it more time below"
TOGETHER = "goes with another part of its message"
TRIED = "it was tried again since the preview"
TAKEN = {Why.SENT, Why.UNDER_WAY, Why.REPLAYED}
"""So a letter stands once its command was published again."""
Came = tuple[bool, str, bool]
"""What came of a letter, as `Result` has it."""
NO_LIMIT = 1e6
"""Commands a second within a turn: the turns keep the rate."""


def expires_in(options: Options) -> timedelta | None:
    minutes = options.get("expires_in")
    return timedelta(minutes=int(minutes)) if minutes else None


def judge_replay(targets: Sequence[str], options: Options, now: datetime) -> list[Judged]:
    found = {str(item.letter.letter_id): item for item in _plan_of_letters(targets, options, now).items}
    return [_judged(one, found[one]) if one in found else Judged(one, refused=GONE) for one in targets]


def carry_out_replay(targets: Sequence[str], options: Options, by: str, now: datetime) -> list[Result]:
    results = _publish(_plan_of_letters(targets, options, now), by)
    return [_of(one, results.get(int(one))) for one in targets]


def judge_resend(targets: Sequence[str], options: Options, now: datetime) -> list[Judged]:
    """Parts of one message go together, under the name of the first."""
    messages = _messages(targets)
    found = _by_message(_plan_of_messages(messages.values(), options, now).items)
    judged: list[Judged] = []
    seen: set[UUID] = set()
    for one in targets:
        message_id = messages.get(one)
        item = found.get(message_id) if message_id else None
        if message_id in seen:
            judged.append(Judged(one, message_id, f"{message_id}", TOGETHER))
        elif item is not None:
            judged.append(_judged(one, item))
        else:
            judged.append(Judged(one, message_id, f"{message_id or one}", NOT_KEPT if message_id else GONE))
        if message_id:
            seen.add(message_id)
    return judged


def carry_out_resend(targets: Sequence[str], options: Options, by: str, now: datetime) -> list[Result]:
    messages = _messages(targets)
    plan = _plan_of_messages(messages.values(), options, now)
    best = _by_message(plan.items)
    results = _publish(replace(plan, items=tuple(best.values())), by)
    named = {item.letter.message_id: results[item.letter.letter_id] for item in best.values()}
    return [_of(one, named.get(messages.get(one))) for one in targets]


def _publish(plan: replaying.Plan, by: str) -> dict[int, Came]:
    """What came of each letter."""
    done = replaying.carry_out(plan, by=by, rate=NO_LIMIT)
    gone = {letter.letter_id for letter in done.gone}
    results = {}
    for item in plan.items:
        if item.why is not None:
            told = False, _why(item), item.why in TAKEN
        elif item.letter.letter_id in gone:
            told = False, IN_WORDS[Why.GONE], False
        else:
            told = True, f"published again, after attempt {item.attempt}", False
        results[item.letter.letter_id] = told
    return results


def _of(target: str, told: Came | None) -> Result:
    return Result(target, *told) if told else Result(target, False, NOT_KEPT)


def _plan_of_letters(targets: Sequence[str], options: Options, now: datetime) -> replaying.Plan:
    selection = Selection(letter_ids=tuple(int(one) for one in targets), limit=max(1, len(targets)))
    return _plan(selection, options, now)


def _plan_of_messages(messages: Iterable[UUID], options: Options, now: datetime) -> replaying.Plan:
    named = tuple(sorted(set(messages)))
    if not named:
        return replaying.Plan((), 0, now)
    selection = Selection(message_ids=named, limit=len(named) * 20)
    return _plan(selection, options, now)


def _plan(selection: Selection, options: Options, now: datetime) -> replaying.Plan:
    """Of a turn by the attempts that the preview found: what came of them since is not followed."""
    attempts = options.get(ATTEMPTS, {})
    return replaying.make_plan(selection, now=now, expires_in=expires_in(options), begun=lambda _: attempts)


def _messages(targets: Sequence[str]) -> dict[str, UUID]:
    found = MessageCorrelation.objects.filter(pk__in=targets).order_by().values_list("pk", "message_id")
    return {str(row_id): message_id for row_id, message_id in found}


def _by_message(items: Iterable[Item]) -> dict[UUID, Item]:
    """The letter of each message that is replayed; where none is, the newest, which says why."""
    found: dict[UUID, Item] = {}
    for item in sorted(items, key=lambda one: (one.replays, one.letter.stream_seq)):
        if item.letter.message_id is not None:
            found[item.letter.message_id] = item
    return found


def _judged(target: str, item: Item) -> Judged:
    letter = item.letter
    shown = f"{letter.message_id or 'no messageId'} {letter.reason} {item.masked_to}".rstrip()
    refused, known_as = _why(item), _place(letter)
    return Judged(
        target,
        letter.message_id,
        shown,
        refused,
        item.possible_duplicate,
        known_as,
        operator_id=letter.operator_id,
        attempt=item.attempt if item.replays else None,
    )


def _place(letter: Letter) -> str:
    return f"SMPP_DEAD {letter.stream_seq}"


def _why(item: Item) -> str:
    if item.why is None:
        return ""
    if item.why is Why.EXPIRED:
        return TOO_LATE
    if item.why is Why.REPLAYED:
        return TRIED
    detail = f": {item.detail}" if item.why is Why.UNFIT and item.detail else ""
    return f"{IN_WORDS[item.why]}{detail}"


def judge_discard(targets: Sequence[str], options: Options, now: datetime) -> list[Judged]:
    found = {str(one.letter_id): one for one in _letters(targets)}
    refused = _not_discardable(list(found.values()))
    return [
        Judged(
            one,
            found[one].message_id,
            f"{found[one].message_id or 'no messageId'} {found[one].reason}",
            refused.get(found[one].letter_id, ""),
            known_as=_place(found[one]),
            operator_id=found[one].operator_id,
        )
        if one in found
        else Judged(one, refused=GONE)
        for one in targets
    ]


def carry_out_discard(targets: Sequence[str], options: Options, by: str, now: datetime) -> list[Result]:
    found = {str(one.letter_id): one for one in _letters(targets)}
    refused = _not_discardable(list(found.values()))
    replaying.discard([Item(one) for one in found.values() if one.letter_id not in refused], by=by)
    return [
        Result(one, False, GONE, so_already=True)
        if one not in found
        else Result(one, False, refused[found[one].letter_id])
        if found[one].letter_id in refused
        else Result(one, True, "forgotten")
        for one in targets
    ]


def _letters(targets: Sequence[str]) -> list[Letter]:
    if not targets:
        return []
    return letters(Selection(letter_ids=tuple(int(one) for one in targets), limit=len(targets)))[0]


def _not_discardable(found: Sequence[Letter]) -> dict[int, str]:
    """Letters whose bytes somebody still needs, and why."""
    refused = dict.fromkeys(_unread(found), BOOKS_OPEN)
    doubtful = [one for one in found if one.reason.startswith("in_doubt:") and one.message_id]
    rows = rows_of(one.message_id for one in doubtful if one.message_id)
    for one in doubtful:
        last = last_attempts(rows.get(one.message_id, []) if one.message_id else [])
        if any(parked(row) for row in last.values()):
            refused[one.letter_id] = UNSETTLED
    return refused


def _unread(found: Sequence[Letter]) -> set[int]:
    """Letters whose commands the books have not closed: their index is what closes them."""
    keys = dict(DeadLetter.objects.filter(pk__in=[one.letter_id for one in found]).values_list("pk", "command_seq"))
    operators = {one.operator_id for one in found}
    read_to = dict(AccountingMark.objects.filter(operator_id__in=operators).values_list("operator_id", "read_to"))
    sequences = [one for one in keys.values() if one]
    still = AccountingOpen.objects.filter(operator_id__in=operators, stream_seq__in=sequences)
    open_ones = set(still.values_list("operator_id", "stream_seq"))
    return {
        one.letter_id
        for one in found
        if (sequence := keys.get(one.letter_id)) is not None
        and one.operator_id in read_to
        and (sequence > read_to[one.operator_id] or (one.operator_id, sequence) in open_ones)
    }


KINDS = (
    Kind(
        key="dead_letter.replay",
        label="Replay …",
        permission="correlations.replay_deadletter",
        model="deadletter",
        noted_as="dead_letter",
        will="Its command is published once more, and sent if the ledger finds that nothing of it stands.",
        judge=judge_replay,
        carry_out=carry_out_replay,
        may_extend=True,
    ),
    Kind(
        key="dead_letter.discard",
        label="Discard …",
        permission="correlations.discard_deadletter",
        model="deadletter",
        noted_as="dead_letter",
        will="Its bytes leave SMPP_DEAD and it leaves this list: it can never be sent again.",
        judge=judge_discard,
        carry_out=carry_out_discard,
        warning="This cannot be undone.",
    ),
    Kind(
        key="part.resend",
        label="Send again …",
        permission="correlations.resend_messagecorrelation",
        model="messagecorrelation",
        will="The command of its message is published once more: parts that are closed are sent as a new attempt.",
        judge=judge_resend,
        carry_out=carry_out_resend,
        may_extend=True,
    ),
)
