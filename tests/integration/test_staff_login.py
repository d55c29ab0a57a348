"""Into the admin: password, second factor, recovery codes, and the lock."""

from __future__ import annotations

import re
import time
from base64 import b32decode
from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.test import Client, override_settings
from django.urls import URLPattern, URLResolver, get_resolver
from django_otp.plugins.otp_static.models import StaticToken
from django_otp.plugins.otp_totp.models import TOTPDevice

from ghasi.operators.actions import OperatorAction
from ghasi.staff import second_factor
from ghasi.staff.roles import Role
from tests.support import staff
from tests.support.staff import LOGIN, PASSWORD, codes_of, noted, password_step, person, secret_of

pytestmark = pytest.mark.usefixtures("django_ready")

ACCOUNT = "/admin/account/"
ENROL = "/admin/account/enrol/"
FACTOR = "/admin/account/factor/"


@pytest.fixture(autouse=True)
def second_factor_required() -> Iterator[None]:
    with staff.required():
        yield


def inside(one: Client) -> bool:
    return one.get(ACCOUNT).status_code == 200


def landed(one: Client, path: str) -> str:
    """Where a browser ends up."""
    response = one.get(path, follow=True)
    assert response.status_code == 200
    return str(response.request["PATH_INFO"])


def enrolled(one: Client) -> tuple[list[str], TOTPDevice]:
    """Goes through the enrolment as a person does: recovery codes, phone."""
    secret = b32decode(secret_of(one.get(ENROL).content.decode()))
    device = TOTPDevice.objects.get(key=secret.hex())
    page = one.post(ENROL, {"token": staff.code(device), "next": ACCOUNT})
    return codes_of(page.content.decode()), device


# --- enrolment


def test_who_has_no_phone_enrols_one_and_sees_recovery_codes_once() -> None:
    user, one = person(), staff.client()
    assert password_step(one, user) == 302
    assert not inside(one)
    assert landed(one, "/admin/") == ENROL
    page = one.get(ENROL).content.decode()
    assert 'src="data:image/svg+xml' in page
    codes, _ = enrolled(one)
    assert len(set(codes)) == second_factor.RECOVERY_CODES
    assert inside(one)
    assert not codes_of(one.get(ACCOUNT).content.decode())
    assert noted(user)[-3:] == ["user.roles_given", "login", "second_factor.enrolled"]


def test_a_wrong_first_code_enrols_nothing() -> None:
    user, one = person(), staff.client()
    password_step(one, user)
    shown = secret_of(one.get(ENROL).content.decode())
    page = one.post(ENROL, {"token": "12"}).content.decode()
    assert "not right" in page
    assert secret_of(page) == shown
    assert not second_factor.has_factor(user)
    assert not inside(one)


def test_a_secret_that_was_shown_and_not_confirmed_is_worth_nothing_later() -> None:
    """Somebody with the password looks at the page and waits for the owner to enrol."""
    user, thief, owner = person(), staff.client(), staff.client()
    password_step(thief, user)
    stolen = secret_of(thief.get(ENROL).content.decode())
    password_step(owner, user)
    assert secret_of(owner.get(ENROL).content.decode()) != stolen
    enrolled(owner)
    assert not TOTPDevice.objects.filter(key=b32decode(stolen).hex()).exists()


def test_a_phone_is_replaced_only_with_a_code_of_the_one_before() -> None:
    user, one = person(), staff.client()
    old = staff.with_phone(user)
    password_step(one, user)
    assert landed(one, ENROL) == FACTOR
    one.post(FACTOR, {"token": staff.code(old)})
    fresh = TOTPDevice.objects.get(key=b32decode(secret_of(one.get(ENROL).content.decode())).hex())
    assert "not right" in one.post(ENROL, {"token": staff.code(fresh)}).content.decode()
    assert second_factor.has_factor(user)
    assert TOTPDevice.objects.filter(pk=old.pk).exists()
    page = one.post(ENROL, {"token": staff.code(fresh), "current": staff.code(old, 1)})
    assert len(codes_of(page.content.decode())) == second_factor.RECOVERY_CODES
    assert list(TOTPDevice.objects.filter(user=user)) == [fresh]


# --- login


def test_a_code_of_the_phone_lets_in_once() -> None:
    user, one = person(), staff.client()
    phone = staff.with_phone(user)
    password_step(one, user)
    assert landed(one, "/admin/") == FACTOR
    now = staff.code(phone)
    response = one.post(f"{FACTOR}?next={ACCOUNT}", {"token": f"{now[:3]} {now[3:]}", "next": ACCOUNT})
    assert (response.status_code, response["location"]) == (302, ACCOUNT)
    assert inside(one)
    again = staff.client()
    password_step(again, user)
    assert "not right" in again.post(FACTOR, {"token": now}).content.decode()
    assert not inside(again)


