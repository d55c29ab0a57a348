"""The way in."""

from collections.abc import Callable

from tests.browser.chromium import Browser


def test_a_stranger_is_asked_who_he_is(visitor: Browser) -> None:
    visitor.open("/admin/")
    assert visitor.one("#id_username").is_displayed()
    assert visitor.complaints() == []


def test_staff_gets_in(visitor: Browser, login: Callable[..., tuple[str, str]]) -> None:
    name, password = login("view_operator")
    visitor.log_in(name, password)
    assert name.upper() in visitor.text("#user-tools").upper()


def test_the_superuser_gets_in(browser: Browser) -> None:
    assert "SMPP connector" in browser.text("#header")
