"""The roles and what each may do (docs/operations.md, "Accounts and roles"): groups that every `migrate` keeps."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Any, Final

from django.apps import apps as installed
from django.contrib.auth.management import create_permissions
from django.contrib.auth.models import Group, Permission
from django.db import transaction

_OURS: Final = "ghasi"


class Role(StrEnum):
    """What somebody is. Each may do what the one before may."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    LEAD = "lead"


FROM_OPERATOR: Final = frozenset(
    {
        "operators.control_sessions",
        "correlations.rematch_inboxreceipt",
        "correlations.replay_deadletter",
        "correlations.resend_messagecorrelation",
        "correlations.settle_messagecorrelation",
    }
)
FROM_LEAD: Final = frozenset(
    {
        "auth.add_user",
        "auth.change_user",
        "auth.view_user",
        "correlations.decide_idrelation",
        "correlations.discard_deadletter",
        "correlations.discard_inboxreceipt",
        "correlations.view_pii",
        "operators.add_profile",
        "operators.change_profile",
        "operators.delete_profile",
        "operators.view_operatoraction",
    }
)


def role_of(permission: str) -> Role | None:
    """The first role that has it (`app.codename`); None where nobody has decided yet."""
    if permission in FROM_LEAD:
        return Role.LEAD
    if permission in FROM_OPERATOR:
        return Role.OPERATOR
    return Role.VIEWER if permission in _reads() else None


def may(role: Role, permission: str) -> bool:
    """Whether a role has a permission."""
    first = role_of(permission)
    order = list(Role)
    return first is not None and order.index(first) <= order.index(role)


def sync_roles() -> None:
    """Makes the groups and gives each exactly its permissions; a permission that is not there yet is left out."""
    known = list(Permission.objects.select_related("content_type"))
    with transaction.atomic():
        for role in Role:
            group, _ = Group.objects.get_or_create(name=role.value)
            wanted = {one.pk for one in known if may(role, _name(one))}
            if wanted != set(group.permissions.values_list("pk", flat=True)):
                group.permissions.set(wanted)


def undecided() -> list[str]:
    """Permissions of our apps that no role has: a feature was added and nobody said for whom."""
    ours = Permission.objects.filter(content_type__app_label__in=_labels()).select_related("content_type")
    return sorted(name for name in map(_name, ours) if role_of(name) is None)


def roles_of(groups: Iterable[str]) -> list[Role]:
    """The roles among names of groups, the least first."""
    named = set(groups)
    return [role for role in Role if role.value in named]


def after_migrate(sender: Any, **_: Any) -> None:
    """At the end of `migrate`: Django makes permissions app by app, the roles need all of them."""
    for label in (*_labels(), "auth"):
        create_permissions(installed.get_app_config(label), verbosity=0)
    sync_roles()


def _labels() -> list[str]:
    """Of all apps of the product: each of their permissions belongs to a role, or `undecided` names it."""
    return [one.label for one in installed.get_app_configs() if one.name.split(".")[0] == _OURS]


def _reads() -> set[str]:
    """Seeing the rows of a table of ours. A permission that a model names by itself is never among them."""
    models = (model._meta for label in _labels() for model in installed.get_app_config(label).get_models())
    return {f"{one.app_label}.view_{one.model_name}" for one in models if "view" in one.default_permissions}


def _name(permission: Permission) -> str:
    return f"{permission.content_type.app_label}.{permission.codename}"
