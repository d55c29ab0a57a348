"""Who looked for messages by a subscriber's number, in the list of what the staff did (docs/operations.md, "Where is
my SMS").

The number itself is not written: it is named by its mask and a keyed hash, so that searches for the same number are
found together and nobody without the key finds out which it is.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.utils.crypto import salted_hmac

from ghasi.correlations.lookup import numbers_of
from ghasi.correlations.masking import masked
from ghasi.env import SettingsError
from ghasi.operators.acting import current_address
from ghasi.operators.actions import ADDRESS, OperatorAction, note_action

ACTION = "where.destination"
KIND = "number"
SAME_SEARCH = timedelta(minutes=10)
"""Within it the same number, looked for by the same person, is a page that was loaded again."""
_SALT = "ghasi.correlations.number_searches"
_DIGITS = 16


def name_of(number: str) -> str:
    """+93701234567 → `+9370•••67 1f0c…`, with 16 hexadecimal digits; the same with a plus or without. Another
    DJANGO_SECRET_KEY gives other names. Raises ValueError: not a number; SettingsError: there is no key."""
    written = numbers_of(number)
    if not written:
        raise ValueError("not a number")
    key = salted_hmac(_SALT, written[0], secret=_secret(), algorithm="sha256").hexdigest()
    return f"{masked(written[0])} {key[:_DIGITS]}"


def _secret() -> str:
    try:
        return str(settings.SECRET_KEY)
    except ImproperlyConfigured:
        raise SettingsError("DJANGO_SECRET_KEY: must be set (or DJANGO_SECRET_KEY_FILE)") from None


def note_search(by: str, number: str, *, now: datetime, reason: str = "", result: str = "") -> None:
    """Writes one search down. Raises as `name_of`, and DatabaseError."""
    note_action(by, ACTION, KIND, name_of(number), reason=reason, result=result, at=now)


def note_page(by: str, number: str, *, now: datetime) -> None:
    """The same for a page that may be loaded again: one entry for a person's search from one address. Raises as
    `note_search`."""
    known = OperatorAction.objects.filter(target_kind=KIND, target=name_of(number), actor=by[:150], action=ACTION)
    lately = known.filter(at__gt=now - SAME_SEARCH, at__lte=now).values_list("detail", flat=True)
    if current_address() not in {detail.get(ADDRESS, "") for detail in lately}:
        note_search(by, number, now=now)
