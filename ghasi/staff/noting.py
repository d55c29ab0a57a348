"""Events of accounts in the list of what the staff did (docs/operations.md, "Audit list")."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from ghasi.operators.acting import current_request
from ghasi.operators.actions import note_action
from ghasi.operators.shell import somebody


class Event(StrEnum):
    """What happens to accounts. The names are kept for ever and filtered by: never change one."""

    LOGIN = "login"
    LOGIN_FAILED = "login.failed"
    LOCKED_OUT = "login.locked_out"
    UNLOCKED = "login.unlocked"
    LOGOUT = "logout"
    SESSION_ENDED = "session.ended"
    LOGOUT_EVERYWHERE = "session.ended_everywhere"
    FACTOR_VERIFIED = "second_factor.verified"
    FACTOR_FAILED = "second_factor.failed"
    FACTOR_ENROLLED = "second_factor.enrolled"
    FACTOR_RESET = "second_factor.reset"
    RECOVERY_USED = "second_factor.recovery_code_used"
    RECOVERY_MADE = "second_factor.recovery_codes_made"
    USER_CREATED = "user.created"
    USER_CHANGED = "user.changed"
    USER_DELETED = "user.deleted"
    PASSWORD_CHANGED = "user.password_changed"  # noqa: S105 - a name
    ROLES_GIVEN = "user.roles_given"
    ROLES_TAKEN = "user.roles_taken"
    PROFILE_SAVED = "profile.saved"
    PROFILE_DELETED = "profile.deleted"
    EXPORTED = "audit.exported"


def note(event: str, kind: str, target: str, *, by: str | None = None, reason: str = "", **detail: Any) -> None:
    """Writes one event down. `by` names the person where the request does not know him yet."""
    note_action(_actor() if by is None else by, event, kind, target, reason=reason, detail=detail)


def note_user(event: Event, username: str, *, by: str | None = None, reason: str = "", **detail: Any) -> None:
    """An event of the account `username`."""
    note(event, "user", username, by=by, reason=reason, **detail)


def _actor() -> str:
    """The person of the request; outside one it is a command on this machine."""
    request = current_request()
    if request is None:
        return somebody()
    user = getattr(request, "user", None)
    return user.get_username() if user is not None and user.is_authenticated else ""
