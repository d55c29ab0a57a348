"""Bulk actions: previewed as drafts, ordered once, carried out by the upkeep at a bounded rate (docs/operations.md,
"Bulk actions").

An order outlives the browser and the process it was given in. It is taken by compare-and-set, so that a double click
orders once; every thing is looked at again when its turn comes, so that two people do it once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Count, Q

from ghasi.correlations import bulk_letters, bulk_parts, bulk_receipts
from ghasi.correlations.bulk_kinds import ATTEMPTS, Judged, Kind, Options, Result
from ghasi.correlations.bulk_models import (
    BEGUN,
    CARRIED_OUT,
    DONE,
    DRAFT,
    OPEN,
    REFUSED,
    RUNNING,
    STOPPED,
    WAITING,
    BulkAction,
    BulkItem,
)
from ghasi.operators.actions import OperatorAction, note_action

MOST = 1_000
"""Things of one action; the commands take more."""
A_TURN = 500
DRAFT_LIVES = timedelta(hours=1)
KEPT = timedelta(days=90)
MESSAGE = "message"
BEFORE = "done, by a turn that was cut off before it could say so"

KINDS: dict[str, Kind] = {kind.key: kind for kind in (*bulk_letters.KINDS, *bulk_parts.KINDS, *bulk_receipts.KINDS)}


@dataclass(frozen=True, slots=True)
class Preview:
    """What an action would do, or has done so far."""

    waiting: int = 0
    done: int = 0
    refused: int = 0
    doubles: int = 0
    """Of those waiting: they may reach the handset twice."""
    reasons: dict[str, int] = field(default_factory=dict)
    """Why things are refused, the most frequent first."""
    sample: tuple[BulkItem, ...] = ()


def draft(kind: Kind, targets: Sequence[str], *, chosen: int, by: str, now: datetime) -> BulkAction:
    """Judges the first things chosen and keeps what was found. Raises DatabaseError, BusError."""
    judged = kind.judge(targets[:MOST], {}, now)
    with transaction.atomic():
        made = BulkAction.objects.create(kind=kind.key, made_at=now, made_by=by, chosen=chosen)
        BulkItem.objects.bulk_create([_item(made, one) for one in judged])
    return made


def judge_again(bulk: BulkAction, options: dict[str, int], now: datetime) -> None:
    """A draft with other options. Raises DatabaseError, BusError."""
    targets = list(bulk.items.order_by("id").values_list("target", flat=True))
    judged = KINDS[bulk.kind].judge(targets, options, now)
    with transaction.atomic():
        if not BulkAction.objects.filter(pk=bulk.pk, state=DRAFT).update(options=options):
            return
        bulk.items.all().delete()
        BulkItem.objects.bulk_create([_item(bulk, one) for one in judged])


def _item(bulk: BulkAction, one: Judged) -> BulkItem:
    return BulkItem(
        bulk=bulk,
        target=one.target,
        message_id=one.message_id,
        shown=one.shown[:200],
        known_as=one.known_as,
        operator_id=one.operator_id,
        attempt=one.attempt,
        doubles=one.doubles,
        state=REFUSED if one.refused else WAITING,
        result=one.refused[:200],
    )


def preview(bulk: BulkAction, sample: int = 10) -> Preview:
    counted = dict(bulk.items.values_list("state").annotate(n=Count("id")).order_by())
    reasons = bulk.items.filter(state=REFUSED).values_list("result").annotate(n=Count("id")).order_by("-n", "result")
    shown = bulk.items.filter(~Q(state=REFUSED)).order_by("id") if bulk.state == DRAFT else bulk.items.order_by("id")
    return Preview(
        sum(counted.get(one, 0) for one in OPEN),
        counted.get(CARRIED_OUT, 0),
        counted.get(REFUSED, 0),
        bulk.items.filter(doubles=True, state__in=OPEN).count(),
        dict(reasons),
        tuple(shown[:sample]),
    )


def order(bulk: BulkAction, *, by: str, reason: str, now: datetime) -> bool:
    """Starts a draft; False where it is none any more, because it was ordered before or is too old."""
    with transaction.atomic():
        fresh = BulkAction.objects.filter(pk=bulk.pk, state=DRAFT, made_by=by, made_at__gt=now - DRAFT_LIVES)
        if not fresh.update(state=RUNNING, reason=reason[:500], rate=rate(), ordered_at=now):
            return False
        count = bulk.items.filter(state=WAITING).count()
        detail = {"things": count, "rate": rate(), **bulk.options}
        note_action(by, bulk.kind, "bulk", str(bulk.pk), reason=reason, detail=detail, result="ordered", at=now)
    return True


def rate() -> int:
    """Things a second at most."""
    return int(settings.ADMIN_BULK_RATE)


def stop(bulk: BulkAction, *, by: str, now: datetime) -> bool:
    """Ends an action early: what is done stays done, what has begun is brought to its end. False where it does not
    run."""
    with transaction.atomic():
        running = BulkAction.objects.filter(pk=bulk.pk, state=RUNNING)
        if not running.update(state=STOPPED, stopped_by=by, finished_at=now):
            return False
        note_action(by, bulk.kind, "bulk", str(bulk.pk), result=_outcome(bulk, "stopped"), at=now)
    return True


def turn(now: datetime) -> int:
    """A second's share of the oldest action that runs; how many things it looked at. Raises DatabaseError, BusError:
    then the same come again. What an earlier turn began and is found done is this action's work and noted so; that
    of an action that was stopped meanwhile comes first."""
    bulk = _cut_off() or BulkAction.objects.filter(state=RUNNING).order_by("ordered_at").first()
    if bulk is None:
        return 0
    left = bulk.items.filter(state__in=OPEN if bulk.state == RUNNING else [BEGUN]).order_by("id")
    items = list(left[: min(bulk.rate, A_TURN)])
    begun = {item.target for item in items if item.state == BEGUN}
    if items:
        bulk.items.filter(pk__in=[item.pk for item in items], state=WAITING).update(state=BEGUN)
        results = KINDS[bulk.kind].carry_out(
            [item.target for item in items], _options(bulk, items), bulk.made_by, now
        )
        _note(bulk, [_own(one) if one.target in begun else one for one in results], now)
    if not left.exists():
        _finish(bulk, now)
    return len(items)


def _cut_off() -> BulkAction | None:
    """A stopped action some of whose things have begun, and perhaps been done, without a word of it."""
    begun = BulkItem.objects.filter(state=BEGUN, bulk__state=STOPPED).select_related("bulk").order_by("bulk").first()
    return begun.bulk if begun else None


def _options(bulk: BulkAction, items: Sequence[BulkItem]) -> Options:
    attempts = {item.message_id: item.attempt for item in items if item.message_id and item.attempt is not None}
    return {**bulk.options, ATTEMPTS: attempts}


def _own(one: Result) -> Result:
    """Of a thing that a turn began which was cut off: it was that turn."""
    return replace(one, done=True, words=BEFORE) if one.so_already else one


def _note(bulk: BulkAction, results: Sequence[Result], now: datetime) -> None:
    """What came of things; an action of the staff for each message, receipt or letter it was done to."""
    told = {one.target: one for one in results}
    with transaction.atomic():
        items = list(bulk.items.select_for_update().filter(state__in=OPEN, target__in=told).order_by("id"))
        for item in items:
            result = told[item.target]
            item.state = CARRIED_OUT if result.done else REFUSED
            item.result, item.done_at = result.words[:200], now
        BulkItem.objects.bulk_update(items, ["state", "result", "done_at"])
        OperatorAction.objects.bulk_create(_action(bulk, item, now) for item in items if item.state == CARRIED_OUT)


def _action(bulk: BulkAction, item: BulkItem, now: datetime) -> OperatorAction:
    """By its message where it has one, so that the message's timeline tells it."""
    known_as = item.known_as or item.target
    kind, target = (MESSAGE, str(item.message_id)) if item.message_id else (KINDS[bulk.kind].noted_as, known_as)
    operator = {"operatorId": str(item.operator_id)} if item.operator_id else {}
    return OperatorAction(
        at=now,
        actor=bulk.made_by,
        action=bulk.kind,
        target_kind=kind,
        target=target,
        reason=bulk.reason,
        detail={"bulk": bulk.pk, **operator},
        result=item.result,
    )


def _finish(bulk: BulkAction, now: datetime) -> None:
    with transaction.atomic():
        if BulkAction.objects.filter(pk=bulk.pk, state=RUNNING).update(state=DONE, finished_at=now):
            note_action(bulk.made_by, bulk.kind, "bulk", str(bulk.pk), result=_outcome(bulk, "finished"), at=now)


def _outcome(bulk: BulkAction, word: str) -> str:
    counted = preview(bulk, sample=0)
    return f"{word}: {counted.done} done, {counted.refused} refused, {counted.waiting} left"


def forget(now: datetime) -> None:
    """Drafts that nobody ordered, and what was done long ago; the actions of the staff stay."""
    BulkAction.objects.filter(state=DRAFT, made_at__lt=now - timedelta(days=1)).delete()
    BulkAction.objects.filter(state__in=[DONE, STOPPED], made_at__lt=now - KEPT).delete()
