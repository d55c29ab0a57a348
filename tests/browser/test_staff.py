"""The second factor, the lock and the account's own page, as in production: a web process that requires it."""

from __future__ import annotations

import time
from base64 import b32decode
from collections.abc import Callable, Iterator
from dataclasses import replace
from secrets import token_hex

import pytest
from django.contrib.auth.models import User
from django_otp.oath import totp

from ghasi.devstack import processes
from ghasi.devstack.ports import free_port, release
from ghasi.devstack.stack import Stack
from ghasi.operators.actions import OperatorAction
from ghasi.staff.accounts import has_second_factor
from tests.browser.chromium import PHONE, Browser
from tests.support.staff import STEP, with_phone

Login = Callable[..., tuple[str, str]]
NAME = "web-strict"
LOCKED_AFTER = 3


@pytest.fixture(scope="module")
def strict_site(stack: Stack) -> Iterator[str]:
    """Address of a web process beside the stack's own."""
    port = free_port()
    env = {"ADMIN_REQUIRE_OTP": "1", "ADMIN_LOCKOUT_AFTER": str(LOCKED_AFTER)}
    stack.supervisor.start(replace(processes.web(port), name=NAME, env=env))
    yield f"http://127.0.0.1:{port}"
    stack.supervisor.stop_one(NAME)
    release(port)


@pytest.fixture
def strict(visitor: Browser, strict_site: str) -> Iterator[Browser]:
    """A browser of nobody on it."""
    usual, visitor.site = visitor.site, strict_site
    yield visitor
    visitor.site = usual


def give_password(browser: Browser, name: str, password: str) -> None:
    browser.open("/admin/")
    browser.one("#id_username").send_keys(name)
    browser.one("#id_password").send_keys(password)
    browser.follow(browser.one("#login-form [type=submit]"))


def code(secret: str, steps: int = 0) -> str:
    """What an app shows for the secret now, or so many half minutes later."""
    return f"{totp(b32decode(secret), STEP, -steps * STEP):06d}"


def enter(browser: Browser, token: str) -> None:
    browser.one("#id_token").send_keys(token)
    browser.follow(browser.one("#content-main [type=submit]"))


def enrol(browser: Browser) -> tuple[str, list[str]]:
    """Secret and recovery codes."""
    secret = browser.text("#staff-secret").replace(" ", "")
    enter(browser, code(secret))
    browser.one("#recovery-codes")
    return secret, [one.text for one in browser.all("#recovery-codes code")]


def inside(browser: Browser) -> bool:
    return bool(browser.all("#user-tools"))


def test_enrol_then_log_in_with_a_code_and_with_a_recovery_code(strict: Browser, login: Login) -> None:
    name, password = login("view_operator")
    give_password(strict, name, password)
    image = strict.one(".staff-qr img")
    assert strict.until(lambda: strict.script("return arguments[0].naturalWidth > 0", image), "QR code")
    assert not inside(strict)
    strict.shoot("second-factor-enrol")
    enrolled_in = time.time() // STEP
    secret, codes = enrol(strict)
    assert len(codes) == 10
    strict.shoot("recovery-codes")
    strict.one("#codes-kept").click()
    strict.until(lambda: inside(strict), "inside")

    strict.follow(strict.one("#logout-form button"))
    strict.until(lambda: not inside(strict), "logged out")
    give_password(strict, name, password)
    strict.one("#factor-form")
    strict.look(PHONE, dark=True)
    assert strict.wider_than_screen() <= 0
    strict.shoot("second-factor-phone-dark")
    strict.look()
    # The code of the enrolment is used up; the next half minute's is good already.
    enter(strict, code(secret, 1 if time.time() // STEP == enrolled_in else 0))
    strict.until(lambda: inside(strict), "inside by code")

    strict.follow(strict.one("#logout-form button"))
    strict.until(lambda: not inside(strict), "logged out")
    give_password(strict, name, password)
    enter(strict, codes[0])
    strict.until(lambda: inside(strict), "inside by recovery code")
    assert strict.complaints() == []


def test_who_fails_too_often_is_locked_out(strict: Browser, login: Login) -> None:
    name, password = login("view_operator")
    for _ in range(LOCKED_AFTER):
        give_password(strict, name, "wrong")
    assert "locked out" in strict.text("#content")
    strict.shoot("locked-out")
    give_password(strict, name, password)
    assert "locked out" in strict.text("#content")


def test_the_account_page_logs_out_everywhere(browser: Browser) -> None:
    browser.open("/admin/account/")
    assert browser.text("#account-roles") == "lead"
    browser.shoot("account")
    browser.follow(browser.one("#log-out-everywhere"))
    browser.until(lambda: "logged out everywhere" in browser.text(), "said so")
    browser.open("/admin/")
    assert browser.one("#id_username").is_displayed()
    assert browser.complaints() == []


def test_a_lead_reads_and_filters_the_audit_list(browser: Browser) -> None:
    browser.open("/admin/operators/operatoraction/?what=login")
    assert "login" in browser.text("#result_list")
    assert browser.one("#export-csv").is_displayed()
    browser.shoot("audit")
    browser.open("/admin/auth/user/")
    browser.shoot("accounts")
    browser.follow(browser.one("#result_list .field-username a"))
    assert "Roles" in browser.text("#content-main")
    browser.shoot("account-edit")
    assert browser.complaints() == []


def test_an_account_is_made_reset_and_unlocked(browser: Browser) -> None:
    name, password = f"staff-{token_hex(4)}", "correct-horse-battery-7"
    browser.open("/admin/auth/user/add/")
    browser.one("#id_username").send_keys(name)
    browser.one("#id_password1").send_keys(password)
    browser.one("#id_password2").send_keys(password)
    browser.one("#id_groups input[type=checkbox]").click()
    browser.follow(browser.one("#user_form [name=_save]"))
    browser.until(lambda: "was added successfully" in browser.text(), "made")
    user = User.objects.get(username=name)
    assert [group.name for group in user.groups.all()] == ["viewer"]
    with_phone(user)
    for action, said in (("reset_factor", "sets up a second factor"), ("unlock_account", "may try again")):
        browser.open("/admin/auth/user/")
        browser.one(f"#result_list input.action-select[value='{user.pk}']").click()
        browser.one(f"#changelist-form select[name=action] option[value={action}]").click()
        browser.follow(browser.one("#changelist-form .actions button[type=submit]"))
        if action == "reset_factor":
            assert name in browser.text("#confirm-things")
            browser.one("#id_reason").send_keys("the phone is lost")
            browser.follow(browser.one("#confirm-yes"))
        browser.until(lambda said=said: f"{name} {said}" in browser.text().lower(), action)  # type: ignore[misc]
    assert not has_second_factor(user)
    assert browser.complaints() == []
    user.delete()


def test_the_audit_list_is_exported_and_the_export_noted(browser: Browser) -> None:
    before = OperatorAction.objects.filter(action="audit.exported").count()
    browser.open("/admin/operators/operatoraction/")
    browser.one("#export-csv").click()
    browser.until(
        lambda: OperatorAction.objects.filter(action="audit.exported").count() == before + 1, "the export is noted"
    )
    assert browser.complaints() == []
