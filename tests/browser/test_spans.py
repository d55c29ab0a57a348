"""A list from one minute until another, chosen on a phone."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from ghasi.devstack.stack import Stack
from tests.browser.chromium import PHONE, Browser

DEAD = "/admin/correlations/deadletter/"


@pytest.fixture
def letters(stack: Stack) -> Iterator[tuple[datetime, list[str]]]:
    """A minute of the day before yesterday, and messages put aside in it and ten minutes later."""
    from django.db import connections

    from ghasi.correlations import dead
    from ghasi.correlations.models import DeadLetter

    at = (datetime.now(UTC) - timedelta(days=2)).replace(second=0, microsecond=0)
    operator, messages = uuid4(), [uuid4(), uuid4()]
    for place, message in enumerate(messages):
        dead.dead_letter_index(operator, place + 1, "bad_text", message, 321, at + timedelta(minutes=10 * place))
    yield at, [str(one) for one in messages]
    DeadLetter.objects.filter(operator_id=operator).delete()
    connections.close_all()


def fill(browser: Browser, field: str, moment: datetime) -> None:
    """As the phone's own clock does it: what keys it takes is the browser's language's."""
    text = f"{moment:%Y-%m-%dT%H:%M}"
    browser.script(f"document.getElementById('{field}').value = '{text}'")


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_the_form_of_a_time(browser: Browser, letters: tuple[datetime, list[str]], dark: bool) -> None:
    at, (first, second) = letters
    browser.look(PHONE, dark=dark)
    browser.open(f"{DEAD}?letter=open")
    assert first not in browser.driver.page_source
    fill(browser, "id_from", at)
    fill(browser, "id_until", at + timedelta(minutes=10))
    browser.follow(browser.one("#span-show"))
    browser.until(lambda: first in browser.text("#result_list"), "the letter of that minute")
    assert second not in browser.driver.page_source
    assert "letter=open" in browser.driver.current_url
    assert browser.wider_than_screen() <= 0
    assert browser.one("#id_from").get_attribute("value") == f"{at:%Y-%m-%dT%H:%M}"
    fill(browser, "id_until", at - timedelta(minutes=1))
    browser.follow(browser.one("#span-show"))
    browser.until(lambda: "ends before it begins" in browser.text(".messagelist"), "the sentence")
    assert browser.wider_than_screen() <= 0
    browser.look()
    assert browser.complaints() == []
