"""Between password and admin: entering a code, and enrolling a phone for whoever has none."""

from __future__ import annotations

from base64 import b32encode
from collections.abc import Callable
from functools import wraps
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.contrib import admin
from django.contrib.auth import REDIRECT_FIELD_NAME, logout
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_protect
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from ghasi.staff import second_factor
from ghasi.staff.lockout import count_failure, forgive, is_locked_out, locked_out_response
from ghasi.staff.qr import data_uri
from ghasi.staff.second_factor import Entry

View = Callable[[HttpRequest, User], HttpResponse]
FIELD = "token"
CURRENT = "current"
_WRONG = "That code is not right. Codes are good for half a minute and once each; wait a little after a wrong one."


def to_factor(request: HttpRequest) -> str:
    """Address of the page that asks for what this user owes."""
    has = second_factor.has_factor(_user(request))
    page = reverse("admin:account_factor" if has else "admin:account_enrol")
    return f"{page}?{urlencode({REDIRECT_FIELD_NAME: target(request)})}"


def target(request: HttpRequest) -> str:
    """Where the person wanted to go; never off this site."""
    wanted = request.POST.get(REDIRECT_FIELD_NAME) or request.GET.get(REDIRECT_FIELD_NAME) or ""
    safe = url_has_allowed_host_and_scheme(wanted, {request.get_host()}, require_https=request.is_secure())
    return wanted if safe else reverse("admin:index")


def after_password(view: View) -> Callable[[HttpRequest], HttpResponse]:
    """For active staff whose password was right, and nobody else; locked out they wait here, too."""

    @never_cache
    @csrf_protect
    @sensitive_post_parameters()
    @wraps(view)
    def guarded(request: HttpRequest) -> HttpResponse:
        user = _user(request)
        if not (user.is_active and user.is_staff):
            return HttpResponseRedirect(reverse("admin:login"))
        if request.method == "POST" and is_locked_out(request, user.get_username()):
            return locked_out_response(request)
        return view(request, user)

    return guarded


@require_http_methods(["GET", "POST"])
@after_password
def factor(request: HttpRequest, user: User) -> HttpResponse:
    """Asks for a code of the phone or a recovery code."""
    if second_factor.is_verified(request):
        return HttpResponseRedirect(target(request))
    if not second_factor.has_factor(user):
        return HttpResponseRedirect(to_factor(request))
    wrong = request.method == "POST" and not _accepted(request, user, FIELD)
    if request.method == "POST" and not wrong:
        return HttpResponseRedirect(target(request))
    return _page(request, "factor", "Second factor", problem=_WRONG if wrong else "")


@require_http_methods(["GET", "POST"])
@after_password
def enrol(request: HttpRequest, user: User) -> HttpResponse:
    """Shows a new secret, takes the first code of it, then shows the recovery codes once.

    Who has a phone already gives a code of it: a session left open must not be enough to replace it.
    """
    replaces = second_factor.has_factor(user)
    if replaces and not second_factor.is_verified(request):
        return HttpResponseRedirect(to_factor(request))
    if request.method == "POST":
        begun = second_factor.begun_enrolment(user)
        proven = begun is not None and (not replaces or _accepted(request, user, CURRENT))
        codes = second_factor.finish_enrolment(request, user, request.POST.get(FIELD, "")) if proven else None
        if codes is not None:
            forgive(request, user.get_username())
            return _page(request, "codes", "Recovery codes", codes=codes)
        if proven:
            count_failure(request, user.get_username())
    device = (request.method == "POST" and second_factor.begun_enrolment(user)) or second_factor.begin_enrolment(user)
    return _page(
        request,
        "enrol",
        "Set up the second factor",
        problem=_WRONG if request.method == "POST" else "",
        image=data_uri(device.config_url),
        secret=_spaced(device),
        replaces=replaces,
        required=settings.ADMIN_REQUIRE_OTP,
    )


@require_POST
@csrf_protect
def leave(request: HttpRequest) -> HttpResponse:
    """Out of the middle of a login: Django's own logout lets only those in who are through."""
    logout(request)
    return HttpResponseRedirect(reverse("admin:login"))


def _accepted(request: HttpRequest, user: User, field: str) -> bool:
    """Whether the code in `field` is right; counts what it is."""
    if second_factor.enter(request, user, request.POST.get(field, "")) is Entry.WRONG:
        count_failure(request, user.get_username())
        return False
    forgive(request, user.get_username())
    return True


def _page(request: HttpRequest, name: str, title: str, **context: Any) -> HttpResponse:
    shown = {
        **admin.site.each_context(request),
        "title": title,
        "next": target(request),
        "field": FIELD,
        "is_nav_sidebar_enabled": False,
        **context,
    }
    return TemplateResponse(request, f"admin/account/{name}.html", shown)


def _spaced(device: Any) -> str:
    """The secret as people type it: groups of four."""
    text = b32encode(device.bin_key).decode("ascii")
    return " ".join(text[at : at + 4] for at in range(0, len(text), 4))


def _user(request: HttpRequest) -> User:
    return request.user  # type: ignore[return-value]  # an AnonymousUser is neither active nor staff
