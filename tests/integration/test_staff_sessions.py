"""Sessions of the admin end in time, and all at once."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.contrib.auth.models import User
from django.test import Client

from ghasi.operators.actions import OperatorAction
from ghasi.staff.roles import Role
from ghasi.staff.sessions import BEGAN, KEY, SEEN
from tests.support import staff
from tests.support.staff import logged_in, noted, person

pytestmark = pytest.mark.usefixtures("django_ready")

ACCOUNT = "/admin/account/"


@pytest.fixture(autouse=True)
def limits() -> Iterator[None]:
    with staff.accounts(ADMIN_SESSION_IDLE=600, ADMIN_SESSION_MAX=3600):
        yield


def inside(one: Client, **headers: str) -> bool:
    return one.get(ACCOUNT, headers=headers).status_code == 200


def earlier(one: Client, field: str, seconds: float) -> None:
    """As if that had been so long ago."""
    session = one.session
    session[KEY] = {**session[KEY], field: session[KEY][field] - seconds}
    session.save()


def test_a_session_ends_after_nothing_was_done_for_a_while() -> None:
    user = person()
    one = logged_in(user)
    earlier(one, SEEN, 590)
    assert inside(one)
    earlier(one, SEEN, 590)
    assert inside(one)
    earlier(one, SEEN, 610)
    response = one.get(ACCOUNT, follow=True)
    assert "nothing was done for a while" in response.content.decode()
    assert noted(user)[-1] == "session.ended"
    assert OperatorAction.objects.filter(target=user.username).latest("id").detail["why"] == "idle"


def test_a_page_that_renews_itself_keeps_no_session_alive() -> None:
    one = logged_in(person())
    earlier(one, SEEN, 500)
    assert inside(one, **{"Sec-Fetch-Mode": "cors"})
    earlier(one, SEEN, 110)
    assert not inside(one)


def test_a_session_ends_however_busy_it_is() -> None:
    one = logged_in(person())
    earlier(one, BEGAN, 3590)
    assert inside(one)
    earlier(one, BEGAN, 20)
    assert "too long ago" in one.get(ACCOUNT, follow=True).content.decode()


def test_log_out_everywhere_ends_every_session_of_this_person_only() -> None:
    user, other = person(), person()
    here, there, theirs = logged_in(user), logged_in(user), logged_in(other)
    assert here.get("/admin/account/everywhere/").status_code == 405
    assert here.post("/admin/account/everywhere/").status_code == 302
    assert [inside(here), inside(there), inside(theirs)] == [False, False, True]
    assert "session.ended_everywhere" in noted(user)
    assert inside(logged_in(user))


def test_a_lead_logs_somebody_out_and_resets_his_second_factor() -> None:
    user, lead = person(), person(Role.LEAD)
    one, boss = logged_in(user), logged_in(lead)
    confirmed = {"_selected_action": [user.pk], "confirmed": "1", "reason": "the phone was stolen"}
    boss.post("/admin/auth/user/", {"action": "log_out", **confirmed})
    assert not inside(one)
    one = logged_in(user)
    staff.with_phone(user)
    boss.post("/admin/auth/user/", {"action": "reset_factor", **confirmed})
    assert not inside(one)
    for action in ("session.ended_everywhere", "second_factor.reset"):
        last = OperatorAction.objects.filter(target=user.username, action=action).latest("id")
        assert (last.actor, last.reason) == (lead.username, "the phone was stolen")


@pytest.mark.parametrize("action", ["log_out", "reset_factor"])
def test_nothing_happens_before_a_reason_and_a_confirmation(action: str) -> None:
    users = [person(), person()]
    ones, boss = [logged_in(user) for user in users], logged_in(person(Role.LEAD))
    chosen = {"action": action, "_selected_action": [user.pk for user in users]}
    asked = boss.post("/admin/auth/user/", {**chosen, "index": "0", "select_across": "0"})
    html = asked.content.decode()
    assert asked.status_code == 200
    for user in users:
        assert f"<strong>{user.username}</strong>" in html
        assert f'name="_selected_action" value="{user.pk}"' in html
    assert f'name="action" value="{action}"' in html
    no_reason = boss.post("/admin/auth/user/", {**chosen, "confirmed": "1", "reason": " "})
    assert (no_reason.status_code, "This field is required." in no_reason.content.decode()) == (400, True)
    assert [inside(one) for one in ones] == [True, True]
    told = boss.post("/admin/auth/user/", {**chosen, "confirmed": "1", "reason": "they left"}, follow=True)
    assert users[1].username in told.content.decode()
    assert [inside(one) for one in ones] == [False, False]


def test_a_session_of_before_these_rules_is_over() -> None:
    one = logged_in(person())
    session = one.session
    del session[KEY]
    session.save()
    assert not inside(one)


def test_who_is_deactivated_is_out_with_the_next_request() -> None:
    user = person()
    one = logged_in(user)
    User.objects.filter(pk=user.pk).update(is_active=False)
    assert not inside(one)
