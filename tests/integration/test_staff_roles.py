"""What each role may do, and who decides."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.core.management import call_command

from ghasi.operators.actions import OperatorAction
from ghasi.staff import roles
from ghasi.staff.roles import Role
from tests.support.staff import PASSWORD, accounts, logged_in, noted, person, with_phone

pytestmark = pytest.mark.usefixtures("django_ready")

USERS = "/admin/auth/user/"
RESET = {"action": "reset_factor", "confirmed": "1", "reason": "the phone is lost"}
AUDIT = "/admin/operators/operatoraction/"


@pytest.fixture(autouse=True)
def clean() -> Iterator[None]:
    with accounts():
        yield


def names(role: Role) -> set[str]:
    group = Group.objects.get(name=role.value)
    return {
        f"{one.content_type.app_label}.{one.codename}" for one in group.permissions.select_related("content_type")
    }


def test_every_permission_of_the_product_is_some_roles() -> None:
    """A new feature's permission needs a line in ghasi/staff/roles.py."""
    assert roles.undecided() == []


def test_each_role_may_what_the_one_before_may() -> None:
    assert names(Role.VIEWER) <= names(Role.OPERATOR) <= names(Role.LEAD)
    assert {"correlations.view_messagecorrelation", "operators.view_profile"} <= names(Role.VIEWER)
    assert all(one.split(".")[1].startswith("view_") for one in names(Role.VIEWER))
    assert not {"correlations.view_pii", "operators.view_operatoraction"} & names(Role.OPERATOR)
    assert {"correlations.view_pii", "operators.change_profile", "auth.change_user"} <= names(Role.LEAD)
    assert not {"auth.delete_user", "auth.change_group"} & names(Role.LEAD)


def test_a_permission_that_a_model_names_by_itself_is_never_given_for_its_name() -> None:
    assert roles.role_of("correlations.view_secret") is None
    assert roles.role_of("correlations.view_messagecorrelation") is Role.VIEWER


def test_migrate_sets_the_groups_back_and_leaves_others_alone() -> None:
    viewer, other = Group.objects.get(name="viewer"), Group.objects.create(name="auditors")
    pii = Permission.objects.get(codename="view_pii")
    viewer.permissions.add(pii)
    other.permissions.add(pii)
    Group.objects.filter(name="operator").delete()
    call_command("migrate", verbosity=0, interactive=False)
    assert "correlations.view_pii" not in names(Role.VIEWER)
    assert "correlations.view_messagecorrelation" in names(Role.OPERATOR)
    assert list(other.permissions.all()) == [pii]
    other.delete()


@pytest.mark.parametrize(("role", "status"), [(Role.VIEWER, 403), (Role.OPERATOR, 403), (Role.LEAD, 200)])
def test_accounts_and_the_audit_list_are_a_leads(role: Role, status: int) -> None:
    one = logged_in(person(role))
    for path in (USERS, f"{USERS}add/", AUDIT):
        assert one.get(path).status_code == status
    assert one.post(f"{AUDIT}export/").status_code == status


def test_a_lead_makes_an_account_with_a_role() -> None:
    lead = person(Role.LEAD)
    one = logged_in(lead)
    viewer = Group.objects.get(name="viewer")
    form = {"username": "omid", "password1": PASSWORD, "password2": PASSWORD, "groups": [viewer.pk]}
    response = one.post(f"{USERS}add/", form)
    assert response.status_code == 302, response.content.decode()
    made = User.objects.get(username="omid")
    assert (made.is_staff, made.is_superuser, list(made.groups.all())) == (True, False, [viewer])
    assert noted(made)[:2] == ["user.created", "user.roles_given"]
    assert {one.actor for one in OperatorAction.objects.filter(target="omid")} == {lead.username}


def test_a_lead_cannot_make_himself_more_than_a_lead() -> None:
    lead, root = person(Role.LEAD), User.objects.create_superuser("root")
    one = logged_in(lead)
    group = Group.objects.get(name="lead")
    form = {
        "username": lead.username,
        "is_active": "on",
        "groups": [group.pk],
        "is_superuser": "on",
        "is_staff": "on",
    }
    assert one.post(f"{USERS}{lead.pk}/change/", form).status_code == 302
    lead.refresh_from_db()
    assert not lead.is_superuser
    assert one.post(f"{USERS}{root.pk}/change/", {"username": "mine"}).status_code == 403
    assert one.post(f"{USERS}{root.pk}/password/", {"password1": PASSWORD, "password2": PASSWORD}).status_code == 403
    assert one.post(USERS, {**RESET, "_selected_action": [root.pk]}).status_code == 302
    assert "second_factor.reset" not in noted(root)
    assert one.post(f"{USERS}{root.pk}/delete/", {"post": "yes"}).status_code == 403


def test_taking_a_role_away_counts_at_once() -> None:
    lead = person(Role.LEAD)
    one = logged_in(lead)
    assert one.get(USERS).status_code == 200
    lead.groups.clear()
    assert one.get(USERS).status_code == 403
    assert noted(lead)[-1] == "user.roles_taken"


@pytest.mark.parametrize(
    ("whose", "by_superuser", "may"),
    [(Role.VIEWER, False, True), (Role.LEAD, False, False), (Role.LEAD, True, True)],
)
def test_a_lead_gives_no_other_lead_a_password_or_a_second_factor(whose: Role, by_superuser: bool, may: bool) -> None:
    user = person(whose)
    with_phone(user)
    one = logged_in(User.objects.create_superuser("root") if by_superuser else person(Role.LEAD))
    new = {"password1": "other-horse-battery-8", "password2": "other-horse-battery-8"}
    assert one.post(f"{USERS}{user.pk}/password/", new).status_code == (302 if may else 403)
    assert User.objects.get(pk=user.pk).check_password(new["password1"]) is may
    assert one.post(USERS, {**RESET, "_selected_action": [user.pk]}).status_code == 302
    assert ("second_factor.reset" in noted(user)) is may


def test_a_lead_gives_himself_a_password() -> None:
    lead = person(Role.LEAD)
    new = {"password1": "other-horse-battery-8", "password2": "other-horse-battery-8"}
    assert logged_in(lead).post(f"{USERS}{lead.pk}/password/", new).status_code == 302
