"""The time of an admin list: the last days, or from one minute until another (docs/operations.md, "The ledger's
lists"), by a column that has an index."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.views.main import SEARCH_VAR
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from ghasi.correlations.readonly_admin import WORK_LIST

SPANS = (("day", "Last 24 hours", 1), ("3d", "Last 3 days", 3), ("7d", "Last 7 days", 7))
EVERY = "all"
FROM, UNTIL = "from", "until"
MINUTE = timedelta(minutes=1)
OLDEST = datetime(1970, 1, 2, tzinfo=UTC)
"""Row ids begin with milliseconds since 1970."""
_QUOTED = 40
_SAID = "_span_said"


@dataclass(frozen=True, slots=True)
class Between:
    """`begin` belongs to it, `end` does not; None where nothing was given. Both are whole minutes."""

    begin: datetime | None = None
    end: datetime | None = None

    def __bool__(self) -> bool:
        return self.begin is not None or self.end is not None


def between(begin: str, end: str) -> Between:
    """Raises ValueError, with a sentence for a person."""
    first, last = _minute(begin), _minute(end)
    if last is not None and _cut(last) != last:
        last = _cut(last) + MINUTE
    found = Between(first and _cut(first), last)
    if found.begin and found.end and found.begin >= found.end:
        raise ValueError("The span ends before it begins: “until” must be later than “from”.")
    return found


def _minute(text: str) -> datetime | None:
    """UTC where no zone is given."""
    if not text.strip():
        return None
    try:
        found = datetime.fromisoformat(text.strip())
        found = (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError(f"“{text[:_QUOTED]}” is no time: give it as in 2026-05-04T02:10, in UTC.") from None
    if not OLDEST <= found < datetime.max.replace(tzinfo=UTC) - MINUTE:
        raise ValueError(f"“{text[:_QUOTED]}” is no time of this ledger.")
    return found


def _cut(moment: datetime) -> datetime:
    return moment.replace(second=0, microsecond=0)


class SpanFilter(admin.SimpleListFilter, ABC):
    """The last 24 hours unless told otherwise. A work list looks at all times unless a time is given, a search always
    does."""

    title = "time"
    parameter_name = "span"
    parameters = ("span", FROM, UNTIL)
    template = "admin/correlations/span_filter.html"

    def __init__(self, request: HttpRequest, params: Any, model: Any, model_admin: Any) -> None:
        super().__init__(request, params, model, model_admin)
        given = {name: (params.pop(name, None) or [""])[-1] for name in (FROM, UNTIL)}
        searched = bool(request.GET.get(SEARCH_VAR))
        self.kept: list[tuple[str, str]] = []
        self.problem = ""
        self._between = Between()
        try:
            self._between = Between() if searched else between(given[FROM], given[UNTIL])
        except ValueError as error:
            self.problem = str(error)
        every = searched or request.GET.get(WORK_LIST)
        self._chosen = EVERY if every else self.value() or SPANS[0][0]
        if self._between or self.problem:
            self._chosen = ""

    @property
    def begin(self) -> str:
        return _shown(self._between.begin)

    @property
    def end(self) -> str:
        return _shown(self._between.end)

    def expected_parameters(self) -> list[str | None]:
        return list(self.parameters)

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [*((key, title) for key, title, _ in SPANS), (EVERY, "All")]

    def choices(self, changelist: Any) -> Iterator[Any]:
        """Without the "All" that Django puts first: here it is the last choice and not the default. Notes what else
        the address asks for, which the form of a time keeps; it looks at a time and not at what was searched for."""
        dropped = {*self.parameters, SEARCH_VAR}
        self.kept = [
            (name, value)
            for name, values in changelist.filter_params.items()
            if name not in dropped
            for value in (values if isinstance(values, list) else [values])
        ]
        for key, title in self.lookup_choices:
            query = changelist.get_query_string({self.parameter_name: key, FROM: None, UNTIL: None})
            yield {"selected": str(key) == self._chosen, "query_string": query, "display": title}

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.problem:
            # A list is asked more than once in a request; the sentence is said once.
            if not hasattr(request, _SAID):
                setattr(request, _SAID, True)
                messages.error(request, self.problem)
            return queryset.none()
        if self._between:
            begin, end = self._between.begin, self._between.end
            queryset = queryset if begin is None else self.since(queryset, begin)
            return queryset if end is None else self.before(queryset, end)
        days = {key: days for key, _, days in SPANS}.get(self._chosen)
        if days is None:
            return queryset
        return self.since(queryset, timezone.now() - timedelta(days=days))

    @abstractmethod
    def since(self, queryset: QuerySet[Any], moment: datetime) -> QuerySet[Any]:
        """What is not older than `moment`, by a column that has an index."""

    @abstractmethod
    def before(self, queryset: QuerySet[Any], moment: datetime) -> QuerySet[Any]:
        """What is older than `moment`, by the same."""


class ColumnSpanFilter(SpanFilter):
    """By a column of times."""

    column: str

    def since(self, queryset: QuerySet[Any], moment: datetime) -> QuerySet[Any]:
        return queryset.filter(**{f"{self.column}__gte": moment})

    def before(self, queryset: QuerySet[Any], moment: datetime) -> QuerySet[Any]:
        return queryset.filter(**{f"{self.column}__lt": moment})


def _shown(moment: datetime | None) -> str:
    """As the form's fields take it."""
    return f"{moment:%Y-%m-%dT%H:%M}" if moment else ""
