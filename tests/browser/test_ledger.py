"""The ledger's pages as a person uses them: find a message, settle and replay with a preview, read on a phone."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any, TypeVar
from uuid import uuid4

import pytest

from ghasi.devstack.stack import Stack
from tests.browser.chromium import PHONE, Browser
from tests.support import ledgerui as given
from tests.support.platform import command

NORDWIND = "6ba7b810-9dad-41d1-80b4-00c04fd43001"
WHERE = "/admin/correlations/messagecorrelation/where/"
LEDGER = "/admin/correlations/messagecorrelation/"
DEAD = "/admin/correlations/deadletter/"
AUDIT = "/admin/operators/operatoraction/"
INBOX = "/admin/correlations/inboxreceipt/"

T = TypeVar("T")
Send = Callable[[list[dict[str, Any]]], None]


@pytest.fixture(autouse=True)
def stack_ready(stack: Stack) -> Iterator[None]:
    """The upkeep has written the operators' names down."""
    from ghasi.operators.models import Operator

    await_true(lambda: Operator.objects.filter(operator_id=NORDWIND, name="Nordwind").exists(), "operators")
    yield
    from django.db import connections

    connections.close_all()


def await_true(true: Callable[[], T], what: str) -> T:
    """The first true answer."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        if answer := true():
            return answer
        time.sleep(0.2)
    raise AssertionError(f"did not come true: {what}")


def await_row(message_id: str, **fields: Any) -> Any:
    from ghasi.correlations.models import MessageCorrelation

    rows = MessageCorrelation.objects.filter(message_id=message_id, **fields)
    return await_true(rows.all().first, f"{message_id} {fields}")


def test_a_message_is_found_by_every_name_it_has(browser: Browser, send: Send) -> None:
    sent = command(NORDWIND, "+93701230001")
    send([sent])
    row = await_row(sent["messageId"], status="DLR_RECEIVED")
    browser.open(LEDGER)
    browser.follow(browser.one(".object-tools a"))
    for name in (sent["messageId"], row.operator_message_id, "+93701230001"):
        field = browser.one("#where-q")
        field.clear()
        field.send_keys(name)
        browser.follow(browser.one(".where-form button"))
        browser.until(lambda: "Delivered: Nordwind said so" in browser.text("#content"), name)
    timeline = browser.text("#timeline")
    for kind in ("command", "permits", "claimed", "handed over", "answer", "receipt"):
        assert kind in timeline
    assert "The operator's rate let it leave." in timeline
    assert "time not kept" not in timeline
    browser.one("#look-for-events").click()
    browser.until(lambda: "SUBMIT_EVENTS, ACCEPTED." in browser.text("#timeline"), "the result")
    assert "DLR_EVENTS, DELIVERED." in browser.text("#timeline")
    browser.shoot("where")
    browser.look(PHONE, dark=True)
    assert browser.wider_than_screen() <= 0
    assert " UTC" in browser.text("#timeline .when")
    assert cut_off(browser, "#parts td") == []
    browser.shoot("where-phone")
    assert browser.complaints() == []


def test_without_the_permission_numbers_are_masked(visitor: Browser, login: Any, send: Send) -> None:
    sent = command(NORDWIND, "+93701230777")
    send([sent])
    await_row(sent["messageId"])
    visitor.log_in(*login("view_messagecorrelation"))
    visitor.open(f"{WHERE}?q={sent['messageId']}")
    assert "+9370•••77" in visitor.text(".facts")
    assert "93701230777" not in visitor.driver.page_source
    visitor.open(f"{WHERE}?q=93701230777")
    assert "Nothing is known by this name" in visitor.text("#standing")


def test_held_parts_are_settled_with_a_preview(browser: Browser, stack: Stack) -> None:
    now = datetime.now(UTC)
    ones = [given.held(now, operator_id=stack_operator())[0] for _ in range(3)]
    browser.open(f"{LEDGER}?list=in_doubt")
    assert browser.text("[data-filter-title=time] .selected") == "All"
    browser.shoot("in-doubt")
    browser.open(f"{LEDGER}?list=held")
    browser.one("#action-toggle").click()
    choose(browser, "part.settle_as_failed")
    browser.until(lambda: "will be done" in browser.text("#plan"), "the preview")
    assert "The platform may send a failed message again" in browser.text("#content")
    browser.shoot("bulk-preview")
    browser.look(PHONE)
    assert browser.wider_than_screen() <= 0
    browser.look()
    browser.one("#reason").send_keys("the operator says it never took them")
    browser.follow(browser.one("button[value=order]"))
    browser.until(lambda: "left; finished" in browser.text("#progress"), "carried out", 60)
    browser.shoot("bulk-done")
    for one in ones:
        await_row(str(one.message_id), status="REJECTED", policy_action="failed")
    browser.open(f"{LEDGER}?q={ones[0].message_id}")
    browser.follow(browser.one(".field-timeline a"))
    browser.until(lambda: browser.all("#timeline"), "the timeline")
    assert "the operator says it never took them" in browser.text("#timeline")
    assert browser.complaints() == []


def test_a_dead_letter_is_replayed_and_reloading_does_not_do_it_again(browser: Browser, send: Send) -> None:
    refused = command(NORDWIND, "+93701230404")
    send([refused])
    await_row(refused["messageId"], status="REJECTED")
    letter = await_letter(refused["messageId"])
    browser.open(f"{DEAD}?q={refused['messageId']}")
    browser.one(f"input.action-select[value='{letter.pk}']").click()
    choose(browser, "dead_letter.replay")
    browser.until(lambda: browser.all("#reason"), "the preview")
    browser.one("#reason").send_keys("number was corrected at the operator")
    browser.follow(browser.one("button[value=order]"))
    browser.until(lambda: "1 done, 0 refused, 0 left; finished" in browser.text("#progress"), "replayed", 60)
    browser.driver.refresh()
    browser.driver.back()
    browser.driver.forward()
    await_row(refused["messageId"], attempt=2, status="REJECTED")
    from ghasi.correlations.models import MessageCorrelation

    assert MessageCorrelation.objects.filter(message_id=refused["messageId"]).count() == 2
    browser.open(f"{WHERE}?q={refused['messageId']}")
    assert "Staff: dead_letter.replay." in browser.text("#timeline")
    browser.shoot("where-replayed")


def test_a_part_in_doubt_is_sent_again_once(browser: Browser, stack: Stack) -> None:
    from ghasi.correlations.models import MessageCorrelation

    now = datetime.now(UTC)
    one, [part] = given.held(now, operator_id=stack_operator())
    given.bury(stack.servers.nats_url, one, given.command(one), "in_doubt:hold", now)
    browser.open(f"{LEDGER}?q={one.message_id}")
    browser.one(f"input.action-select[value='{part.row_id}']").click()
    choose(browser, "part.resend")
    browser.until(lambda: "1 of 1 will be done" in browser.text("#plan"), "the preview")
    assert "Possible duplicate:" in browser.text("#content")
    browser.look(PHONE)
    assert browser.wider_than_screen() <= 0
    browser.look()
    browser.one("#reason").send_keys("the operator never saw it")
    browser.follow(browser.one("button[value=order]"))
    browser.until(lambda: "1 done, 0 refused, 0 left; finished" in browser.text("#progress"), "sent again", 60)
    browser.driver.refresh()
    again = await_row(str(one.message_id), attempt=2, status="DLR_RECEIVED")
    assert again.possible_duplicate
    assert MessageCorrelation.objects.filter(message_id=one.message_id).count() == 2
    browser.open(f"{WHERE}?q={one.message_id}")
    assert "Delivered: Nordwind said so" in browser.text("#content")
    assert "Staff: part.resend." in browser.text("#timeline")
    assert "the operator never saw it" in browser.text("#timeline")
    browser.open(f"{LEDGER}?q={one.message_id}")
    browser.one(f"input.action-select[value='{part.row_id}']").click()
    choose(browser, "part.resend")
    browser.until(lambda: "None of the 1 chosen can be done" in browser.text("#plan"), "refused")
    assert not browser.all("button[value=order]")
    assert browser.complaints() == []


def test_who_looks_for_a_number_is_in_the_audit_list(browser: Browser) -> None:
    browser.open(WHERE)
    browser.one("#where-q").send_keys("+93701230999")
    browser.follow(browser.one(".where-form button"))
    browser.until(lambda: "Nothing is known by this name" in browser.text("#standing"), "searched")
    browser.driver.refresh()
    browser.open("/admin/operators/operatoraction/?q=where.destination")
    rows = [row.text for row in browser.all("#result_list tbody tr") if "+9370•••99" in row.text]
    assert len(rows) == 1
    assert "93701230999" not in browser.driver.page_source
    assert browser.complaints() == []


def test_the_lists_are_readable_and_complain_of_nothing(browser: Browser) -> None:
    for name, path in (("correlations", LEDGER), ("dead-letters", DEAD), ("inbox", INBOX)):
        browser.open(path)
        assert browser.all("#changelist")
        browser.shoot(name)
    browser.open(f"{LEDGER}?status=REJECTED&operator={NORDWIND}")
    assert browser.all("#changelist")
    assert browser.complaints() == []


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize(
    ("name", "path", "cells"),
    [
        ("correlations", LEDGER, ("status", "carrier", "masked_destination, .field-destination")),
        ("dead-letters", DEAD, ("reason", "carrier", "message_id")),
        ("audit", AUDIT, ("actor", "done_to", "result")),
    ],
)
def test_a_list_is_read_on_a_phone_without_scrolling_sideways(
    browser: Browser, send: Send, name: str, path: str, cells: tuple[str, ...], dark: bool
) -> None:
    """Every column's value is within the screen, with its name before it."""
    if name == "correlations":
        send([command(NORDWIND, "+93701234588", "Your code is 482913")])
    if name == "dead-letters":
        given_letter()
    browser.look(PHONE, dark=dark)
    row = "#result_list tbody tr:first-child"
    browser.until(lambda: browser.open(path) or browser.all(row), "a row")
    assert browser.wider_than_screen() <= 0
    assert cut_off(browser, f"{row} td, {row} th") == []
    for cell in cells:
        shown = browser.one(f"{row} .field-{cell}")
        assert shown.is_displayed()
        assert shown.get_attribute("data-label")
    browser.shoot(f"{name}-phone{'-dark' if dark else ''}")
    assert browser.complaints() == []


def cut_off(browser: Browser, cells: str) -> list[str]:
    """Classes of the cells that reach beyond the screen, or whose content reaches beyond them."""
    found = browser.script(
        "return [...document.querySelectorAll(arguments[0])]"
        ".filter(one => one.getBoundingClientRect().right > window.innerWidth + 1"
        " || one.scrollWidth > one.clientWidth + 1).map(one => one.className || one.textContent)",
        cells,
    )
    return [str(one) for one in found]


def given_letter() -> None:
    from ghasi.correlations import dead

    dead.dead_letter_index(NORDWIND, time.time_ns() // 1000, "bad_sender", uuid4(), 321, datetime.now(UTC))


def stack_operator() -> Any:
    from uuid import UUID

    return UUID(NORDWIND)


def choose(browser: Browser, action: str) -> None:
    browser.one(f"select[name=action] option[value='{action}']").click()
    browser.follow(browser.one(".actions button[name=index]"))


def await_letter(message_id: str) -> Any:
    from ghasi.correlations.models import DeadLetter

    return await_true(DeadLetter.objects.filter(message_id=message_id).all().first, "dead letter")
