"""Bulk actions on parts in doubt: a person says that the operator took them, or that they failed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import partial
from uuid import UUID

from ghasi.correlations import held, sql_held
from ghasi.correlations.bulk_kinds import Judged, Kind, Options, Result
from ghasi.correlations.models import MessageCorrelation
from ghasi.correlations.rows import ORDER_FAILED, ORDER_SENT
from ghasi.correlations.types import RowStatus
from ghasi.smpp.constants import status_name

GONE = "is not in the ledger any more"
WAITS = "the connector still waits for proof of it"
DOUBLE = "somebody was faster"
LATER = "another attempt was made"
DECIDED = {ORDER_SENT, ORDER_FAILED}


def judge(targets: Sequence[str], options: Options, now: datetime) -> list[Judged]:
    ids = [UUID(one) for one in targets]
    rows = {str(row.pk): row for row in MessageCorrelation.objects.filter(pk__in=ids).order_by()}
    open_ones = {str(row.row_id) for row in held.undecided(ids)}
    return [
        _judged(one, rows[one], one in open_ones) if one in rows else Judged(one, refused=GONE) for one in targets
    ]


def _judged(target: str, row: MessageCorrelation, is_open: bool) -> Judged:
    answer = f" {status_name(row.command_status)}" if row.command_status is not None else ""
    shown = f"{row.message_id} part {row.segment}/{row.segments} {row.in_doubt_reason or ''}{answer}"
    return Judged(target, row.message_id, shown, "" if is_open else _why_not(row))


def _why_not(row: MessageCorrelation) -> str:
    if row.status != RowStatus.IN_DOUBT:
        return f"is {row.status}, not in doubt any more"
    if row.policy_action in DECIDED:
        return "somebody has decided it already"
    return WAITS if row.policy_action is None else LATER


def carry_out(what: str, targets: Sequence[str], options: Options, by: str, now: datetime) -> list[Result]:
    rows = held.undecided([UUID(one) for one in targets])
    done = {str(one) for one in held.ordered(rows, what, now=now)}
    left = [one for one in targets if one not in done]
    words = {one.target: one.refused for one in judge(left, options, now)}
    before = _decided_so(left, what)
    return [
        Result(one, True, "noted; told within seconds")
        if one in done
        else Result(one, False, words[one] or DOUBLE, one in before)
        for one in targets
    ]


def _decided_so(targets: Sequence[str], what: str) -> set[str]:
    """Those of which a person has said the same before, carried out or not."""
    said = MessageCorrelation.objects.filter(pk__in=targets, policy_action__in=[what, sql_held.DONE[what]])
    return {str(one) for one in said.order_by().values_list("pk", flat=True)}


KINDS = (
    Kind(
        key="part.settle_as_sent",
        label="Settle as sent …",
        permission="correlations.settle_messagecorrelation",
        model="messagecorrelation",
        will="It counts as taken by the operator, and the platform is told ACCEPTED.",
        judge=judge,
        carry_out=partial(carry_out, ORDER_SENT),
        warning="A part that never arrived is then never sent again, and no receipt will tell.",
    ),
    Kind(
        key="part.settle_as_failed",
        label="Settle as failed …",
        permission="correlations.settle_messagecorrelation",
        model="messagecorrelation",
        will="It counts as refused, and the platform is told REJECTED.",
        judge=judge,
        carry_out=partial(carry_out, ORDER_FAILED),
        warning="The platform may send a failed message again: what the operator did take then arrives twice.",
    ),
)
