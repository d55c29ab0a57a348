"""Locking out who fails too often, by name and address together; the counting is django-axes'."""

from __future__ import annotations

from typing import Any

from axes.handlers.proxy import AxesProxyHandler
from axes.utils import reset
from django.conf import settings
from django.contrib.auth.signals import user_login_failed
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from ghasi.operators.address import client_address
from ghasi.staff.noting import Event, note_user


def is_locked_out(request: HttpRequest, username: str) -> bool:
    """Whether this name from this address has to wait."""
    return not AxesProxyHandler.is_allowed(request, {"username": username})


def count_failure(request: HttpRequest, username: str) -> None:
    """A wrong second factor weighs as much as a wrong password."""
    user_login_failed.send(sender=__name__, credentials={"username": username}, request=request, second_factor=True)


def forgive(request: HttpRequest, username: str) -> None:
    """At a login that is complete: a password alone must not give back the tries at the second factor."""
    reset(ip=client_address(request), username=username)


def unlock(username: str) -> int:
    """Lets a name in again from everywhere; tells how many addresses had failures."""
    count: int = reset(username=username)
    note_user(Event.UNLOCKED, username, addresses=count)
    return count


def locked_out_response(request: HttpRequest, *_: Any) -> HttpResponse:
    """What who is locked out sees (AXES_LOCKOUT_CALLABLE)."""
    seconds = settings.ADMIN_LOCKOUT_SECONDS
    context = {"title": "Locked out", "minutes": max(1, round(seconds / 60)), "site_header": "SMPP connector"}
    response = TemplateResponse(request, "admin/account/locked_out.html", context, status=429)
    response.headers["Retry-After"] = str(seconds)
    response.headers["Cache-Control"] = "no-store"
    return response.render()
