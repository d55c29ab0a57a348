"""One's own account: roles, second factor, sessions."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.contrib.auth import logout
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse

from ghasi.staff import second_factor
from ghasi.staff.noting import Event, note_user
from ghasi.staff.roles import roles_of
from ghasi.staff.sessions import end_everywhere, limits


def account(request: HttpRequest) -> HttpResponse:
    """What one may do, how one logs in, and the way out of every session."""
    user = _user(request)
    within = limits()
    context = {
        "title": "Your account",
        "roles": [one.value for one in roles_of(user.groups.values_list("name", flat=True))],
        "has_factor": second_factor.has_factor(user),
        "codes_left": second_factor.codes_left(user),
        "idle_minutes": within.idle // 60,
        "whole_hours": f"{within.whole / 3600:.3g}",
    }
    return _page(request, "account", context)


def new_codes(request: HttpRequest) -> HttpResponse:
    """Replaces the recovery codes, by POST, and shows the new ones once."""
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    user = _user(request)
    if not second_factor.is_verified(request):
        messages.error(request, "Recovery codes belong to a second factor: set it up first.")
        return HttpResponseRedirect(reverse("admin:account"))
    codes = second_factor.make_recovery_codes(user)
    note_user(Event.RECOVERY_MADE, user.get_username())
    return _page(request, "codes", {"title": "Recovery codes", "codes": codes, "next": reverse("admin:account")})


def log_out_everywhere(request: HttpRequest) -> HttpResponse:
    """Ends every session of the person who asks, this one too; by POST."""
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    end_everywhere(_user(request))
    logout(request)
    messages.info(request, "You are logged out everywhere.")
    return HttpResponseRedirect(reverse("admin:login"))


def _page(request: HttpRequest, name: str, context: dict[str, Any]) -> HttpResponse:
    shown = {**admin.site.each_context(request), **context}
    return TemplateResponse(request, f"admin/account/{name}.html", shown)


def _user(request: HttpRequest) -> User:
    return request.user  # type: ignore[return-value]  # the site lets nobody else in
