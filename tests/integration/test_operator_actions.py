"""Orders given in the admin: permission, reason, audit entry, and that nobody changes it afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import Permission, User
from django.db import ProgrammingError, connection
from django.db.utils import InternalError
from django.test import Client
from django.utils import timezone

from ghasi.contracts.sessions import SessionRecord, State
from ghasi.operators import session_pages
from ghasi.operators.actions import OperatorAction, note_action
from ghasi.operators.kept import Kept
from ghasi.operators.live import Live
from ghasi.operators.models import Operator
from ghasi.operators.services import operators_remember
from tests.integration.test_operator_commands import holder

pytestmark = pytest.mark.usefixtures("django_ready", "nats_url")
LIVE = "/admin/operators/operator/live/"


@pytest.fixture(autouse=True)
def tidy(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr("ghasi.operators.control.gather.__defaults__", (0.5,))
    monkeypatch.setattr(session_pages.SHARED, "seconds", 0.0)
    yield
    User.objects.all().delete()
    Operator.objects.all().delete()
    connection.close()


@pytest.fixture
def operator_id(django_ready: None) -> str:
    made = str(uuid4())
    now = timezone.now()
    Operator.objects.create(operator_id=made, name="Roshan", first_seen_at=now, last_seen_at=now)
    return made


def staff(*permissions: str) -> Client:
    user = User.objects.create(username=f"staff-{uuid4().hex[:8]}", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    client = Client(headers={"host": "localhost"})
    client.force_login(user)
    return client


def order(client: Client, operator_id: str, action: str = "unbind", reason: str = "planned work") -> Any:
    return client.post(f"/admin/operators/operator/{operator_id}/order/{action}/", {"reason": reason})


def entry_of(operator_id: str) -> OperatorAction:
    return OperatorAction.objects.get(target=operator_id)


@pytest.mark.parametrize("action", ["bind", "unbind", "drain", "rebind"])
def test_an_order_is_carried_out_and_noted(operator_id: str, nats_url: str, action: str) -> None:
    client = staff("view_operator", "control_sessions")
    with holder(nats_url, operator_id) as heard:
        answer = order(client, operator_id, action)
    assert answer.status_code == 302
    entry = entry_of(operator_id)
    assert (entry.action, entry.reason, entry.result) == (action, "planned work", "done")
    assert entry.actor.startswith("staff-")
    assert entry.detail == {"operatorName": "Roshan", "address": "127.0.0.1", "answers": ["gw-1: wanted: bound"]}
    told = [one for one in heard if one.action == action]
    assert [(one.by, one.reason) for one in told] == [(entry.actor, "planned work")]


def test_a_refusal_and_silence_are_noted(operator_id: str, nats_url: str) -> None:
    client = staff("view_operator", "control_sessions")
    order(client, operator_id)
    assert entry_of(operator_id).result == "kept"
    other = str(uuid4())
    with holder(nats_url, other, ok=False):
        order(client, other)
    assert entry_of(other).result == "refused"


def test_nats_away_is_noted(operator_id: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NATS_URL", "nats://127.0.0.1:9")
    for place in ("live", "control"):
        monkeypatch.setattr(f"ghasi.operators.{place}.CONNECT_WAIT", 0.3)
    assert order(staff("view_operator", "control_sessions"), operator_id).status_code == 302
    assert entry_of(operator_id).result == "failed"


@pytest.mark.parametrize("permissions", [("view_operator",), ("control_sessions",), ()])
def test_without_both_permissions_nothing_happens(operator_id: str, permissions: tuple[str, ...]) -> None:
    assert order(staff(*permissions), operator_id).status_code == 403
    assert not OperatorAction.objects.filter(target=operator_id).exists()


def test_nothing_happens_without_a_reason_a_post_or_a_token(operator_id: str) -> None:
    client = staff("view_operator", "control_sessions")
    path = f"/admin/operators/operator/{operator_id}/order/unbind/"
    assert order(client, operator_id, reason="  ").status_code == 400
    assert client.get(path, {"reason": "a link"}).status_code == 200
    strict = Client(enforce_csrf_checks=True, headers={"host": "localhost"})
    strict.cookies = client.cookies
    assert strict.post(path, {"reason": "forged"}).status_code == 403
    assert not OperatorAction.objects.filter(target=operator_id).exists()


def test_what_is_no_order_or_no_operator_is_not_there(operator_id: str) -> None:
    client = staff("view_operator", "control_sessions")
    assert order(client, operator_id, "explode").status_code == 404
    assert order(client, str(uuid4())).status_code == 404


def test_an_entry_stands(operator_id: str) -> None:
    order(staff("view_operator", "control_sessions"), operator_id)
    entry = entry_of(operator_id)
    mine = OperatorAction.objects.filter(pk=entry.pk)
    for change in ({"reason": "another"}, {"result": "done"}, {"actor": "nobody"}):
        with pytest.raises((InternalError, ProgrammingError)):
            mine.update(**change)
    with pytest.raises((InternalError, ProgrammingError)):
        mine.delete()
    assert mine.get().reason == "planned work"


def test_an_entry_without_a_result_may_get_one_and_nothing_else(operator_id: str) -> None:
    entry = note_action("a", "bind", "operator", operator_id, reason="b", result="asked")
    mine = OperatorAction.objects.filter(pk=entry.pk)
    with pytest.raises((InternalError, ProgrammingError)):
        mine.update(result="done", reason="c")
    mine.update(result="done", detail={"answers": ["gw-1: ok"]})
    assert mine.get().detail == {"answers": ["gw-1: ok"]}


def test_the_audit_is_read_only_in_the_admin(operator_id: str) -> None:
    order(staff("view_operator", "control_sessions"), operator_id)
    entry = entry_of(operator_id)
    root = User.objects.create(username="root", is_staff=True, is_superuser=True)
    client = Client(headers={"host": "localhost"})
    client.force_login(root)
    assert "planned work" in client.get("/admin/operators/operatoraction/").content.decode()
    one = f"/admin/operators/operatoraction/{entry.pk}"
    assert client.get(f"{one}/change/").status_code == 200
    assert client.post(f"{one}/change/", {"reason": "x"}).status_code == 403
    assert client.post(f"{one}/delete/", {"post": "yes"}).status_code == 403
    assert client.post("/admin/operators/operatoraction/add/", {}).status_code == 403


def test_the_live_part_shows_the_session(operator_id: str, nats_url: str) -> None:
    with holder(nats_url, operator_id, window_used=7, heard_at=timezone.now().timestamp() - 12):
        html = staff("view_operator").get(f"{LIVE}part/").content.decode()
    assert "Roshan" in html
    assert "7 of 10" in html
    assert "12 s ago" in html or "13 s ago" in html
    assert "order/unbind" not in html


def test_nats_away_is_said_on_the_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NATS_URL", "nats://127.0.0.1:9")
    monkeypatch.setattr("ghasi.operators.live.CONNECT_WAIT", 0.3)
    answer = staff("view_operator").get(LIVE)
    assert answer.status_code == 200
    assert "cannot be read" in answer.content.decode()


def test_all_viewers_share_one_look_at_the_sessions(operator_id: str, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[None] = []

    def read() -> tuple[Live, str]:
        asked.append(None)
        return Live(), ""

    monkeypatch.setattr(session_pages, "SHARED", Kept(read, 60.0))
    viewers = [staff("view_operator") for _ in range(3)]
    assert {viewer.get(path).status_code for viewer in viewers for path in (LIVE, f"{LIVE}part/")} == {200}
    assert len(asked) == 1


def test_a_look_at_the_sessions_writes_nothing(nats_url: str) -> None:
    unseen = str(uuid4())
    with holder(nats_url, unseen):
        assert "Roshan" in staff("view_operator").get(LIVE).content.decode()
    assert not Operator.objects.filter(operator_id=unseen).exists()


def test_two_who_write_the_same_operators_do_not_wait_for_each_other_for_ever() -> None:
    records = [SessionRecord(str(uuid4()), "gw-1", "e1", State.BOUND, operator_name="Roshan") for _ in range(300)]
    start = Barrier(2)

    def write(mine: list[SessionRecord]) -> int:
        start.wait(30)
        try:
            return sum(operators_remember(mine, now=timezone.now()) for _ in range(20))
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as both:
        written = list(both.map(write, (records, records[::-1])))
    assert written == [6000, 6000]
