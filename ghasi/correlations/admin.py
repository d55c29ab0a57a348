"""The ledger for the operations staff: correlations, receipts inbox, dead letters. Nothing here can be changed."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, ClassVar
from uuid import UUID

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone

from ghasi.correlations.ids import first_row_id
from ghasi.correlations.masking import masked
from ghasi.correlations.models import DeadLetter, InboxReceipt, MessageCorrelation
from ghasi.correlations.readonly_admin import PII, WORK_LIST, ReadOnlyAdmin, SpanFilter
from ghasi.smpp.receipt_ids import IdBase, id_keys

RETRY_SHOWN = timedelta(hours=1)
"""A retry this long overdue has a later try, or nobody is left to make one."""


def as_uuid(term: str) -> UUID | None:
    try:
        return UUID(term)
    except ValueError:
        return None


def lookup_keys(term: str) -> list[str]:
    """Every key an id may be stored under, whatever the operator's base."""
    return sorted({key for base in IdBase for key in id_keys(term, base=base)})


class PreparedSince(SpanFilter):
    """Row ids begin with their time: the primary key serves the span and the order alike."""

    def since(self, queryset: QuerySet[Any], moment: datetime) -> QuerySet[Any]:
        return queryset.filter(id__gte=first_row_id(moment))


class WorkListFilter(admin.SimpleListFilter):
    """The two lists somebody works through; each has an index of its own."""

    title = "list"
    parameter_name = WORK_LIST

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("in_doubt", "In doubt"), ("retry", "Waiting for a retry")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() == "in_doubt":
            return queryset.filter(in_doubt_at__isnull=False, status="IN_DOUBT")
        if self.value() == "retry":
            return queryset.filter(retry_at__gte=timezone.now() - RETRY_SHOWN, status="REJECTED")
        return queryset


class MaskedNumbers:
    """Numbers in full only for those who may see them; the list is built per request."""

    hidden: ClassVar[dict[str, str]] = {"destination": "masked_destination"}
    """Field → what is shown in its place."""

    def columns(self, request: HttpRequest, names: tuple[str, ...]) -> tuple[str, ...]:
        if not request.user.has_perm(PII):
            return names
        full = {shown: name for name, shown in self.hidden.items()}
        return tuple(full.get(name, name) for name in names)

    @admin.display(description="destination")
    def masked_destination(self, obj: Any) -> str:
        return masked(obj.destination)


@admin.register(MessageCorrelation)
class MessageCorrelationAdmin(MaskedNumbers, ReadOnlyAdmin):
    _columns = (
        "message_id",
        "part",
        "attempt",
        "status",
        "dlr_state",
        "masked_destination",
        "operator_id",
        "operator_message_id",
        "prepared_at",
        "submitted_at",
        "dlr_received_at",
    )
    list_display_links = ("message_id",)
    list_filter = (PreparedSince, WorkListFilter)
    search_fields = ("message_id",)
    search_help_text = "Exact: message id, operator's message id; with permission also the destination."
    ordering = ("-id",)
    sortable_by = ()

    def get_list_display(self, request: HttpRequest) -> tuple[str, ...]:
        return self.columns(request, self._columns)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        names = (field.name for field in MessageCorrelation._meta.fields)
        return self.columns(request, tuple(self.hidden.get(name, name) for name in names))

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return self.get_fields(request, obj)

    def get_ordering(self, request: HttpRequest) -> tuple[str, ...]:
        """By the column whose index serves the list."""
        return {"in_doubt": ("-in_doubt_at",), "retry": ("-retry_at",)}.get(request.GET.get(WORK_LIST, ""), ("-id",))

    def exact(self, request: HttpRequest, term: str) -> Q | None:
        message_id = as_uuid(term)
        condition = Q(operator_message_keys__isnull=False, operator_message_keys__0__in=lookup_keys(term))
        if message_id is not None:
            condition |= Q(message_id=message_id)
        if request.user.has_perm(PII):
            digits = term.lstrip("+")
            condition |= Q(destination__in=[digits, f"+{digits}"])
        return condition

    @admin.display(description="part")
    def part(self, obj: MessageCorrelation) -> str:
        return f"{obj.segment}/{obj.segments}"


class TakenSince(SpanFilter):
    def since(self, queryset: QuerySet[Any], moment: datetime) -> QuerySet[Any]:
        return queryset.filter(taken_at__gte=moment)


class InboxStateFilter(admin.SimpleListFilter):
    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [
            ("waiting", "Waiting"),
            ("undecided", "Undecided"),
            ("given_up", "Given up"),
            ("matched", "Matched"),
            ("unreadable", "Unreadable"),
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        conditions = {
            "waiting": Q(matched_at__isnull=True, given_up_at__isnull=True, unreadable__isnull=True),
            "undecided": Q(matched_at__isnull=True, undecided__isnull=False),
            "given_up": Q(matched_at__isnull=True, given_up_at__isnull=False),
            "matched": Q(matched_at__isnull=False),
            "unreadable": Q(unreadable__isnull=False),
        }
        return queryset.filter(conditions.get(self.value() or "", Q()))


@admin.register(InboxReceipt)
class InboxReceiptAdmin(MaskedNumbers, ReadOnlyAdmin):
    hidden: ClassVar[dict[str, str]] = {**MaskedNumbers.hidden, "sender": "masked_sender"}
    _columns = (
        "taken_at",
        "operator_id",
        "operator_message_id",
        "status",
        "stat",
        "error_code",
        "masked_destination",
        "unreadable",
        "undecided",
        "given_up_at",
        "matched_at",
    )
    list_display_links = ("taken_at",)
    list_filter = (TakenSince, InboxStateFilter)
    search_fields = ("operator_message_id",)
    search_help_text = "Exact: operator's message id."
    ordering = ("-taken_at",)
    sortable_by = ()

    def get_list_display(self, request: HttpRequest) -> tuple[str, ...]:
        return self.columns(request, self._columns)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        names = (field.name for field in InboxReceipt._meta.fields)
        return self.columns(request, tuple(self.hidden.get(name, name) for name in names))

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return self.get_fields(request, obj)

    def exact(self, request: HttpRequest, term: str) -> Q | None:
        return Q(lookup_keys__0__in=lookup_keys(term))

    @admin.display(description="sender")
    def masked_sender(self, obj: InboxReceipt) -> str:
        return masked(obj.sender)


class DeadSince(SpanFilter):
    def since(self, queryset: QuerySet[Any], moment: datetime) -> QuerySet[Any]:
        return queryset.filter(at__gte=moment)


@admin.register(DeadLetter)
class DeadLetterAdmin(ReadOnlyAdmin):
    list_display = ("at", "reason", "operator_id", "message_id", "size", "stream_seq")
    list_display_links = ("at",)
    list_filter = (DeadSince,)
    search_fields = ("message_id",)
    search_help_text = "Exact: message id."
    ordering = ("-at",)
    sortable_by = ()

    def exact(self, request: HttpRequest, term: str) -> Q | None:
        message_id = as_uuid(term)
        return None if message_id is None else Q(message_id=message_id)
