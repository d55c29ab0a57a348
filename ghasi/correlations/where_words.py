"""Where a message stands, in one sentence a person can pass on. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from ghasi.correlations.ids import moment_of
from ghasi.correlations.models import MessageCorrelation
from ghasi.correlations.open_parts import is_for_a_person
from ghasi.correlations.rows import last_attempts
from ghasi.correlations.types import RowStatus
from ghasi.correlations.where_entries import BY_ORDER_FAILED, OURS, Kept, expired_at, given_up_at
from ghasi.correlations.where_next import command_is_gone, next_of, next_of_letter, state_of, to_wait_for
from ghasi.correlations.where_passage import WAITED, delays_of, stored_at
from ghasi.smpp.constants import status_name


class Level(StrEnum):
    """What the reader has to do: nothing, wait, look, or nothing more can be done."""

    DONE = "done"
    WAITS = "waits"
    DOUBT = "doubt"
    FAILED = "failed"


_REST = {Level.DOUBT: "in doubt", Level.FAILED: "failed", Level.WAITS: "on their way", Level.DONE: "done"}
_WORST_FIRST = (Level.DOUBT, Level.FAILED, Level.WAITS, Level.DONE)


@dataclass(frozen=True, slots=True)
class Standing:
    level: Level
    words: str
    next: str = ""
    """What to do, or that there is nothing to do; empty where all is done."""


@dataclass(frozen=True, slots=True)
class PartStanding:
    """One part by its last attempt."""

    row: MessageCorrelation
    standing: Standing


def standing_of(kept: Kept, now: datetime) -> Standing:
    """Of the whole message: of several parts the one that is worst off speaks."""
    last = list(last_attempts(kept.rows).values())
    if not last:
        return _without_rows(kept, now)
    found = [part_standing(kept, row, now) for row in last]
    missing = last[0].segments - len(last)
    if missing > 0:
        found.append(Standing(Level.WAITS, f"{missing} of {last[0].segments} parts have no row yet."))
    if len(found) == 1:
        return found[0]
    worst = next(level for level in _WORST_FIRST if any(one.level is level for one in found))
    same = [one for one in found if one.level is worst]
    words = f"{len(same)} of {last[0].segments} parts: {same[0].words}"
    return Standing(worst, " ".join([words, *_rest(found, worst)]), same[0].next)


def _rest(found: Sequence[Standing], worst: Level) -> list[str]:
    """How the parts fare that are better off."""
    counts = Counter(one.level for one in found if one.level is not worst)
    said = [f"{counts[level]} {_REST[level]}" for level in _WORST_FIRST if counts[level]]
    return [f"The others: {', '.join(said)}."] if said else []


def parts_of(kept: Kept, now: datetime) -> list[PartStanding]:
    return [PartStanding(row, part_standing(kept, row, now)) for row in last_attempts(kept.rows).values()]


def _without_rows(kept: Kept, now: datetime) -> Standing:
    if kept.dead:
        letter = kept.dead[-1]
        words = f"Never sent: a dead letter, {letter.reason}, {_at(letter.at)}. Its bytes are in SMPP_DEAD."
        return Standing(Level.FAILED, words, next_of_letter(letter))
    open_ones = [one for one in kept.commands if one.lost_at is None]
    if open_ones:
        one = open_ones[-1]
        words = f"Waits in SMS_DISPATCH since {_moment(one.stored_at)}: nothing of it was handed over yet."
        return _waits(kept, words, one.operator_id, now)
    if kept.commands:
        words = "Its command was acknowledged without an outcome: see the runbook, accounting."
        return Standing(Level.FAILED, words, "Have the platform send it again, and see why: manage.py audit.")
    return Standing(Level.FAILED, "Nothing is known of it.")


def _waits(kept: Kept, words: str, operator_id: UUID, now: datetime) -> Standing:
    """For its operator, of which is said how it stands."""
    said = " ".join(one for one in (words, state_of(kept, operator_id, now)) if one)
    return Standing(Level.WAITS, said, to_wait_for(kept, operator_id, now))


def part_standing(kept: Kept, row: MessageCorrelation, now: datetime) -> Standing:
    if row.status == RowStatus.PREPARED and row.gateway_replica is None:
        words = (
            f"With us since {_moment(_since(row))}: it waits to be handed to {kept.carrier(row)}.{_came_back(row)}"
        )
        return _waits(kept, words, row.operator_id, now)
    if row.status == RowStatus.REJECTED and row.retry_at is not None and row.retry_at < now:
        words = f"{_refused_by(kept, row)}; the next attempt is overdue since {_moment(row.retry_at)}."
        return _waits(kept, words, row.operator_id, now)
    level, words = _of_row(kept, row)
    if row.attempt > 1:
        words += f" That is attempt {row.attempt}" + (
            ", which may double another." if row.possible_duplicate else "."
        )
    return Standing(level, words, next_of(kept, row, now))


def _of_row(kept: Kept, row: MessageCorrelation) -> tuple[Level, str]:
    carrier = kept.carrier(row)
    if row.status == RowStatus.PREPARED:
        words = f"Given to gateway {row.gateway_replica} {_at(row.prepared_at)}; no answer yet."
        return Level.WAITS, words + (" A receipt came meanwhile whose number fits." if kept.near else "")
    if row.status == RowStatus.DLR_RECEIVED:
        return _by_receipt(row, carrier)
    if row.status == RowStatus.SUBMITTED and row.dlr_state:
        return Level.WAITS, f"With {carrier}, which last said {row.dlr_state}: on its way to the handset."
    if row.status == RowStatus.SUBMITTED:
        return Level.WAITS, f"With {carrier}, which took it {_at(row.submitted_at)}; no receipt yet."
    if row.status == RowStatus.IN_DOUBT:
        return _doubtful(row, carrier)
    if row.status == RowStatus.REJECTED and row.retry_at is None:
        return Level.FAILED, _refused_for_good(row, carrier)
    if row.status == RowStatus.REJECTED:
        return Level.WAITS, f"{_refused_by(kept, row)}; the next attempt follows {_at(row.retry_at)}."
    if row.submitted_at is not None:
        words = f"With {carrier}, which took it {_at(row.submitted_at)} and never said what came of it."
        return Level.DONE, words
    return (
        Level.FAILED,
        f"Expired before it could be sent{_when(expired_at(row))}: nothing of it left.{_held_up(kept, row)}",
    )


def _refused_for_good(row: MessageCorrelation, carrier: str) -> str:
    """By whom: the operator, a person, or us."""
    reason, when = f" ({row.reason})" if row.reason else "", _when(given_up_at(row))
    if (row.reason or "").startswith(OURS):
        return f"Given up by us{reason}{when}."
    if row.policy_action in BY_ORDER_FAILED:
        status = f"; {carrier} had answered {status_name(row.command_status)}" if row.command_status else ""
        return f"Counted as failed{when}, because a person said so, or nobody for 72 hours{status}."
    return f"Refused for good by {_refuser(row, carrier)}{reason}{when}."


def _by_receipt(row: MessageCorrelation, carrier: str) -> tuple[Level, str]:
    when = _at(row.dlr_received_at)
    if row.dlr_state == "DELIVERED":
        return Level.DONE, f"Delivered: {carrier} said so {when}."
    error = f", error {row.error_code}" if row.error_code else ""
    return Level.FAILED, f"Not delivered: {carrier} said {row.dlr_state}{error} {when}."


def _doubtful(row: MessageCorrelation, carrier: str) -> tuple[Level, str]:
    since = f"In doubt since {_moment(row.in_doubt_at)}" if row.in_doubt_at else "In doubt"
    why = f" ({_why(row)})" if _why(row) else ""
    if row.policy_action is None and command_is_gone(row):
        return Level.DOUBT, f"{since}{why}: {carrier} may have it. Only its receipt or a person will settle it."
    if is_for_a_person(row.policy_action, row.in_doubt_reason):
        return Level.DOUBT, f"{since}{why}: {carrier} may have it. It is left to a person{_when(row.policy_at)}."
    if row.policy_action is None:
        return Level.DOUBT, f"{since}{why}: {carrier} may have it. Its receipt or the policy will settle it."
    done = f"{row.policy_action}{_when(row.policy_at)}"
    return Level.DOUBT, f"{since}{why}: {carrier} may have it ({done})."


def _why(row: MessageCorrelation) -> str:
    status = status_name(row.command_status) if row.command_status is not None else ""
    return " ".join(one for one in (row.in_doubt_reason, status) if one)


def _refuser(row: MessageCorrelation, carrier: str) -> str:
    return carrier + (f" with {status_name(row.command_status)}" if row.command_status is not None else "")


def _refused_by(kept: Kept, row: MessageCorrelation) -> str:
    return f"Refused for now by {_refuser(row, kept.carrier(row))}{_when(row.refused_at)}"


def _since(row: MessageCorrelation) -> datetime:
    """When its command was stored, or its row made where nobody knows that."""
    return stored_at(row) or moment_of(row.pk)


def _came_back(row: MessageCorrelation) -> str:
    delays = [one for one in delays_of(row) if one.why not in WAITED]
    return f" It came back from the gateway {_at(delays[-1].until)}: {delays[-1].why}." if delays else ""


def _held_up(kept: Kept, row: MessageCorrelation) -> str:
    if delays := delays_of(row):
        last = delays[-1]
        return f" What last held it up: {last.why}, from {_moment(last.since)} to {last.until:%H:%M:%S}."
    return f" It waited for {kept.carrier(row)} since {_moment(_since(row))}." if row.command_age else ""


def _moment(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"


def _when(moment: datetime | None) -> str:
    return f" {_at(moment)}" if moment else ""


def _at(moment: datetime | None) -> str:
    return f"at {_moment(moment)}" if moment else "at a time that is not kept"
