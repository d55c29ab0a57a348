"""Admin lists for tables of any size: read-only, never counted, bounded in time, searched by exact indexed keys."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast

from django.contrib import admin, messages
from django.core.paginator import Paginator
from django.db import OperationalError, connection, models, transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.utils import timezone

if TYPE_CHECKING:
    AnyPaginator = Paginator[Any]
    AnyModelAdmin = admin.ModelAdmin[models.Model]
else:
    AnyPaginator = Paginator
    AnyModelAdmin = admin.ModelAdmin

STATEMENT_TIMEOUT_MS = 5000
COUNTED = 10_000
"""Rows a list counts at most; beyond them it ends."""
FOUND = 1000
"""Rows a search finds at most."""
WORK_LIST = "list"
SPANS = (("day", "Last 24 hours", 1), ("3d", "Last 3 days", 3), ("7d", "Last 7 days", 7))
PII = "correlations.view_pii"
_QUERY_CANCELED = "57014"


class BoundedPaginator(AnyPaginator):
    """Counts no further than `COUNTED`: a full count of a big table reads all of it."""

    @cached_property
    def count(self) -> int:
        rows = cast("QuerySet[Any]", self.object_list)
        return rows.order_by()[:COUNTED].count()


class SpanFilter(admin.SimpleListFilter, ABC):
    """The last 24 hours unless told otherwise; a search and a work list look at all times."""

    title = "time"
    parameter_name = "span"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [*((key, title) for key, title, _ in SPANS), ("all", "All")]

    def choices(self, changelist: Any) -> Iterator[Any]:
        """Without the "All" that Django puts first: here it is the last choice and not the default."""
        chosen = self.value() or SPANS[0][0]
        for key, title in self.lookup_choices:
            query = changelist.get_query_string({self.parameter_name: key})
            yield {"selected": str(key) == chosen, "query_string": query, "display": title}

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        chosen = self.value() or SPANS[0][0]
        days = {key: days for key, _, days in SPANS}.get(chosen)
        if days is None or request.GET.get("q") or request.GET.get(WORK_LIST):
            return queryset
        return self.since(queryset, timezone.now() - timedelta(days=days))

    @abstractmethod
    def since(self, queryset: QuerySet[Any], moment: datetime) -> QuerySet[Any]:
        """What is younger than `moment`, by a column that has an index."""


@contextmanager
def bounded_queries() -> Iterator[None]:
    """A read-only transaction whose statements are cancelled after five seconds and use indexes where there are."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "SELECT set_config('statement_timeout', %s, true), set_config('enable_seqscan', 'off', true)",
            [str(STATEMENT_TIMEOUT_MS)],
        )
        yield


class ReadOnlyAdmin(AnyModelAdmin):
    """Nothing can be added, changed or deleted; needs the `view` permission."""

    paginator = BoundedPaginator
    show_full_result_count = False
    list_per_page = 100
    list_max_show_all = 100
    actions = None

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """Rendered inside the bounds, because the template is what fetches the rows."""
        try:
            with bounded_queries():
                response = super().changelist_view(request, extra_context)
                return response.render() if isinstance(response, TemplateResponse) else response
        except OperationalError as error:
            if getattr(error.__cause__, "sqlstate", None) != _QUERY_CANCELED or not request.GET:
                raise
        messages.error(request, "The list took longer than five seconds: choose a shorter time or search by a key.")
        return HttpResponseRedirect(request.path)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Finds the keys first, without an order that would tempt the planner to walk the whole table."""
        term = search_term.strip()
        if not term:
            return queryset, False
        condition = self.exact(request, term)
        if condition is None:
            return queryset.none(), False
        found = list(self.model._default_manager.filter(condition).order_by().values_list("pk", flat=True)[:FOUND])
        return queryset.filter(pk__in=found), False

    def exact(self, request: HttpRequest, term: str) -> models.Q | None:
        """The condition on indexed columns that a search term means, None where it can mean nothing."""
        return None
