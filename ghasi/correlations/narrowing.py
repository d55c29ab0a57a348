"""Filters by columns that have no index: they look through the newest rows of a list only (docs/operations.md, "The
ledger's lists").

An index on a status or an operator would cost every message an entry, and every receipt its cheap update. So such a
filter first finds where the newest rows begin, by the index that orders the list, and reads no further back.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any
from uuid import UUID

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest

from ghasi.contracts.commands import DeadReason
from ghasi.contracts.events import DlrStatus
from ghasi.correlations.readonly_admin import WORK_LIST
from ghasi.correlations.types import RowStatus
from ghasi.operators.models import Operator

LOOKED_AT = 30_000
_CUT = "_newest_cut"


class NarrowFilter(admin.SimpleListFilter, ABC):
    """Of the newest rows those for which `condition` holds. A search and a work list are short: all of them."""

    order: str
    """The indexed column by which the list is ordered."""

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        value = (self.value() or "").replace("\0", "")
        if not value:
            return queryset
        try:
            condition = self.condition(value)
        except ValueError:
            return queryset.none()
        return self._newest(request, queryset).filter(condition)

    def _newest(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if request.GET.get("q") or request.GET.get(WORK_LIST) or hasattr(request, _CUT):
            return queryset
        keys = queryset.order_by(f"-{self.order}").values_list(self.order, flat=True)
        oldest = list(keys[LOOKED_AT - 1 : LOOKED_AT])
        setattr(request, _CUT, oldest)
        return queryset.filter(**{f"{self.order}__gte": oldest[0]}) if oldest else queryset

    @abstractmethod
    def condition(self, value: str) -> Q:
        """What the chosen value means. Raises ValueError where it is none of the choices."""


class OperatorFilter(NarrowFilter):
    title = f"operator, of the newest {LOOKED_AT:,}"
    parameter_name = "operator"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        found = Operator.objects.order_by("name", "operator_id").values_list("operator_id", "name")
        return [(str(operator_id), name or str(operator_id)) for operator_id, name in found]

    def condition(self, value: str) -> Q:
        return Q(operator_id=UUID(value))


class CarrierFilter(OperatorFilter):
    order = "id"


class DeadOperatorFilter(OperatorFilter):
    order = "at"


class InboxOperatorFilter(OperatorFilter):
    order = "taken_at"


class StatusFilter(NarrowFilter):
    title = f"status, of the newest {LOOKED_AT:,}"
    parameter_name = "status"
    order = "id"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(one.value, one.value) for one in RowStatus]

    def condition(self, value: str) -> Q:
        return Q(status=value)


class ReceiptFilter(NarrowFilter):
    title = f"receipt, of the newest {LOOKED_AT:,}"
    parameter_name = "receipt"
    order = "id"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("none", "None yet"), *((one.value, one.value) for one in DlrStatus)]

    def condition(self, value: str) -> Q:
        return Q(dlr_state__isnull=True) if value == "none" else Q(dlr_state=value)


class ReasonFilter(NarrowFilter):
    title = f"reason, of the newest {LOOKED_AT:,}"
    parameter_name = "reason"
    order = "at"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        kept = [("rejected:", "rejected"), ("in_doubt:hold", "in_doubt:hold"), ("in_doubt:fail", "in_doubt:fail")]
        return [*kept, *((one.value, one.value) for one in DeadReason)]

    def condition(self, value: str) -> Q:
        return Q(reason__startswith=value) if value.endswith(":") else Q(reason=value)


class LetterFilter(NarrowFilter):
    """Whether a letter's command was sent again."""

    title = f"open or not, of the newest {LOOKED_AT:,}"
    parameter_name = "letter"
    order = "at"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("open", "Open"), ("sent", "Sent again")]

    def condition(self, value: str) -> Q:
        if value not in ("open", "sent"):
            raise ValueError(value)
        return Q(settled_at__isnull=value == "open")


_INBOX_STATES = {
    "waiting": Q(matched_at__isnull=True, given_up_at__isnull=True, unreadable__isnull=True),
    "undecided": Q(matched_at__isnull=True, undecided__isnull=False),
    "given_up": Q(matched_at__isnull=True, given_up_at__isnull=False),
    "matched": Q(matched_at__isnull=False),
    "unreadable": Q(unreadable__isnull=False),
}


class InboxStateFilter(NarrowFilter):
    title = f"state, of the newest {LOOKED_AT:,}"
    parameter_name = "state"
    order = "taken_at"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [
            ("waiting", "Waiting"),
            ("undecided", "Undecided"),
            ("given_up", "Given up"),
            ("matched", "Matched"),
            ("unreadable", "Unreadable"),
        ]

    def condition(self, value: str) -> Q:
        return _INBOX_STATES.get(value, Q())
