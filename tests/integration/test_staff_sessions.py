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
    boss.post("/admin/auth/user/", {"action": "log_out", "_selected_action": [user.pk]})
    assert not inside(one)
    one = logged_in(user)
    staff.with_phone(user)
    boss.post("/admin/auth/user/", {"action": "reset_factor", "_selected_action": [user.pk]})
    assert not inside(one)
    last = OperatorAction.objects.filter(target=user.username, action="second_factor.reset").latest("id")
    assert last.actor == lead.username


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
