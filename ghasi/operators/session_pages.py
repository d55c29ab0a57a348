"""The admin's pages on live sessions: the view over all replicas, and the orders bind, unbind, drain, rebind."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone

from ghasi.bus import BusError, BusSettings
from ghasi.env import SettingsError
from ghasi.operators.actions import OperatorAction, Result
from ghasi.operators.confirming import ReasonForm
from ghasi.operators.control import ACTIONS
from ghasi.operators.kept import Kept
from ghasi.operators.live import Live, read_live
from ghasi.operators.models import Operator
from ghasi.operators.ordering import PERMISSION, Wish, give
from ghasi.operators.session_groups import groups

PAGE = "admin/operators/operator/live.html"
PART = "admin/operators/operator/live_part.html"
ORDER = "admin/operators/operator/order.html"
SEEN_WITHIN = timedelta(days=1)
"""An operator that no gateway has reported for longer is not shown."""
LATEST = 10
LIVE_SECONDS = 1.0
VIEW_ACTIONS = "operators.view_operatoraction"

EFFECTS = {
    "bind": "Its gateways bind, and go on doing so after restarts.",
    "unbind": "Its binds end, once what is on its way is answered. Its messages wait, or go over its backup, until "
    "somebody orders bind. No other replica takes over.",
    "drain": "What is on its way is finished, nothing new is sent, then its binds end. Its messages wait, or go over "
    "its backup, until somebody orders bind.",
    "rebind": "Each bind is ended and made anew at once, with credentials and settings fetched afresh. What is on "
    "its way is waited for.",
}
_TAGS = {
    Result.DONE: messages.SUCCESS,
    Result.KEPT: messages.WARNING,
    Result.REFUSED: messages.ERROR,
    Result.FAILED: messages.ERROR,
}


def read() -> tuple[Live, str]:
    """What stands now, and why it cannot be read."""
    try:
        return read_live(BusSettings.from_env(), ask=True), ""
    except (BusError, SettingsError) as error:
        return Live(), str(error)


SHARED = Kept(read, LIVE_SECONDS)


def sessions_context(request: HttpRequest) -> dict[str, Any]:
    """What both the page and its live part show: read once a second for all who look at it."""
    live, trouble = SHARED.get()
    now = timezone.now()
    seen = Operator.objects.filter(last_seen_at__gte=now - SEEN_WITHIN)
    known = [(str(one.operator_id), one.name) for one in seen]
    return {
        "groups": groups(live, known, now),
        "trouble": trouble,
        "at": now,
        "may_control": request.user.has_perm(PERMISSION),
        "actions": ACTIONS,
        "latest": _latest(request, _names(live)),
    }


def _names(live: Live) -> dict[str, str]:
    """By operator id: as the newest sessions tell it, else as it was last heard."""
    kept = {str(one.operator_id): one.name for one in Operator.objects.exclude(name="")}
    return kept | {one.operator_id: one.operator_name for one in live.sessions if one.operator_name}


def _latest(request: HttpRequest, names: Mapping[str, str]) -> list[dict[str, Any]]:
    """The newest orders, for those who may give some or read what was done."""
    if not (request.user.has_perm(PERMISSION) or request.user.has_perm(VIEW_ACTIONS)):
        return []
    return [_shown(one, names) for one in OperatorAction.objects.filter(action__in=ACTIONS).order_by("-id")[:LATEST]]


def _shown(entry: OperatorAction, names: Mapping[str, str]) -> dict[str, Any]:
    known = entry.result in Result.values
    return {
        "at": entry.at,
        "by": entry.actor,
        "action": entry.action,
        "name": _name(entry, names),
        "reason": entry.reason,
        "result": Result(entry.result).label if known else entry.result,
    }


def _name(entry: OperatorAction, names: Mapping[str, str]) -> str:
    """An order given in the shell names the id only."""
    return str(entry.detail.get("operatorName") or names.get(entry.target) or entry.target)


def order_view(request: HttpRequest, operator_id: UUID, action: str, base: dict[str, Any]) -> HttpResponse:
    """Asks for the reason and for the confirmation; a POST with both carries the order out.

    `base` is what every page of the admin needs. Raises PermissionDenied, Http404.
    """
    if not request.user.has_perm(PERMISSION):
        raise PermissionDenied
    if action not in ACTIONS:
        raise Http404
    form = ReasonForm(request.POST if request.method == "POST" else None)
    live, trouble = read()
    group = next(
        (one for one in groups(live, _named(operator_id), timezone.now()) if one.operator_id == str(operator_id)),
        None,
    )
    if group is None:
        raise Http404
    if request.method == "POST" and form.is_valid():
        wish = Wish(operator_id, group.name[:128], action, request.user.get_username(), form.cleaned_data["reason"])
        _tell(request, give(wish, {row.record.replica for row in group.rows}, timezone.now()))
        return HttpResponseRedirect(reverse("admin:operators_operator_live"))
    context = {
        **base,
        "title": f"{action.capitalize()} {group.name or operator_id}",
        "group": group,
        "action": action,
        "effect": EFFECTS[action],
        "form": form,
        "trouble": trouble,
    }
    return render(request, ORDER, context, status=400 if form.errors else 200)


def _named(operator_id: UUID) -> list[tuple[str, str]]:
    """Of an operator that was seen once an order is kept also while no gateway runs."""
    return [(str(one.operator_id), one.name) for one in Operator.objects.filter(operator_id=operator_id)]


def _tell(request: HttpRequest, entry: OperatorAction) -> None:
    result = Result(entry.result)
    detail = "; ".join(entry.detail["answers"])
    text = f"{entry.action} {_name(entry, {})}: {result.label}{f' ({detail})' if detail else ''}"
    messages.add_message(request, _TAGS[result], text)
