"""The second factor: a phone's codes (TOTP, RFC 6238) and recovery codes that are good once each."""

from __future__ import annotations

import secrets
from base64 import b32encode
from enum import Enum
from typing import Final

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.http import HttpRequest
from django.utils.crypto import salted_hmac
from django_otp import login as otp_login
from django_otp import user_has_device, verify_token
from django_otp.plugins.otp_static.models import StaticDevice, StaticToken
from django_otp.plugins.otp_totp.models import TOTPDevice

from ghasi.staff.noting import Event, note_user

RECOVERY_CODES: Final = 10
_CODE_LENGTH: Final = 12
_ALPHABET: Final = "abcdefghjkmnpqrstuvwxyz23456789"
"""Without what looks alike: i, l, o, 0, 1."""
_SALT: Final = "ghasi.staff.recovery"
_KEPT: Final = 16
TOTP_DIGITS: Final = 6


class Entry(Enum):
    """What an entered code did."""

    CODE = "code"
    RECOVERY = "recovery code"
    WRONG = "wrong"


def is_verified(request: HttpRequest) -> bool:
    """Whether this session has shown the second factor."""
    return getattr(request.user, "otp_device", None) is not None


def has_factor(user: User) -> bool:
    """Whether a phone is enrolled."""
    found: bool = user_has_device(user)
    return found


def is_owed(request: HttpRequest) -> bool:
    """Whether this session still has to show one: all have to by ADMIN_REQUIRE_OTP, who has one has to anyway."""
    if is_verified(request):
        return False
    return settings.ADMIN_REQUIRE_OTP or (request.user.is_authenticated and has_factor(request.user))


def begin_enrolment(user: User) -> TOTPDevice:
    """A new secret, not good for anything until `finish_enrolment`; one shown earlier is forgotten."""
    TOTPDevice.objects.filter(user=user, confirmed=False).delete()
    return TOTPDevice.objects.create(user=user, name="phone", confirmed=False)


def begun_enrolment(user: User) -> TOTPDevice | None:
    """The secret that was shown last and is not confirmed."""
    return TOTPDevice.objects.filter(user=user, confirmed=False).first()


def finish_enrolment(request: HttpRequest, user: User, code: str) -> list[str] | None:
    """Recovery codes, to be shown once, where the code is the phone's; None where it is not.

    The phone and the codes of before are forgotten, and the session counts as verified.
    """
    with transaction.atomic():
        device = TOTPDevice.objects.select_for_update().filter(user=user, confirmed=False).first()
        if device is None or not device.verify_token(_plain(code)):
            return None
        TOTPDevice.objects.filter(user=user).exclude(pk=device.pk).delete()
        device.confirmed = True
        device.save()
        codes = make_recovery_codes(user)
        note_user(Event.FACTOR_ENROLLED, user.get_username())
    _verified(request, device)
    return codes


def enter(request: HttpRequest, user: User, text: str) -> Entry:
    """Takes a code of the phone or a recovery code. django-otp makes guessers of either wait longer each time."""
    code = _plain(text)
    by_phone = len(code) == TOTP_DIGITS and code.isdecimal()
    kind, given = (TOTPDevice, code) if by_phone else (StaticDevice, _kept(user, code))
    for one in kind.objects.filter(user=user, confirmed=True):
        device = verify_token(user, one.persistent_id, given)
        if device is not None:
            _verified(request, device)
            name = user.get_username()
            note_user(Event.FACTOR_VERIFIED if by_phone else Event.RECOVERY_USED, name, left=codes_left(user))
            return Entry.CODE if by_phone else Entry.RECOVERY
    return Entry.WRONG


def make_recovery_codes(user: User) -> list[str]:
    """New codes in place of the old ones. Only their keyed hashes are kept."""
    codes = ["".join(secrets.choice(_ALPHABET) for _ in range(_CODE_LENGTH)) for _ in range(RECOVERY_CODES)]
    with transaction.atomic():
        StaticDevice.objects.filter(user=user).delete()
        device = StaticDevice.objects.create(user=user, name="recovery codes")
        StaticToken.objects.bulk_create(StaticToken(device=device, token=_kept(user, code)) for code in codes)
    return [f"{code[:4]}-{code[4:8]}-{code[8:]}" for code in codes]


def codes_left(user: User) -> int:
    """Recovery codes that were not used yet."""
    count: int = StaticToken.objects.filter(device__user=user).count()
    return count


def reset(user: User, reason: str = "") -> bool:
    """Forgets phone and recovery codes, so that the next login enrols anew; False where there was nothing."""
    phones, _ = TOTPDevice.objects.filter(user=user).delete()
    codes, _ = StaticDevice.objects.filter(user=user).delete()
    note_user(Event.FACTOR_RESET, user.get_username(), reason=reason)
    return bool(phones or codes)


def _verified(request: HttpRequest, device: TOTPDevice | StaticDevice) -> None:
    # A session id that somebody knew before is worth nothing after.
    request.session.cycle_key()
    otp_login(request, device)


def _plain(text: str) -> str:
    return "".join(text.split()).replace("-", "").lower()


def _kept(user: User, code: str) -> str:
    """What is stored of a recovery code: sixteen characters (80 bits) of its hash under the secret key."""
    digest = salted_hmac(_SALT, f"{user.pk}:{code}", algorithm="sha256").digest()
    return b32encode(digest).decode("ascii").lower()[:_KEPT]
