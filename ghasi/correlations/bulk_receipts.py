"""Bulk actions on receipts without a part: matched again now, or discarded."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.db.models import Q

from ghasi.correlations import inbox
from ghasi.correlations.bulk_kinds import Judged, Kind, Options, Result
from ghasi.correlations.models import InboxReceipt

GONE = "is not there any more"
MATCHED = "has found its part"
UNREADABLE = "could not be read"
TOO_OLD = "is older than 72 hours: its part is settled"
UNTOLD = "the platform has not been told of it yet: ten minutes after it came it is"
DISCARDABLE = Q(matched_at__isnull=True) & (Q(given_up_at__isnull=False) | Q(unreadable__isnull=False))


def judge_match(targets: Sequence[str], options: Options, now: datetime) -> list[Judged]:
    def why_not(one: InboxReceipt) -> str:
        if one.matched_at is not None:
            return MATCHED
        if one.unreadable is not None:
            return UNREADABLE
        return TOO_OLD if one.taken_at <= now - inbox.MATCHABLE else ""

    found = _found(targets)
    return [_judged(one, found[one], why_not(found[one])) if one in found else _gone(one) for one in targets]


def carry_out_match(targets: Sequence[str], options: Options, by: str, now: datetime) -> list[Result]:
    """The sweep publishes the events of what is found, as it does for whatever nobody confirmed."""
    refused = {one.target: one.refused for one in judge_match(targets, options, now)}
    for target, receipt in _found(targets).items():
        if not refused[target]:
            inbox.rematch(receipt.operator_id, receipt.lookup_keys, now=now)
    found = _found(targets)
    return [_matched(one, found.get(one), refused[one]) for one in targets]


def _matched(target: str, receipt: InboxReceipt | None, refused: str) -> Result:
    if refused or receipt is None:
        return Result(target, False, refused or GONE, refused == MATCHED)
    if receipt.matched_at is None:
        return Result(target, False, "there still is no part for it")
    return Result(target, True, "found its part; its event follows within a minute")


def judge_discard(targets: Sequence[str], options: Options, now: datetime) -> list[Judged]:
    def why_not(one: InboxReceipt) -> str:
        if one.matched_at is not None:
            return MATCHED
        return UNTOLD if one.unreadable is None and one.given_up_at is None else ""

    found = _found(targets)
    return [_judged(one, found[one], why_not(found[one])) if one in found else _gone(one) for one in targets]


def carry_out_discard(targets: Sequence[str], options: Options, by: str, now: datetime) -> list[Result]:
    refused = {one.target: one.refused for one in judge_discard(targets, options, now)}
    chosen = [int(one) for one in targets if not refused[one]]
    InboxReceipt.objects.filter(DISCARDABLE, pk__in=chosen).delete()
    # What found its part in between stays.
    left = _found(targets)
    words = {one: refused[one] or (MATCHED if one in left else "") for one in targets}
    return [
        Result(one, False, words[one], words[one] == GONE) if words[one] else Result(one, True, "forgotten")
        for one in targets
    ]


def _found(targets: Sequence[str]) -> dict[str, InboxReceipt]:
    return {str(one.pk): one for one in InboxReceipt.objects.filter(pk__in=[int(one) for one in targets])}


def _judged(target: str, one: InboxReceipt, refused: str) -> Judged:
    shown = f"{one.operator_message_id} {one.status}"
    known_as = (one.operator_message_id or "")[:100]
    return Judged(target, None, shown, refused, known_as=known_as, operator_id=one.operator_id)


def _gone(target: str) -> Judged:
    return Judged(target, None, f"receipt {target}", GONE)


KINDS = (
    Kind(
        key="receipt.match",
        label="Match again …",
        permission="correlations.rematch_inboxreceipt",
        model="inboxreceipt",
        noted_as="receipt",
        will="Its part is looked for once more now; if it is found, the platform is told.",
        judge=judge_match,
        carry_out=carry_out_match,
    ),
    Kind(
        key="receipt.discard",
        label="Discard …",
        permission="correlations.discard_inboxreceipt",
        model="inboxreceipt",
        noted_as="receipt",
        will="It leaves the inbox and is matched to nothing any more.",
        judge=judge_discard,
        carry_out=carry_out_discard,
        warning="This cannot be undone.",
    ),
)
