"""The page that answers "where is my SMS" (docs/operations.md, "Where is my SMS")."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import models
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.http import urlencode

from ghasi.bus import BusError
from ghasi.correlations import number_searches, where
from ghasi.correlations.lookup import numbers_of
from ghasi.correlations.masking import masked
from ghasi.correlations.readonly_admin import PII, bounded_queries
from ghasi.env import SettingsError

if TYPE_CHECKING:
    AnyModelAdmin = admin.ModelAdmin[models.Model]
else:
    AnyModelAdmin = admin.ModelAdmin

TEMPLATE = "admin/correlations/messagecorrelation/where.html"
NOTHING = (
    "Nothing is known by this name: not taken from SMS_DISPATCH yet, older than the ledger, or never given to us."
)
NOT_HERE = "No message has this operator's id. A subscriber's number is searched for here, where no address keeps it."


class WhereAdmin(AnyModelAdmin):
    """Needs the permission to view the list; numbers are masked, and not searched for, without the one for them.

    The form is posted, so that a number stands in no address and in no log of a web server; any other name gets an
    address of its own. A number that is typed into the search of the list leads here, to be typed into the form.
    Whoever looks for one is written down before anything is looked for.
    """

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        term = _typed(request.GET.get("q", ""))
        if request.method == "GET" and numbers_of(term) and self.has_view_permission(request):
            with bounded_queries():
                named = where.is_operators_id(term)
            if not named:
                messages.info(request, NOT_HERE)
                return HttpResponseRedirect(reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_where"))
        return super().changelist_view(request, extra_context)

    def get_urls(self) -> list[URLPattern]:
        view: Callable[..., HttpResponse] = self.admin_site.admin_view(self.where_view)
        name = f"{self.opts.app_label}_{self.opts.model_name}_where"
        return [path("where/", view, name=name), *super().get_urls()]

    def where_view(self, request: HttpRequest) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        numbers = request.user.has_perm(PII)
        asked = request.POST if request.method == "POST" else request.GET
        term = _typed(asked.get("q", ""))
        if request.method == "POST" and not numbers_of(term):
            return HttpResponseRedirect(f"{request.path}?{urlencode({'q': term})}")
        if numbers and numbers_of(term):
            number_searches.note_page(request.user.get_username(), term, now=timezone.now())
        with bounded_queries():
            context = {
                **self.admin_site.each_context(request),
                "title": "Where is my SMS",
                "opts": self.opts,
                "q": term,
                "placeholder": "Message id, operator's id" + (" or destination" if numbers else ""),
                **(_answer(term, numbers=numbers, events=bool(request.GET.get("events"))) if term else {}),
            }
            return TemplateResponse(request, TEMPLATE, context).render()


def _typed(term: str) -> str:
    """Without what no name has and PostgreSQL takes in no text."""
    return term.replace("\0", "").strip()


def _answer(term: str, *, numbers: bool, events: bool) -> dict[str, Any]:
    found = where.find(term, numbers=numbers)
    if not found.messages and not found.receipts:
        waits, looked = where.waiting(term, timezone.now())
        return {"found": waits} if waits else {"nothing": f"{NOTHING} {looked}".strip()}
    if len(found.messages) != 1:
        return {**_list(found, numbers=numbers), "receipts": found.receipts}
    return {**_one(found.messages[0], numbers=numbers, events=events), "receipts": found.receipts}


def _list(found: where.Found, *, numbers: bool) -> dict[str, Any]:
    listed = [
        {
            "message_id": one.message_id,
            "number": _shown(one.destination, numbers=numbers),
            "parts": len(one.parts),
            "standing": one.standing,
        }
        for one in where.timelines(found.messages, timezone.now())
    ]
    return {"listed": listed, "more": found.more}


def _one(message_id: UUID, *, numbers: bool, events: bool) -> dict[str, Any]:
    trouble = ""
    try:
        found = where.timeline(message_id, timezone.now(), events=events)
    except (BusError, SettingsError) as error:
        trouble = str(error)
        found = where.timeline(message_id, timezone.now())
    return {"found": found, "number": _shown(found.destination, numbers=numbers), "trouble": trouble}


def _shown(number: str, *, numbers: bool) -> str:
    return number if numbers else masked(number)
