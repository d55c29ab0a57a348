"""Admin lists for tables of any size: read-only, never counted, bounded in time, searched by exact indexed keys."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, cast

from django.contrib import admin, messages
from django.core.paginator import Paginator
from django.db import OperationalError, connection, models, transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse

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
PII = "correlations.view_pii"
_QUERY_CANCELED = "57014"


class BoundedPaginator(AnyPaginator):
    """Counts no further than `COUNTED`: a full count of a big table reads all of it."""

    @cached_property
    def count(self) -> int:
        rows = cast("QuerySet[Any]", self.object_list)
        return rows.order_by().values("pk")[:COUNTED].count()


@contextmanager
def bounded_queries(*, writes: bool = False) -> Iterator[None]:
    """A transaction whose statements are cancelled after five seconds and use indexes where there are; PostgreSQL
    refuses to write in it unless it `writes`.

    Nothing is compiled: of a large ledger PostgreSQL expects more than it reads, and compiling a statement for each
    day's partition takes many times as long as carrying it out.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "SELECT set_config('statement_timeout', %s, true), set_config('enable_seqscan', 'off', true), "
            "set_config('jit', 'off', true), set_config('transaction_read_only', %s, true)",
            [str(STATEMENT_TIMEOUT_MS), "off" if writes else "on"],
        )
        yield


def _parameters(one: Any) -> tuple[str, ...]:
    """Of a filter: those of an address that it reads."""
    if isinstance(one, str):
        return one, f"{one}__exact", f"{one}__isnull"
    return getattr(one, "parameters", (one.parameter_name,))


class ReadOnlyAdmin(AnyModelAdmin):
    """Nothing can be added, changed or deleted; needs the `view` permission."""

    class Media:
        css: ClassVar[dict[str, tuple[str, ...]]] = {"all": ("correlations/lists.css",)}

    paginator = BoundedPaginator
    show_full_result_count = False
    list_per_page = 50
    list_max_show_all = 100
    actions = None
    # Counts beside each filter are a full count of the list for every choice.
    show_facets = admin.ShowFacets.NEVER

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        """Only what the list's own filters ask for: by any other column an address would read the whole table, or
        tell what is masked digit by digit."""
        return any(lookup in _parameters(one) for one in self.get_list_filter(request))

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """Rendered inside the bounds, because the template is what fetches the rows."""
        try:
            with bounded_queries(writes=request.method == "POST"):
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
