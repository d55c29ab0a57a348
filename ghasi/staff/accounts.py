"""What is done to accounts, by the admin and by `manage.py staff` alike. Every step is noted."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.contrib.auth.models import Group, User
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import transaction

from ghasi.staff import lockout, second_factor, sessions
from ghasi.staff.roles import Role, roles_of


class NoSuchUser(Exception):
    """Nobody of that name."""


class Refused(Exception):
    """It cannot be done as asked; the text says why and holds no password."""


@dataclass(frozen=True, slots=True)
class Member:
    """One of the staff, as lists show him."""

    username: str
    roles: tuple[str, ...]
    active: bool
    superuser: bool
    second_factor: bool
    recovery_codes: int
    last_login: datetime | None


def members() -> list[Member]:
    """All of the staff by name."""
    users = User.objects.filter(is_staff=True).order_by("username").prefetch_related("groups")
    return [_member(user) for user in users]


def find(username: str) -> User:
    """Raises NoSuchUser."""
    user = User.objects.filter(username=username).first()
    if user is None:
        raise NoSuchUser(f"there is no user {username}")
    return user


def check_password(password: str, user: User) -> None:
    """Raises Refused with every rule that the password breaks."""
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise Refused(" ".join(error.messages)) from None


def create(username: str, password: str, role: Role, *, email: str = "") -> User:
    """A new member of the staff. Raises Refused."""
    user = User(username=username, email=email, is_staff=True)
    if User.objects.filter(username=username).exists():
        raise Refused(f"there is a user {username} already")
    check_password(password, user)
    user.set_password(password)
    try:
        user.full_clean()
    except ValidationError as error:
        raise Refused(" ".join(error.messages)) from None
    with transaction.atomic():
        user.save()
        give(user, role)
    return user


def give(user: User, role: Role) -> bool:
    """Makes it the user's only role; groups that are no role stay. False where it was so before."""
    group = Group.objects.get(name=role.value)
    others = Group.objects.filter(user=user, name__in=list(Role)).exclude(pk=group.pk)
    had = user.groups.filter(pk=group.pk).exists()
    if had and not others.exists():
        return False
    with transaction.atomic():
        user.groups.remove(*others)
        user.groups.add(group)
    return True


def set_password(user: User, password: str) -> None:
    """Sessions of the old password are over by that. Raises Refused."""
    check_password(password, user)
    user.set_password(password)
    user.save()


def set_active(user: User, active: bool) -> bool:
    """Whether he may log in at all, from the next request on; False where it was so before."""
    if user.is_active == active:
        return False
    user.is_active = active
    user.save()
    return True


def reset_second_factor(user: User, reason: str = "") -> None:
    """Forgets phone and codes, and ends every session, because they may be why. `reason` is kept with the notes."""
    second_factor.reset(user, reason)
    sessions.end_everywhere(user, reason)


def unlock(user: User) -> int:
    """Tells from how many addresses there were failures."""
    return lockout.unlock(user.get_username())


def end_sessions(user: User, reason: str = "") -> None:
    """Logs a user out everywhere; `reason` is kept with the note."""
    sessions.end_everywhere(user, reason)


def has_second_factor(user: User) -> bool:
    """Whether a phone is enrolled."""
    return second_factor.has_factor(user)


def names_of(roles: Iterable[Role]) -> tuple[str, ...]:
    """As they are shown."""
    return tuple(role.value for role in roles)


def _member(user: User) -> Member:
    return Member(
        username=user.get_username(),
        roles=names_of(roles_of(one.name for one in user.groups.all())),
        active=user.is_active,
        superuser=user.is_superuser,
        second_factor=second_factor.has_factor(user),
        recovery_codes=second_factor.codes_left(user),
        last_login=user.last_login,
    )
