"""The list of what the staff did: to filter, to search and to export, never to change."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator
from typing import Any, Final

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponseNotAllowed, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.urls import URLPattern, path

from ghasi.correlations.readonly_admin import ReadOnlyAdmin
from ghasi.correlations.spans import ColumnSpanFilter
from ghasi.operators.actions import ADDRESS, OperatorAction
from ghasi.staff.noting import Event, note

EXPORTED_AT_MOST: Final = 100_000
_COLUMNS: Final = ("at", "actor", "action", "target_kind", "target", "reason", "detail", "result")
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


class DoneSpan(ColumnSpanFilter):
    column = "at"


class KindFilter(admin.SimpleListFilter):
    """Actions by the word they begin with, for which there is an index."""

    title = "what"
    parameter_name = "what"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [
            ("login", "Logins and lock-outs"),
            ("session", "Sessions ended"),
            ("second_factor", "Second factors"),
            ("user", "Accounts and roles"),
            ("profile", "Profiles"),
            ("other", "Operators and messages"),
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        chosen = self.value()
        own = [event.value for event in Event]
        if chosen == "other":
            return queryset.exclude(action__in=own)
        if chosen is None:
            return queryset
        words = [one for one in own if one.split(".")[0] == chosen or (chosen == "login" and one == Event.LOGOUT)]
        return queryset.filter(action__in=words)


@admin.register(OperatorAction)
class AuditAdmin(ReadOnlyAdmin):
    """Needs `operators.view_operatoraction`, which leads have. An export is an action of its own."""

    list_display = ("when", "actor", "action", "done_to", "address", "reason", "result")
    list_display_links = ("when",)
    list_filter = (DoneSpan, KindFilter)
    search_fields = ("actor",)
    search_help_text = "Exact: a person, an action such as login.failed, or what it was done to."
    ordering = ("-id",)
    sortable_by = ()
    fields = readonly_fields = _COLUMNS
    change_list_template = "admin/staff/audit.html"

    @admin.display(description="at (UTC)")
    def when(self, obj: OperatorAction) -> str:
        return f"{obj.at:%Y-%m-%d %H:%M:%S}"

    @admin.display(description="to")
    def done_to(self, obj: OperatorAction) -> str:
        return f"{obj.target_kind} {obj.target}".strip()

    @admin.display(description="from")
    def address(self, obj: OperatorAction) -> str:
        return str(obj.detail.get(ADDRESS, "–")) if isinstance(obj.detail, dict) else "–"

    def exact(self, request: HttpRequest, term: str) -> Q | None:
        return Q(actor=term) | Q(action=term) | Q(target=term)

    def get_urls(self) -> list[URLPattern]:
        view: Callable[..., HttpResponseBase] = self.admin_site.admin_view(self.export_view)
        return [path("export/", view, name="operators_operatoraction_export"), *super().get_urls()]

    def export_view(self, request: HttpRequest) -> HttpResponseBase:
        """What the list shows with the same query, as CSV; by POST, because it writes a line itself."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        rows = self.get_changelist_instance(request).get_queryset(request)[:EXPORTED_AT_MOST]
        note(Event.EXPORTED, "audit", "list", filter=request.GET.urlencode()[:200])
        response = StreamingHttpResponse(as_csv(rows.iterator()), content_type="text/csv; charset=utf-8")
        response.headers["Content-Disposition"] = 'attachment; filename="audit.csv"'
        return response


def as_csv(rows: Iterator[OperatorAction]) -> Iterator[str]:
    """Lines with a heading. A cell that a spreadsheet would calculate begins with an apostrophe."""
    writer = csv.writer(_Echo())
    yield writer.writerow(_COLUMNS)
    for row in rows:
        detail = json.dumps(row.detail, ensure_ascii=False, sort_keys=True)
        cells = (row.actor, row.action, row.target_kind, row.target, row.reason, detail, row.result)
        yield writer.writerow([row.at.isoformat(), *map(_harmless, cells)])


def _harmless(cell: str) -> str:
    return f"'{cell}" if cell.startswith(_FORMULA) else cell


class _Echo:
    """A file that gives back what is written to it."""

    def write(self, line: str) -> str:
        return line