def test_the_session_id_changes_at_both_steps() -> None:
    user, one = person(), staff.client()
    phone = staff.with_phone(user)
    one.get(LOGIN)
    password_step(one, user)
    after_password = one.session.session_key
    one.post(FACTOR, {"token": staff.code(phone)})
    assert one.session.session_key != after_password
    old = staff.client()
    old.cookies["sessionid"] = str(after_password)
    assert not inside(old)


def test_a_recovery_code_lets_in_once_and_is_not_kept_in_clear() -> None:
    user, first = person(), staff.client()
    password_step(first, user)
    codes, _ = enrolled(first)
    kept = set(StaticToken.objects.values_list("token", flat=True))
    assert not kept & {code.replace("-", "") for code in codes}
    one, two = staff.client(), staff.client()
    password_step(one, user)
    one.post(FACTOR, {"token": codes[0].upper()})
    assert inside(one)
    password_step(two, user)
    assert "not right" in two.post(FACTOR, {"token": codes[0]}).content.decode()
    assert second_factor.codes_left(user) == second_factor.RECOVERY_CODES - 1
    assert "second_factor.recovery_code_used" in noted(user)


def test_new_recovery_codes_replace_the_old_ones() -> None:
    user, one = person(), staff.client()
    password_step(one, user)
    codes, _ = enrolled(one)
    assert one.get("/admin/account/codes/").status_code == 405
    fresh = codes_of(one.post("/admin/account/codes/").content.decode())
    assert not set(fresh) & set(codes)
    other = staff.client()
    password_step(other, user)
    assert "not right" in other.post(FACTOR, {"token": codes[1]}).content.decode()
    other.post(FACTOR, {"token": fresh[1]})
    assert inside(other)


def test_a_code_of_somebody_elses_phone_or_paper_is_wrong() -> None:
    user, other = person(), person()
    staff.with_phone(user)
    paper = second_factor.make_recovery_codes(other)
    theirs = staff.with_phone(other)
    one = staff.client()
    password_step(one, user)
    for code in (staff.code(theirs), paper[0], "", "x" * 400, "000000", "٠٠٠٠٠٠"):
        assert one.post(FACTOR, {"token": code}).status_code in (200, 429)
    assert not inside(one)


def test_one_may_leave_in_the_middle() -> None:
    user, one = person(), staff.client()
    password_step(one, user)
    assert one.get("/admin/account/leave/").status_code == 405
    assert one.post("/admin/account/leave/")["location"] == LOGIN
    assert landed(one, FACTOR) == LOGIN


def test_nobody_is_sent_to_another_site() -> None:
    user, one = person(), staff.client()
    phone = staff.with_phone(user)
    password_step(one, user)
    response = one.post(FACTOR, {"token": staff.code(phone), "next": "https://evil.example/"})
    assert response["location"] == "/admin/"


def test_without_the_setting_only_who_has_a_phone_is_asked() -> None:
    user, other = person(), person()
    staff.with_phone(other)
    with override_settings(ADMIN_REQUIRE_OTP=False):
        one, two = staff.client(), staff.client()
        password_step(one, user)
        assert inside(one)
        password_step(two, other)
        assert landed(two, "/admin/") == FACTOR
        assert not inside(two)


# --- the whole site


def paths() -> list[str]:
    """Every address of the web process, with something in the place of each argument."""

    def walk(patterns: list[URLPattern | URLResolver], before: str) -> Iterator[str]:
        for one in patterns:
            if isinstance(one, URLResolver):
                yield from walk(one.url_patterns, before + _filled(str(one.pattern)))
            else:
                yield before + _filled(str(one.pattern))

    return sorted(set(walk(get_resolver().url_patterns, "/")))


def _filled(pattern: str) -> str:
    plain = re.sub(r"<uuid:\w+>", "9b2f9a57-7f5e-4a1f-9a50-0d6c1d6b1f11", pattern)
    plain = re.sub(r"<(?:int:)?\w*(?:path:)?\w+>", "1", plain)
    plain = re.sub(r"\(\?P<\w+>[^)]*\)", "1", plain)
    return plain.replace("^", "").replace("$", "").replace("\\Z", "")


OPEN = {"/", "/healthz", "/metrics", LOGIN, ENROL, FACTOR, "/admin/account/leave/", "/admin/jsi18n/"}


