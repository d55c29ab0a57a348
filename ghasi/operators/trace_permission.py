"""Who may see numbers and texts from the shell, and the note that they did (docs/contract.md §13)."""

from __future__ import annotations

from uuid import UUID

from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth import get_user_model
from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType
from django.utils import timezone

from ghasi.correlations.number_searches import note_search
from ghasi.operators.models import Operator

PERMISSION = "correlations.view_pii"


class NotPermitted(Exception):
    """The text says why, for the person who asked."""


def permit_unmasked(username: str, operator_id: str, asked_by: str, reason: str) -> None:
    """Writes into the admin's log that `username` watches the operator unmasked. Raises NotPermitted.

    `asked_by` is who is at the shell (`shell.somebody`). Without the note nothing is shown, so it is written first.
    """
    user = _permitted(username)
    note = f"Live PDUs watched unmasked, from {asked_by}"
    operator = Operator.objects.filter(operator_id=UUID(operator_id)).first()
    LogEntry.objects.create(
        user=user,
        content_type=ContentType.objects.get_for_model(Operator),
        object_id=operator_id,
        object_repr=str(operator or operator_id)[:200],
        action_flag=CHANGE,
        change_message=f"{note}: {reason}" if reason else note,
    )


def permit_number(username: str, number: str, asked_by: str, reason: str) -> None:
    """Writes down that `username` looks for messages by a subscriber's number, which itself is not written. Raises
    NotPermitted, and ValueError: not a number."""
    _permitted(username)
    by = f"{username} from {asked_by}"
    note_search(by, number, now=timezone.now(), reason=reason, result="permitted")


def _permitted(username: str) -> User:
    user = get_user_model().objects.filter(username=username, is_active=True).first()
    if user is None:
        raise NotPermitted("there is no active user of that name")
    if not user.has_perm(PERMISSION):
        raise NotPermitted(f"this user lacks the permission {PERMISSION}")
    return user
