"""People of the staff for tests of the admin: with a role, with a phone, in front of a client."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

from django.contrib.auth.models import Group, User
from django.db import connection
from django.test import Client, override_settings
from django_otp.oath import totp
from django_otp.plugins.otp_totp.models import TOTPDevice

from ghasi.operators.actions import OperatorAction
from ghasi.staff.roles import Role, sync_roles

PASSWORD = "correct-horse-battery-7"
LOGIN = "/admin/login/"
STEP = 30


def person(role: Role | None = Role.VIEWER, **fields: object) -> User:
    """A new member of the staff with the password `PASSWORD`."""
    sync_roles()
    user = User.objects.create_user(f"staff-{uuid4().hex[:8]}", password=PASSWORD, is_staff=True, **fields)
    if role is not None:
        user.groups.add(Group.objects.get(name=role.value))
    return user


def client(address: str = "127.0.0.1") -> Client:
    """A browser of nobody."""
    return Client(headers={"host": "localhost"}, REMOTE_ADDR=address)


def logged_in(user: User, address: str = "127.0.0.1") -> Client:
    """Without the form."""
    one = client(address)
    one.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return one


def password_step(one: Client, user: User, password: str = PASSWORD) -> int:
    """The login form; its status."""
    return one.post(f"{LOGIN}?next=/admin/account/", {"username": user.username, "password": password}).status_code


def code(device: TOTPDevice, steps: int = 0) -> str:
    """What the phone shows now, or `steps` half minutes later: a code is good once."""
    return f"{totp(device.bin_key, STEP, int(device.t0) - steps * STEP):06d}"


def with_phone(user: User) -> TOTPDevice:
    """Enrolled long ago."""
    return TOTPDevice.objects.create(user=user, name="phone", confirmed=True)


def secret_of(page: str) -> str:
    """The secret that an enrolment page shows as text."""
    found = re.search(r'id="staff-secret">([A-Z2-7 ]+)<', page)
    assert found
    return found.group(1).replace(" ", "")


def codes_of(page: str) -> list[str]:
    """Recovery codes that a page shows."""
    return re.findall(r"<li><code>([a-z0-9-]+)</code></li>", page)


def noted(user: User) -> list[str]:
    """What was written down of an account, in the order of events."""
    return [one.action for one in OperatorAction.objects.filter(target=user.username).order_by("id")]


@contextmanager
def accounts(**settings: object) -> Iterator[None]:
    """Settings for tests that make accounts, which are gone at the end; hashing a password takes no time."""
    with override_settings(PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"], **settings):
        yield
        User.objects.all().delete()
    connection.close()


@contextmanager
def required() -> Iterator[None]:
    """As in production: everybody needs a second factor. Guessers are not made to wait here."""
    with accounts(ADMIN_REQUIRE_OTP=True, OTP_TOTP_THROTTLE_FACTOR=0, OTP_STATIC_THROTTLE_FACTOR=0):
        yield
