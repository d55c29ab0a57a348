"""What the staff did is written down, and stays."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from uuid import uuid4

import pytest
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.models import Group, User
from django.contrib.contenttypes.models import ContentType
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from ghasi.operators.actions import OperatorAction
from ghasi.operators.models import Operator
from ghasi.operators.profiles import Author, delete_profile, save_profile
from ghasi.operators.services import note_action
from ghasi.staff.roles import Role
from tests.support.staff import PASSWORD, accounts, client, logged_in, noted, password_step, person

pytestmark = pytest.mark.usefixtures("django_ready")

AUDIT = "/admin/operators/operatoraction/"


@pytest.fixture(autouse=True)
def clean() -> Iterator[None]:
    with accounts():
        yield


def test_the_database_refuses_to_change_or_delete_a_line() -> None:
    row = note_action("anna", "bind", "operator", uuid4().hex)
    for sql in (
        "UPDATE smpp.operator_actions SET actor = 'omid' WHERE id = %s",
        "DELETE FROM smpp.operator_actions WHERE id = %s",
        "TRUNCATE smpp.operator_actions -- %s",
    ):
        with pytest.raises(DatabaseError, match="never changed"), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(sql, [row.pk])
    assert OperatorAction.objects.get(pk=row.pk).actor == "anna"


def test_nobody_changes_a_line_in_the_admin() -> None:
    row = note_action("anna", "bind", "operator", uuid4().hex)
    one = logged_in(User.objects.create_superuser("root"))
    assert one.get(f"{AUDIT}add/").status_code == 403
    for page in ("change", "delete"):
        assert one.post(f"{AUDIT}{row.pk}/{page}/", {"actor": "omid", "post": "yes"}).status_code == 403
    assert one.get(f"{AUDIT}{row.pk}/change/").status_code == 200


def test_logins_name_the_person_and_the_address() -> None:
    user, one = person(), client("203.0.113.5")
    password_step(one, user, "wrong")
    password_step(one, user)
    one.post("/admin/logout/")
    rows = OperatorAction.objects.filter(target=user.username, action__startswith="log").order_by("id")
    assert [(row.action, row.actor, row.detail["address"]) for row in rows] == [
        ("login.failed", "", "203.0.113.5"),
        ("login", user.username, "203.0.113.5"),
        ("logout", user.username, "203.0.113.5"),
    ]


def test_changes_of_an_account_are_noted_by_whatever_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("getpass.getuser", lambda: "machine")
    user = person()
    user.is_superuser = True
    user.save()
    user.set_password("another-horse-9")
    user.save()
    user.groups.add(Group.objects.get(name="lead"))
    user.groups.remove(Group.objects.get(name="viewer"))
    name = user.username
    user.delete()
    rows = OperatorAction.objects.filter(target=name).order_by("id")
    assert [(row.action, row.actor) for row in rows] == [
        ("user.created", "shell:machine"),
        ("user.roles_given", "shell:machine"),
        ("user.changed", "shell:machine"),
        ("user.password_changed", "shell:machine"),
        ("user.roles_given", "shell:machine"),
        ("user.roles_taken", "shell:machine"),
        ("user.deleted", "shell:machine"),
    ]
    assert rows[2].detail == {"is_superuser": True}
    assert rows[5].detail == {"roles": ["viewer"]}
    assert not any("horse" in str(row.detail) for row in rows)


def test_a_save_that_changes_nothing_is_no_event() -> None:
    user = person()
    before = noted(user)
    user.save()
    assert noted(user) == before


def test_profiles_and_what_the_admin_logs_stand_in_the_same_list() -> None:
    name, user = f"test-{uuid4().hex[:8]}", person()
    save_profile(name, {"pace": {"window": 3}}, Author("anna", "contract", timezone.now()))
    delete_profile(name, Author("omid", "", timezone.now()))
    saved, deleted = OperatorAction.objects.filter(target=name).order_by("id")
    assert (saved.action, saved.actor, saved.reason, saved.detail["version"]) == (
        "profile.saved",
        "anna",
        "contract",
        1,
    )
    assert (deleted.action, deleted.actor) == ("profile.deleted", "omid")
    operator = str(uuid4())
    kind = ContentType.objects.get_for_model(Operator)
    LogEntry.objects.create(
        user=user,
        content_type=kind,
        object_id=operator,
        object_repr="x",
        action_flag=CHANGE,
        change_message="watched",
    )
    (row,) = OperatorAction.objects.filter(target=operator)
    assert (row.action, row.actor, row.detail["message"]) == ("operator.changed", user.username, "watched")


def test_a_lead_filters_searches_and_exports_and_the_export_is_noted() -> None:
    lead, target = person(Role.LEAD), uuid4().hex
    note_action("=cmd()", "dead_letter.replay", "dead letter", target, reason="ask again")
    one = logged_in(lead)
    assert target in one.get(AUDIT, {"what": "other"}).content.decode()
    assert target not in one.get(AUDIT, {"what": "login", "span": "all"}).content.decode()
    assert target in one.get(AUDIT, {"q": target}).content.decode()
    assert one.get(f"{AUDIT}export/").status_code == 405
    response = one.post(f"{AUDIT}export/?q={target}")
    assert response["Content-Type"].startswith("text/csv")
    lines = list(csv.DictReader(b"".join(response.streaming_content).decode().splitlines()))  # type: ignore[attr-defined]
    assert [(line["actor"], line["target"], line["reason"]) for line in lines] == [("'=cmd()", target, "ask again")]
    exported = OperatorAction.objects.filter(action="audit.exported", actor=lead.username).latest("id")
    assert exported.detail["filter"] == f"q={target}"


def test_the_filters_are_served_by_indexes() -> None:
    with connection.cursor() as cursor, transaction.atomic():
        cursor.execute("SET LOCAL enable_seqscan = off")
        for condition in ("actor = 'anna'", "action IN ('login', 'logout')", "target = 'x'", "at > now()"):
            cursor.execute(f"EXPLAIN SELECT * FROM smpp.operator_actions WHERE {condition}")
            plan = "\n".join(row[0] for row in cursor.fetchall())
            assert "Index" in plan, (condition, plan)


def test_no_password_and_no_code_is_written_anywhere() -> None:
    user, one = person(), client("203.0.113.6")
    password_step(one, user)
    one.post("/admin/login/", {"username": user.username, "password": f"{PASSWORD}-typo"})
    rows = OperatorAction.objects.filter(target=user.username)
    assert rows
    assert not any(PASSWORD in f"{row.detail}{row.reason}{row.result}" for row in rows)
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM axes_accessattempt WHERE post_data LIKE %s", [f"%{PASSWORD}%"])
        assert cursor.fetchone() == (0,)
