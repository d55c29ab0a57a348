"""What a person decides on the ledger's other pages: receipts without a part, dead letters, relations of ids."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from ghasi.devstack.stack import Stack
from tests.browser.chromium import PHONE, Browser
from tests.support import ledgerui as given

DEAD = "/admin/correlations/deadletter/"
INBOX = "/admin/correlations/inboxreceipt/"
IDS = "/admin/correlations/idrelation/"


@pytest.fixture(autouse=True)
def connections_closed(stack: Stack) -> Iterator[None]:
    yield
    from django.db import connections

    connections.close_all()


def lost(taken_at: datetime) -> Any:
    """A receipt that fits nothing, of which the platform was told."""
    from ghasi.correlations.models import InboxReceipt

    name = f"lost{uuid4().hex[:8]}"
    return InboxReceipt.objects.create(
        operator_id=uuid4(),
        receipt_key=uuid4().int % 10**12,
        operator_message_id=name,
        lookup_keys=[name],
        status="DELIVERED",
        stat="DELIVRD",
        final=True,
        error_code="000",
        taken_at=taken_at,
        tried_at=taken_at,
        given_up_at=taken_at + timedelta(minutes=10),
    )


def choose(browser: Browser, action: str, target: int) -> None:
    """Up to the preview of an action on one row."""
    browser.one(f"input.action-select[value='{target}']").click()
    browser.one(f"select[name=action] option[value='{action}']").click()
    browser.follow(browser.one(".actions button[name=index]"))
    browser.until(lambda: browser.all("#reason"), "the preview")


def order(browser: Browser, reason: str, outcome: str) -> None:
    browser.one("#reason").send_keys(reason)
    browser.follow(browser.one("button[value=order]"))
    browser.until(lambda: f"{outcome}, 0 left; finished" in browser.text("#progress"), outcome, 60)


def noted(target_kind: str, target: str) -> list[tuple[str, str]]:
    from ghasi.operators.models import OperatorAction

    found = OperatorAction.objects.filter(target_kind=target_kind, target=target)
    return list(found.values_list("action", "reason"))


def test_a_receipt_is_matched_again_and_discarded(browser: Browser) -> None:
    from ghasi.correlations.models import InboxReceipt

    receipt = lost(datetime.now(UTC) - timedelta(hours=1))
    listed = f"{INBOX}?q={receipt.operator_message_id}"
    browser.open(listed)
    choose(browser, "receipt.match", receipt.pk)
    order(browser, "the operator sent it late", "0 done, 1 refused")
    assert "there still is no part for it" in browser.text("#content")
    browser.open(listed)
    choose(browser, "receipt.discard", receipt.pk)
    assert "This cannot be undone" in browser.text(".bulk-warning")
    order(browser, "a test of the operator", "1 done, 0 refused")
    assert not InboxReceipt.objects.filter(pk=receipt.pk).exists()
    assert noted("receipt", receipt.operator_message_id) == [("receipt.discard", "a test of the operator")]
    browser.open(listed)
    assert not browser.all("input.action-select")
    assert browser.complaints() == []


def test_a_dead_letter_is_discarded_for_good(browser: Browser, stack: Stack) -> None:
    from ghasi.correlations.models import DeadLetter

    now = datetime.now(UTC)
    one = given.intent(now)
    letter = given.bury(stack.servers.nats_url, one, b"nonsense", "not_json", now)
    browser.open(f"{DEAD}?q={one.message_id}")
    choose(browser, "dead_letter.discard", letter.pk)
    browser.look(PHONE)
    assert browser.wider_than_screen() <= 0
    browser.look()
    order(browser, "nonsense", "1 done, 0 refused")
    assert not DeadLetter.objects.filter(pk=letter.pk).exists()
    assert noted("message", str(one.message_id)) == [("dead_letter.discard", "nonsense")]
    assert browser.complaints() == []


def relation(candidate: str) -> Any:
    from ghasi.correlations.models import IdRelation

    now = datetime.now(UTC)
    return IdRelation.objects.create(
        operator_id=uuid4(), state="proposed", candidate=candidate, changed_at=now, judged_at=now
    )


def decide(browser: Browser, action: str) -> None:
    """By the page that asks for the reason, which fits a phone."""
    browser.follow(browser.one(f"button[name=action][value={action}]"))
    browser.until(lambda: browser.all("#confirm-yes"), "asked")
    browser.look(PHONE)
    assert browser.wider_than_screen() <= 0
    browser.look()
    browser.one("#id_reason").send_keys("seen in May")
    browser.follow(browser.one("#confirm-yes"))


def test_a_relation_of_ids_is_accepted_as_it_was_seen(browser: Browser) -> None:
    row = relation("hex>dec")
    browser.open(f"{IDS}{row.pk}/change/")
    type(row).objects.filter(pk=row.pk).update(candidate="dec>hex")
    browser.follow(browser.one("button[name=action][value=accept]"))
    browser.until(lambda: browser.all(".messagelist .error"), "refused")
    assert "It has changed meanwhile: dec>hex" in browser.text(".messagelist")
    row.refresh_from_db()
    assert (row.state, row.in_force) == ("proposed", None)
    decide(browser, "accept")
    browser.until(lambda: browser.all(".messagelist .success"), "accepted")
    row.refresh_from_db()
    assert (row.state, row.in_force) == ("accepted", "dec>hex")
    decide(browser, "reject")
    browser.until(lambda: "Rejected: text" in browser.text(".messagelist"), "rejected")
    row.refresh_from_db()
    assert (row.state, row.in_force, row.rejected) == ("rejected", None, ["dec>hex"])
    assert noted("operator", str(row.pk)) == [("ids.accept", "seen in May"), ("ids.reject", "seen in May")]
    assert browser.complaints() == []


def test_who_may_only_look_at_relations_is_offered_no_decision(visitor: Browser, login: Any) -> None:
    row = relation("hex>dec")
    visitor.log_in(*login("view_idrelation"))
    visitor.open(f"{IDS}{row.pk}/change/")
    assert "hex>dec" in visitor.text("#content")
    assert not visitor.all("button[name=action]")


def test_a_number_typed_into_the_search_of_the_list_leads_to_the_form(browser: Browser) -> None:
    browser.open("/admin/correlations/messagecorrelation/")
    field = browser.one("#searchbar")
    field.send_keys("+93701999111")
    field.submit()
    browser.until(lambda: browser.all("#where-q"), "the form")
    assert "93701999111" not in browser.driver.current_url
    assert "A subscriber's number is searched for here" in browser.text(".messagelist")
    assert browser.complaints() == []