def test_no_page_of_the_admin_opens_before_the_second_factor() -> None:
    user = User.objects.create_superuser("root", password=PASSWORD)
    staff.with_phone(user)
    one = staff.client()
    password_step(one, user)
    asked = [path for path in paths() if path not in OPEN]
    assert len(asked) > 30
    for path in asked:
        for response in (one.get(path), one.post(path)):
            assert response.status_code in (302, 404), path
            assert response.status_code == 404 or response["location"].startswith((LOGIN, "/admin/")), path


def test_what_django_otp_and_axes_would_show_is_not_there() -> None:
    user = person(Role.LEAD)
    phone = staff.with_phone(user)
    one = staff.client()
    password_step(one, user)
    one.post(FACTOR, {"token": staff.code(phone)})
    for path in ("otp_totp/totpdevice/", "otp_static/staticdevice/", "axes/accessattempt/", "auth/group/"):
        assert one.get(f"/admin/{path}").status_code == 404


# --- the lock


@pytest.fixture
def quick() -> Iterator[None]:
    with override_settings(AXES_FAILURE_LIMIT=3, ADMIN_LOCKOUT_SECONDS=120):
        yield


@pytest.mark.usefixtures("quick")
def test_who_fails_too_often_waits_even_with_the_right_password() -> None:
    user, one = person(), staff.client("198.51.100.7")
    assert [password_step(one, user, "wrong") for _ in range(3)] == [200, 200, 429]
    refused = one.post(LOGIN, {"username": user.username, "password": PASSWORD})
    assert refused.status_code == 429
    assert refused["Retry-After"] == "120"
    assert "2 minutes" in refused.content.decode()
    assert password_step(staff.client("198.51.100.8"), user) == 302
    assert noted(user)[-5:] == ["login.failed", "login.failed", "login.failed", "login.locked_out", "login"]
    lock = OperatorAction.objects.get(target=user.username, action="login.locked_out")
    assert (lock.actor, lock.detail["address"], lock.detail["failures"]) == ("", "198.51.100.7", 3)


@pytest.mark.usefixtures("quick")
def test_knocking_while_locked_out_writes_nothing_more() -> None:
    user, one = person(), staff.client("198.51.100.9")
    for _ in range(3):
        password_step(one, user, "wrong")
    before = noted(user)
    for _ in range(4):
        password_step(one, user, "wrong")
    assert noted(user) == before


@pytest.mark.usefixtures("quick")
def test_the_lock_opens_by_itself() -> None:
    user, one = person(), staff.client("198.51.100.10")
    for _ in range(3):
        password_step(one, user, "wrong")
    with override_settings(AXES_COOLOFF_TIME=timedelta(milliseconds=1)):
        time.sleep(0.002)
        assert password_step(one, user) == 302


@pytest.mark.usefixtures("quick")
def test_guessing_codes_locks_out_and_the_password_gives_no_tries_back() -> None:
    user, one = person(), staff.client("198.51.100.11")
    phone = staff.with_phone(user)
    password_step(one, user)
    for _ in range(2):
        assert one.post(FACTOR, {"token": "wrong"}).status_code == 200
    assert password_step(one, user) == 302
    assert one.post(FACTOR, {"token": "wrong"}).status_code == 429
    assert one.post(FACTOR, {"token": staff.code(phone)}).status_code == 429
    assert not inside(one)
    assert noted(user).count("second_factor.failed") == 3


@pytest.mark.usefixtures("quick")
def test_a_complete_login_forgives_what_failed_before() -> None:
    user, one = person(), staff.client("198.51.100.12")
    phone = staff.with_phone(user)
    for _ in range(2):
        password_step(one, user, "wrong")
    password_step(one, user)
    one.post(FACTOR, {"token": staff.code(phone)})
    assert inside(one)
    one.post("/admin/logout/")
    assert [password_step(one, user, "wrong") for _ in range(2)] == [200, 200]


def test_a_name_that_is_nobodys_is_not_written_down() -> None:
    """It may be a password in the wrong field."""
    one = staff.client("198.51.100.13")
    one.post(LOGIN, {"username": PASSWORD, "password": "x"})
    last = OperatorAction.objects.order_by("-id").first()
    assert last is not None
    assert (last.action, last.target) == ("login.failed", "(unknown)")
    assert not OperatorAction.objects.filter(target__contains=PASSWORD).exists()


def test_django_otp_slows_guesses_down() -> None:
    user, one = person(), staff.client("198.51.100.14")
    phone = staff.with_phone(user)
    password_step(one, user)
    with override_settings(OTP_TOTP_THROTTLE_FACTOR=1000):
        one.post(FACTOR, {"token": "000000" if staff.code(phone) != "000000" else "000001"})
        assert "not right" in one.post(FACTOR, {"token": staff.code(phone)}).content.decode()
    assert not inside(one)
