"""The admin's first page: whether everything is all right, live."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from ghasi.devstack.stack import Stack
from tests.browser.chromium import PHONE, Browser
from tests.support.platform import command

NORDWIND, SEEBLICK = "6ba7b810-9dad-41d1-80b4-00c04fd43001", "6ba7b810-9dad-41d1-80b4-00c04fd43002"
Send = Callable[[list[dict[str, Any]]], None]


@pytest.fixture(scope="module")
def traffic(stack: Stack, send: Send) -> None:
    """Something to see: delivered, undelivered, refused, without a receipt."""
    numbers = ["+93701234567"] * 20 + ["+93701234027"] * 3 + ["+93701234404"] * 2 + ["+93701234000"]
    send([command(operator, to) for operator in (NORDWIND, SEEBLICK) for to in numbers])


def cell(browser: Browser, label: str, operator_id: str = NORDWIND) -> str:
    return browser.text(f'#overview-{operator_id} [data-label="{label}"]')


def at_least(number: int, word: str, text: str) -> bool:
    """Other modules' messages went over the same stack in these minutes."""
    found = re.search(rf"\b{word} (\d+)", text)
    return found is not None and int(found[1]) >= number


@pytest.mark.usefixtures("traffic")
def test_it_tells_how_each_operator_stands(browser: Browser) -> None:
    browser.open("/admin/")
    for operator_id in (NORDWIND, SEEBLICK):
        browser.until(lambda operator_id=operator_id: "BOUND" in cell(browser, "State", operator_id))
    assert re.search(r"since \d{4}-\d\d-\d\d \d\d:\d\d:\d\d", cell(browser, "State"))
    assert cell(browser, "Binds") == "1 of 1"
    assert "of 100" in cell(browser, "TPS")
    assert "of 20" in cell(browser, "Window")
    browser.until(lambda: cell(browser, "Backlog").startswith("0"), "an empty backlog")
    browser.until(lambda: at_least(20, "delivered", cell(browser, "Receipts, 5 min")), "receipts of the last minutes")
    assert at_least(3, "undeliverable", cell(browser, "Receipts, 5 min"))
    browser.until(lambda: int(cell(browser, "Dead, 24 h")) >= 2, "dead letters")
    assert "Correlations" in browser.text("#content-main")
    assert browser.complaints() == []


@pytest.mark.usefixtures("traffic")
def test_the_charts_of_the_last_hour(browser: Browser) -> None:
    browser.open("/admin/")
    browser.until(lambda: "taken " in browser.text_of("#chart-submits desc"), "a chart with figures")
    for key in ("submits", "receipts", "answers", "wire"):
        assert browser.text_of(f"#chart-{key} title")
        drawn = browser.all(f"#chart-{key} > svg .line.good")
        assert any(one.get_attribute("d") for one in drawn)
        assert "The last hour" in browser.text_of(f"#chart-{key} desc")
    browser.one("#chart-submits summary").click()
    browser.until(lambda: "refused for good" in browser.text("#chart-submits table").lower(), "the table")
    shown = browser.text(".live-time")
    browser.until(lambda: browser.text(".live-time") != shown, "a newer time")
    assert browser.one("#chart-submits details").get_attribute("open"), "an opened table stays open"
    browser.one("#chart-submits summary").click()
    browser.shoot("overview")


@pytest.mark.usefixtures("traffic")
def test_the_charts_of_one_operator(browser: Browser) -> None:
    browser.open("/admin/")
    browser.one(f"#choose-{SEEBLICK}").click()
    browser.until(lambda: "Seeblick" in browser.text("#charts-head"), "its charts")
    shown = browser.text(".live-time")
    browser.until(lambda: browser.text(".live-time") != shown, "a newer time")
    assert "Seeblick" in browser.text("#charts-head")


def test_it_follows_what_happens_without_reloading(
    browser: Browser, stack: Stack, send: Send, bound_again: None
) -> None:
    browser.open("/admin/")
    browser.until(lambda: "BOUND" in cell(browser, "State"))
    browser.script("window.neverReloaded = true")
    main = browser.driver.current_window_handle
    browser.driver.switch_to.new_window("tab")
    browser.open(f"/admin/operators/operator/{NORDWIND}/order/drain/")
    browser.one("#id_reason").send_keys("cable works")
    browser.follow(browser.one("#order-confirm"))
    browser.one(".messagelist")
    browser.driver.close()
    browser.driver.switch_to.window(main)
    browser.until(lambda: "UNBOUND" in cell(browser, "State"), "unbound")
    browser.until(lambda: "cable works" in browser.text("#verdict"), "the reason")
    send([command(NORDWIND)])
    browser.until(lambda: re.match(r"1\b.*oldest since", cell(browser, "Backlog"), re.DOTALL), "a backlog")
    assert browser.script("return window.neverReloaded")
    browser.shoot("overview-unbound")


@pytest.fixture
def bound_again(stack: Stack) -> Iterator[None]:
    yield
    from ghasi.bus import BusSettings
    from ghasi.operators.control import Order, carry_out

    carry_out(BusSettings((stack.servers.nats_url,)), [Order(NORDWIND, "bind", "test", "over")])
    stack.await_bound(timeout=60.0)


def test_an_operator_that_is_down_is_an_alarm(browser: Browser, stack: Stack) -> None:
    stack.supervisor.stop_one("simulator")
    try:
        browser.open("/admin/")
        browser.until(lambda: browser.all("#verdict.bad"), "an alarm")
        assert "is UNBOUND" in browser.text("#verdict")
        browser.shoot("overview-alarm")
    finally:
        stack.supervisor.restart("simulator")
        stack.await_bound(timeout=60.0)
    browser.until(lambda: not browser.all("#verdict.bad"), "all right again")


@pytest.mark.usefixtures("traffic")
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_it_fits_a_phone(browser: Browser, dark: bool) -> None:
    browser.look(PHONE, dark=dark)
    browser.open("/admin/")
    browser.until(lambda: "BOUND" in cell(browser, "State"))
    assert browser.wider_than_screen() <= 0
    browser.shoot(f"overview-phone{'-dark' if dark else ''}")


@pytest.mark.usefixtures("traffic")
def test_in_the_dark(browser: Browser) -> None:
    browser.look(dark=True)
    browser.open("/admin/")
    browser.until(lambda: "BOUND" in cell(browser, "State"))
    background = browser.script("return getComputedStyle(document.body).backgroundColor")
    assert background == "rgb(18, 18, 18)"
    browser.shoot("overview-dark")


def test_who_may_not_see_operators_sees_lists_only(visitor: Browser, login: Callable[..., tuple[str, str]]) -> None:
    visitor.log_in(*login("view_deadletter"))
    visitor.open("/admin/")
    assert not visitor.all("#overview")
    assert "Dead letters" in visitor.text("#content-main")
    visitor.open("/admin/overview/part/")
    assert "403" in visitor.text("h1")
