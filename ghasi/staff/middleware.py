"""What is done with every request: whose it is, whether its session still lasts, what its page may load."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from django.contrib import messages
from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponse

from ghasi.operators.acting import acting_in
from ghasi.staff.sessions import KEY, generation_of, is_act, limits, saw, why_over

Handler = Callable[[HttpRequest], HttpResponse]

CSP: Final = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
"""Everything from here, nothing inline. `data:` is the QR code and Django's own icons."""

_SAID: Final = {
    "idle": "You were logged out because nothing was done for a while.",
    "limit": "You were logged out because the login was too long ago.",
}


class ContentSecurityPolicy:
    """Sets the header on every answer that has none of its own."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        response.headers.setdefault("Content-Security-Policy", CSP)
        return response


class StaffSession:
    """Ends sessions that are over, and lets what is noted know who acts."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        with acting_in(request):
            _keep_or_end(request)
            return self.get_response(request)


def _keep_or_end(request: HttpRequest) -> None:
    # A request without a session cookie has nobody, and asking would cost the probes a query.
    if request.session.session_key is None or not request.user.is_authenticated:
        return
    now, within = time.time(), limits()
    why = why_over(request.session.get(KEY), now, within, generation_of(request.user))
    if why:
        request.session_over = why  # type: ignore[attr-defined]  # read where the logout is noted
        logout(request)
        if why in _SAID:
            messages.info(request, _SAID[why])
    elif is_act(request):
        saw(request.session, now, within)
