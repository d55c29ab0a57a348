"""How long a session lasts: since its login, since somebody last did something, and until all are ended at once."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any, Final

from django.conf import settings
from django.contrib.auth.models import User
from django.contrib.sessions.backends.base import SessionBase
from django.db.models import F
from django.http import HttpRequest

from ghasi.staff.models import Account
from ghasi.staff.noting import Event, note_user

KEY: Final = "staff"
BEGAN: Final = "began"
SEEN: Final = "seen"
GENERATION: Final = "generation"
_NOTED_EVERY: Final = 60.0
"""Seconds: `seen` is written no more often, so that a busy page costs no write each time."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds since the last act, and since the login."""

    idle: int
    whole: int


def limits() -> Limits:
    """As the settings say."""
    return Limits(settings.ADMIN_SESSION_IDLE, settings.ADMIN_SESSION_MAX)


def why_over(facts: Any, now: float, within: Limits, generation: int) -> str:
    """Why a session is over, empty where it is not. `facts` is what `begin` put into it; `now` in Unix seconds."""
    if not isinstance(facts, dict) or not {BEGAN, SEEN, GENERATION} <= facts.keys():
        return "unknown"
    if facts[GENERATION] != generation:
        return "ended everywhere"
    if now - facts[BEGAN] > within.whole:
        return "limit"
    return "idle" if now - facts[SEEN] > within.idle else ""


def is_act(request: HttpRequest) -> bool:
    """Whether a person did it: a page that asks by itself, or renews itself, does not keep a session alive."""
    mode = request.headers.get("Sec-Fetch-Mode")
    if request.method not in ("GET", "HEAD") or mode is None:
        return True
    return mode == "navigate" and request.headers.get("Sec-Fetch-User") == "?1"


def begin(session: SessionBase, user: User) -> None:
    """At a login."""
    now = time.time()
    session[KEY] = {BEGAN: now, SEEN: now, GENERATION: generation_of(user)}


def saw(session: SessionBase, now: float, within: Limits) -> None:
    """Somebody acted."""
    facts = session[KEY]
    if now - facts[SEEN] >= min(_NOTED_EVERY, within.idle / 10):
        session[KEY] = {**facts, SEEN: now}


def generation_of(user: User) -> int:
    """How often this user's sessions were all ended."""
    return Account.objects.filter(pk=user.pk).values_list("generation", flat=True).first() or 0


def end_everywhere(user: User, reason: str = "") -> None:
    """Every session of the user is over with its next request, wherever it is."""
    Account.objects.get_or_create(pk=user.pk)
    Account.objects.filter(pk=user.pk).update(generation=F("generation") + 1)
    note_user(Event.LOGOUT_EVERYWHERE, user.get_username(), reason=reason)
