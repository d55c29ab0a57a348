"""Operators seen, and their live sessions read from the buckets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db import models
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import URLPattern, path

from ghasi.operators.models import Operator
from ghasi.operators.profile_admin import ProfileAdmin, ProfileChangeAdmin
from ghasi.operators.session_pages import PAGE, PART, order_view, sessions_context

__all__ = ["OperatorAdmin", "ProfileAdmin", "ProfileChangeAdmin"]

if TYPE_CHECKING:
    AnyModelAdmin = admin.ModelAdmin[models.Model]
else:
    AnyModelAdmin = admin.ModelAdmin


@admin.register(Operator)
class OperatorAdmin(AnyModelAdmin):
    """Read-only. The live page needs the same permission as the list."""

    list_display = ("name", "operator_id", "state", "reason", "tps_limit", "backup_operator_id", "last_seen_at")
    list_display_links = ("name", "operator_id")
    ordering = ("name", "operator_id")
    search_fields = ("name",)
    actions = None

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_urls(self) -> list[URLPattern]:
        guard = self.admin_site.admin_view
        return [
            path("live/", guard(self.live_view), name="operators_operator_live"),
            path("live/part/", guard(self.live_part_view), name="operators_operator_live_part"),
            path("<uuid:operator_id>/order/<slug:action>/", guard(self.order_view), name="operators_operator_order"),
            *super().get_urls(),
        ]

    def live_view(self, request: HttpRequest) -> HttpResponse:
        """Sessions as the gateways report them; NATS away is said on the page, not by an error."""
        self._permit(request)
        return render(request, PAGE, {**self._base(request, "Sessions"), **sessions_context(request)})

    def live_part_view(self, request: HttpRequest) -> HttpResponse:
        """What of the page changes, for its script."""
        self._permit(request)
        return render(request, PART, sessions_context(request))

    def order_view(self, request: HttpRequest, operator_id: UUID, action: str) -> HttpResponse:
        """An order to an operator: reason, confirmation, audit entry."""
        self._permit(request)
        return order_view(request, operator_id, action, self._base(request, ""))

    def _permit(self, request: HttpRequest) -> None:
        if not self.has_view_permission(request):
            raise PermissionDenied

    def _base(self, request: HttpRequest, title: str) -> dict[str, Any]:
        return {**self.admin_site.each_context(request), "title": title, "opts": self.opts}
