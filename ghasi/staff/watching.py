"""Notes what happens to accounts, whoever does it and by which way: Django's signals say so."""

from __future__ import annotations

from typing import Any

from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group, User
from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.db.models import Model
from django.db.models.signals import m2m_changed, post_delete, post_save, pre_save

from ghasi.correlations.models_ids import IdRelation
from ghasi.operators.actions import OperatorAction
from ghasi.operators.models import Profile, ProfileChange
from ghasi.staff import sessions
from ghasi.staff.noting import Event, note, note_user

UNKNOWN_USER = "(unknown)"
"""A name that is nobody's may be a password in the wrong field: it is not written down."""
FLAGS = ("username", "is_active", "is_staff", "is_superuser")
_BEFORE = "_staff_before"
_TOLD_ELSEWHERE: tuple[type[Model], ...] = (User, Group, Profile, ProfileChange, OperatorAction, IdRelation)


def connect() -> None:
    """Once, when the apps are ready."""
    user_logged_in.connect(_logged_in)
    user_logged_out.connect(_logged_out)
    user_login_failed.connect(_login_failed)
    # Its import connects django-axes' own receivers: ours of failures runs before the one that may lock out.
    from axes.signals import user_locked_out

    user_locked_out.connect(_locked_out)
    pre_save.connect(_remember, sender=User)
    post_save.connect(_user_saved, sender=User)
    post_delete.connect(_user_deleted, sender=User)
    m2m_changed.connect(_roles_changed, sender=User.groups.through)
    m2m_changed.connect(_roles_changed, sender=User.user_permissions.through)
    post_save.connect(_profile_changed, sender=ProfileChange)
    post_save.connect(_logged_by_admin, sender=LogEntry)


def _logged_in(sender: Any, request: Any, user: User, **_: Any) -> None:
    sessions.begin(request.session, user)
    note_user(Event.LOGIN, user.get_username(), by=user.get_username())


def _logged_out(sender: Any, request: Any, user: User | None, **_: Any) -> None:
    if user is None:
        return
    why = getattr(request, "session_over", "")
    name = user.get_username()
    if why:
        note_user(Event.SESSION_ENDED, name, by=name, why=why)
    else:
        note_user(Event.LOGOUT, name, by=name)


def _login_failed(sender: Any, credentials: dict[str, Any], request: Any = None, **more: Any) -> None:
    # Who is locked out may knock as often as he likes: one note at the lock is enough.
    if getattr(request, "axes_locked_out", False) and request.axes_failures_since_start is None:
        return
    event = Event.FACTOR_FAILED if more.get("second_factor") else Event.LOGIN_FAILED
    note_user(event, _known(credentials.get("username")), by="")


def _locked_out(sender: Any, request: Any, username: str | None, **_: Any) -> None:
    if request.axes_failures_since_start is not None:
        note_user(Event.LOCKED_OUT, _known(username), by="", failures=request.axes_failures_since_start)


def _known(username: str | None) -> str:
    name = username or ""
    return name if name and User.objects.filter(username=name).exists() else UNKNOWN_USER


def _remember(sender: Any, instance: User, raw: bool = False, **_: Any) -> None:
    if instance.pk and not raw:
        before = User.objects.filter(pk=instance.pk).values(*FLAGS, "password").first()
        setattr(instance, _BEFORE, before)


def _user_saved(sender: Any, instance: User, created: bool, raw: bool = False, **_: Any) -> None:
    if raw:
        return
    name = instance.get_username()
    before: dict[str, Any] = getattr(instance, _BEFORE, None) or {}
    if created:
        note_user(Event.USER_CREATED, name, superuser=instance.is_superuser)
        return
    changed = {
        flag: getattr(instance, flag) for flag in FLAGS if flag in before and before[flag] != getattr(instance, flag)
    }
    if changed:
        note_user(Event.USER_CHANGED, name, **changed)
    if "password" in before and before["password"] != instance.password:
        note_user(Event.PASSWORD_CHANGED, name)


def _user_deleted(sender: Any, instance: User, **_: Any) -> None:
    note_user(Event.USER_DELETED, instance.get_username())


def _roles_changed(sender: Any, instance: Any, action: str, model: Any, pk_set: set[Any] | None, **_: Any) -> None:
    """Groups and single permissions of a user alike; `groups.clear()` names nothing, so it is noted as such."""
    event = {"post_add": Event.ROLES_GIVEN, "post_remove": Event.ROLES_TAKEN, "pre_clear": Event.ROLES_TAKEN}.get(
        action
    )
    if event is None or not isinstance(instance, User) or (pk_set is not None and not pk_set):
        return
    names = sorted(map(str, model.objects.filter(pk__in=pk_set))) if pk_set else ["all"]
    note_user(event, instance.get_username(), roles=names)


def _profile_changed(sender: Any, instance: ProfileChange, created: bool, **_: Any) -> None:
    if not created:
        return
    event = Event.PROFILE_DELETED if instance.document is None else Event.PROFILE_SAVED
    paths = [one[0] for one in instance.changes]
    by, reason = instance.changed_by, instance.reason
    note(event, "profile", instance.profile_name, by=by, reason=reason, version=instance.version, changed=paths)


def _logged_by_admin(sender: Any, instance: LogEntry, created: bool, **_: Any) -> None:
    """What the admin wrote into its own log, so that one list holds everything."""
    kind = instance.content_type
    if not created or kind is None or kind.model_class() in _TOLD_ELSEWHERE:
        return
    verb = {1: "added", 2: "changed", 3: "deleted"}.get(instance.action_flag, "changed")
    by = instance.user.get_username()
    note(
        f"{kind.model}.{verb}",
        kind.model[:32],
        str(instance.object_id or ""),
        by=by,
        message=instance.get_change_message(),
    )
