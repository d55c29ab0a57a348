"""Operators seen, and their live sessions read from the buckets."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db import models
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils import timezone

from ghasi.bus import BusError, BusSettings
from ghasi.env import SettingsError
from ghasi.operators.live import Live, name_of, read_live
from ghasi.operators.models import Operator
from ghasi.operators.services import operators_remember

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
        view: Callable[..., HttpResponse] = self.admin_site.admin_view(self.live_view)
        return [path("live/", view, name="operators_operator_live"), *super().get_urls()]

    def live_view(self, request: HttpRequest) -> HttpResponse:
        """Sessions as the gateways report them; NATS away is said on the page, not by an error."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        live, trouble = _read()
        operators_remember(live.sessions, now=timezone.now())
        context = {
            **self.admin_site.each_context(request),
            "title": "Live sessions",
            "opts": self.opts,
            "sessions": [_shown(one, live) for one in live.sessions],
            "trouble": trouble,
            "at": timezone.now(),
        }
        return TemplateResponse(request, "admin/operators/operator/live.html", context)


def _read() -> tuple[Live, str]:
    try:
        return read_live(BusSettings.from_env()), ""
    except (BusError, SettingsError) as error:
        return Live(), str(error)


def _shown(record: Any, live: Live) -> dict[str, Any]:
    wanted = live.wanted.get(record.operator_id)
    backup = record.carried_by or record.backup_operator_id
    return {
        "record": record,
        "backup": name_of(backup, live) if backup else "",
        "wanted": wanted,
        "bound_at": _moment(record.last_bound_at),
        "next_at": _moment(record.next_reconnect_at),
        "updated_at": _moment(record.updated_at),
    }


def _moment(seconds: float | None) -> datetime | None:
    return datetime.fromtimestamp(seconds, UTC) if seconds else None
