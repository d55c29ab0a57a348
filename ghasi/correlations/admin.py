"""The ledger for the operations staff: correlations, inbox, dead letters. Nothing can be changed here by hand."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, ClassVar, cast

from django.contrib import admin
from django.db.models import OuterRef, Q, QuerySet, Subquery
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html

from ghasi.correlations.admin_bulk import BulkActionAdmin, OffersBulk
from ghasi.correlations.admin_ids import IdRelationAdmin
from ghasi.correlations.admin_where import WhereAdmin
from ghasi.correlations.ids import first_row_id
from ghasi.correlations.lookup import as_uuid, lookup_keys
from ghasi.correlations.masking import masked, masked_sender
from ghasi.correlations.models import DeadLetter, InboxReceipt, MessageCorrelation
from ghasi.correlations.narrowing import (
    CarrierFilter,
    DeadOperatorFilter,
    InboxOperatorFilter,
    InboxStateFilter,
    LetterFilter,
    ReasonFilter,
    ReceiptFilter,
    StatusFilter,
)
from ghasi.correlations.open_parts import doubtful, last_tries
from ghasi.correlations.readonly_admin import COUNTED, PII, WORK_LIST, ReadOnlyAdmin
from ghasi.correlations.spans import ColumnSpanFilter, SpanFilter
from ghasi.operators.models import Operator
from ghasi.smpp.constants import status_name

__all__ = [
    "BulkActionAdmin",
    "DeadLetterAdmin",
    "IdRelationAdmin",
    "InboxReceiptAdmin",
    "MessageCorrelationAdmin",
]

RETRY_SHOWN = timedelta(hours=1)
"""A retry this long overdue has a later try, or nobody is left to make one."""


class PreparedSpan(SpanFilter):
    """Row ids begin with their time: the primary key serves the span and the order alike."""

    def since(self, queryset: QuerySet[Any], moment: datetime) -> QuerySet[Any]:
        return queryset.filter(id__gte=first_row_id(moment))

    def before(self, queryset: QuerySet[Any], moment: datetime) -> QuerySet[Any]:
        return queryset.filter(id__lt=first_row_id(moment))


class WorkListFilter(admin.SimpleListFilter):
    """The lists somebody works through; an index serves each.

    The index of parts that came into doubt also holds all that were settled since, each day's to be walked through
    for the few that are open. While those are few they are found by the index of parts without an operator's id,
    which none in doubt has, and put in order afterwards.
    """

    title = "list"
    parameter_name = WORK_LIST

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("in_doubt", "In doubt"), ("held", "Held for a person"), ("retry", "Waiting for a retry")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() in ("in_doubt", "held"):
            return _open_ones(queryset.filter(doubtful(for_a_person=self.value() == "held")))
        if self.value() == "retry":
            return queryset.filter(retry_at__gte=timezone.now() - RETRY_SHOWN, status="REJECTED")
        return queryset


def _open_ones(queryset: QuerySet[Any]) -> QuerySet[Any]:
    few = queryset.filter(operator_message_keys__isnull=True)
    return last_tries(few if few.order_by().values("pk")[:COUNTED].count() < COUNTED else queryset)


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


class NamesOperators(ReadOnlyAdmin):
    """A list with its operators' names."""

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        named = Operator.objects.filter(operator_id=OuterRef("operator_id")).values("name")
        listed: Any = super().get_queryset(request).annotate(operator_name=Subquery(named))
        return cast("QuerySet[Any]", listed)

    @admin.display(description="operator")
    def carrier(self, obj: Any) -> str:
        return obj.operator_name or str(obj.operator_id)


