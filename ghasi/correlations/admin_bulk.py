"""Bulk actions in the admin: offered by the lists, previewed, ordered and watched on a page of their own."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import models
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.csrf import csrf_protect

from ghasi.bus import BusError
from ghasi.correlations import bulk
from ghasi.correlations.bulk_kinds import Kind
from ghasi.correlations.bulk_models import DRAFT, RUNNING, BulkAction
from ghasi.correlations.readonly_admin import ReadOnlyAdmin
from ghasi.env import SettingsError

if TYPE_CHECKING:
    AnyModelAdmin = admin.ModelAdmin[models.Model]
else:
    AnyModelAdmin = admin.ModelAdmin

TEMPLATE = "admin/correlations/bulkaction/page.html"
MOST_MINUTES = 7 * 24 * 60
NOT_TWICE = "Not ordered: this preview was ordered before, is an hour old, or is somebody else's."

Offer = Callable[[Any, HttpRequest, QuerySet[Any]], HttpResponse | None]


class OffersBulk(AnyModelAdmin):
    """A list whose rows can be acted on by whoever has the permission for that."""

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        return {
            kind.key: (_offer(kind), kind.key, kind.label)
            for kind in bulk.KINDS.values()
            if kind.model == self.opts.model_name and request.user.has_perm(kind.permission)
        }


def _offer(kind: Kind) -> Offer:
    def preview(model_admin: Any, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse | None:
        chosen = queryset.order_by().values("pk")[: bulk.MOST * 10].count()
        targets = [str(one) for one in queryset.values_list("pk", flat=True)[: bulk.MOST]]
        try:
            made = bulk.draft(kind, targets, chosen=chosen, by=request.user.get_username(), now=timezone.now())
        except (BusError, SettingsError) as error:
            messages.error(request, f"The preview cannot be made: {error}.")
            return None
        return HttpResponseRedirect(reverse("admin:correlations_bulkaction_change", args=[made.pk]))

    return preview


@admin.register(BulkAction)
class BulkActionAdmin(ReadOnlyAdmin):
    """What was ordered, by whom, and how far it is. A draft is seen by who made it only."""

    list_display = ("made_at", "kind", "state", "made_by", "reason", "ordered_at", "finished_at")
    list_display_links = ("made_at",)
    list_filter = ("state",)
    ordering = ("-made_at",)
    sortable_by = ()

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        if isinstance(obj, BulkAction) and obj.state == DRAFT:
            return obj.made_by == request.user.get_username() and request.user.has_perm(_kind(obj).permission)
        may = {kind.permission for kind in bulk.KINDS.values()}
        return super().has_view_permission(request, obj) or any(request.user.has_perm(one) for one in may)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        found = super().get_queryset(request)
        return found.exclude(~models.Q(made_by=request.user.get_username()), state=DRAFT)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        return _page(request, self, object_id)


@csrf_protect
def _page(request: HttpRequest, model_admin: BulkActionAdmin, object_id: str) -> HttpResponse:
    found = BulkAction.objects.filter(pk=int(object_id)).first() if object_id.isdecimal() else None
    if found is None:
        raise Http404
    if not model_admin.has_view_permission(request, found):
        raise PermissionDenied
    if request.method == "POST":
        if not request.user.has_perm(_kind(found).permission):
            raise PermissionDenied
        _do(request, found)
        return HttpResponseRedirect(request.path)
    return TemplateResponse(request, TEMPLATE, _context(request, model_admin, found))


def _do(request: HttpRequest, found: BulkAction) -> None:
    by, now, what = request.user.get_username(), timezone.now(), request.POST.get("do")
    if what == "order":
        reason = request.POST.get("reason", "").strip()
        if not reason:
            messages.error(request, "Give a reason: it is kept with what was done.")
        elif not bulk.order(found, by=by, reason=reason, now=now):
            messages.error(request, NOT_TWICE)
    elif what == "stop":
        if not bulk.stop(found, by=by, now=now):
            messages.error(request, "It does not run any more.")
    elif what == "again":
        _judge_again(request, found)


def _judge_again(request: HttpRequest, found: BulkAction) -> None:
    minutes = request.POST.get("expires_in", "")
    if not (minutes.isascii() and minutes.isdigit() and 0 < int(minutes) <= MOST_MINUTES):
        messages.error(request, f"Minutes are a number from 1 to {MOST_MINUTES}.")
        return
    if not _kind(found).may_extend:
        return
    try:
        bulk.judge_again(found, {"expires_in": int(minutes)}, timezone.now())
    except (BusError, SettingsError) as error:
        messages.error(request, f"The preview cannot be made: {error}.")


def _context(request: HttpRequest, model_admin: BulkActionAdmin, found: BulkAction) -> dict[str, Any]:
    kind, counted = _kind(found), bulk.preview(found)
    rate = found.rate or bulk.rate()
    total = counted.waiting + counted.done + counted.refused
    return {
        **model_admin.admin_site.each_context(request),
        "title": f"{kind.label.removesuffix(' …')}: {'preview' if found.state == DRAFT else found.state}",
        "opts": model_admin.opts,
        "bulk": found,
        "kind": kind,
        "counted": counted,
        "total": total,
        "looked_at": total - counted.waiting,
        "left_out": max(0, found.chosen - total),
        "rate": rate,
        "seconds": -(-counted.waiting // rate),
        "is_draft": found.state == DRAFT,
        "runs": found.state == RUNNING,
        "may": request.user.has_perm(kind.permission),
        "list_url": reverse(f"admin:correlations_{kind.model}_changelist"),
    }


def _kind(found: BulkAction) -> Kind:
    return bulk.KINDS[found.kind]