@admin.register(MessageCorrelation)
class MessageCorrelationAdmin(MaskedNumbers, NamesOperators, WhereAdmin, OffersBulk, ReadOnlyAdmin):
    _columns = (
        "message_id",
        "part",
        "attempt",
        "timeline",
        "status",
        "dlr_state",
        "masked_destination",
        "carrier",
        "operator_message_id",
        "prepared_at",
        "submitted_at",
        "dlr_received_at",
    )
    _held_columns = (
        "message_id",
        "part",
        "attempt",
        "timeline",
        "answer",
        "in_doubt_reason",
        "in_doubt_at",
        "masked_destination",
        "carrier",
    )
    _doubt_columns = tuple("policy_action" if name == "answer" else name for name in _held_columns)
    hidden: ClassVar[dict[str, str]] = {**MaskedNumbers.hidden, "sender": "sender_or_mask"}
    list_display_links = ("message_id",)
    list_filter = (PreparedSpan, WorkListFilter, CarrierFilter, StatusFilter, ReceiptFilter)
    search_fields = ("message_id",)
    search_help_text = 'Exact: message id, operator\'s message id. Numbers are searched for in "Where is my SMS".'
    ordering = ("-id",)
    sortable_by = ()

    def get_list_display(self, request: HttpRequest) -> tuple[str, ...]:
        lists = {"held": self._held_columns, "in_doubt": self._doubt_columns}
        return self.columns(request, lists.get(request.GET.get(WORK_LIST, ""), self._columns))

    def get_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        names = (field.name for field in MessageCorrelation._meta.fields)
        return self.columns(request, tuple(self.hidden.get(name, name) for name in names))

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return self.get_fields(request, obj)

    def get_ordering(self, request: HttpRequest) -> tuple[str, ...]:
        """By the column whose index serves the list."""
        return {"in_doubt": ("-in_doubt_at",), "held": ("-in_doubt_at",), "retry": ("-retry_at",)}.get(
            request.GET.get(WORK_LIST, ""), ("-id",)
        )

    def exact(self, request: HttpRequest, term: str) -> Q | None:
        message_id = as_uuid(term)
        condition = Q(operator_message_keys__isnull=False, operator_message_keys__0__in=lookup_keys(term))
        if message_id is not None:
            condition |= Q(message_id=message_id)
        return condition

    @admin.display(description="timeline")
    def timeline(self, obj: MessageCorrelation) -> str:
        url = reverse("admin:correlations_messagecorrelation_where")
        return format_html('<a href="{}?q={}">where is it</a>', url, obj.message_id)

    @admin.display(description="sender")
    def sender_or_mask(self, obj: MessageCorrelation) -> str:
        return masked_sender(obj.sender)

    @admin.display(description="command_status")
    def answer(self, obj: MessageCorrelation) -> str:
        return "–" if obj.command_status is None else status_name(obj.command_status)

    @admin.display(description="part")
    def part(self, obj: MessageCorrelation) -> str:
        return f"{obj.segment}/{obj.segments}"


class TakenSpan(ColumnSpanFilter):
    column = "taken_at"


@admin.register(InboxReceipt)
class InboxReceiptAdmin(MaskedNumbers, NamesOperators, OffersBulk, ReadOnlyAdmin):
    hidden: ClassVar[dict[str, str]] = {**MaskedNumbers.hidden, "sender": "masked_sender"}
    _columns = (
        "taken_at",
        "carrier",
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
    list_filter = (TakenSpan, InboxStateFilter, InboxOperatorFilter)
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


class DeadSpan(ColumnSpanFilter):
    column = "at"


@admin.register(DeadLetter)
class DeadLetterAdmin(NamesOperators, OffersBulk, ReadOnlyAdmin):
    list_display = ("at", "reason", "carrier", "message_id", "settled_at", "size", "stream_seq")
    list_display_links = ("at",)
    list_filter = (DeadSpan, LetterFilter, ReasonFilter, DeadOperatorFilter)
    search_fields = ("message_id",)
    search_help_text = "Exact: message id."
    ordering = ("-at",)
    sortable_by = ()

    def exact(self, request: HttpRequest, term: str) -> Q | None:
        message_id = as_uuid(term)
        return None if message_id is None else Q(message_id=message_id)
