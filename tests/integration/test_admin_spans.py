"""The admin's lists from one minute until another, on a real PostgreSQL."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.contrib import admin
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client, RequestFactory

from ghasi.correlations import dead, inbox, ledger
from ghasi.correlations.admin import PreparedSpan
from ghasi.correlations.models import DeadLetter, InboxReceipt, MessageCorrelation
from ghasi.correlations.readonly_admin import bounded_queries
from ghasi.correlations.types import PartFateKind, ReceiptFacts
from ghasi.operators.actions import note_action
from ghasi.operators.models import Operator
from tests.support import ledgerui as given

pytestmark = pytest.mark.usefixtures("django_ready")
LEDGER = "/admin/correlations/messagecorrelation/"
INBOX = "/admin/correlations/inboxreceipt/"
DEAD = "/admin/correlations/deadletter/"
AUDIT = "/admin/operators/operatoraction/"
LISTS = (LEDGER, INBOX, DEAD, AUDIT)


@pytest.fixture(autouse=True)
def nothing_else() -> Iterator[None]:
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE smpp.message_correlations")
    DeadLetter.objects.all().delete()
    InboxReceipt.objects.all().delete()
    yield
    User.objects.all().delete()
    Operator.objects.all().delete()
    connection.close()


@pytest.fixture
def viewer() -> Client:
    return given.staff("view_messagecorrelation", "view_inboxreceipt", "view_deadletter", "view_operatoraction")


@pytest.fixture
def at() -> datetime:
    """A minute the day before yesterday: no preset shows it alone."""
    return (datetime.now(UTC) - timedelta(days=2)).replace(hour=2, minute=0, second=0, microsecond=0)


def text(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M}"


def page(client: Client, path: str, **query: str) -> str:
    response = client.get(path, query)
    assert response.status_code == 200, (path, query)
    return response.content.decode()


def refused(moment: datetime, operator: UUID, kind: PartFateKind = PartFateKind.REJECTED) -> UUID:
    one = given.intent(moment, operator_id=operator)
    (part,) = given.claimed(one, moment)
    more: dict[str, Any] = {"command_status": 0x0B} if kind is PartFateKind.REJECTED else {"reason": "unanswered"}
    ledger.record([given.fate(part, moment, kind, **more)], now=moment)
    return one.message_id


def messages(html: str) -> set[UUID]:
    return {UUID(one) for one in re.findall(r'field-message_id"><a [^>]*>([0-9a-f-]{36})<', html)}


def test_what_an_operator_refused_in_ten_minutes(viewer: Client, at: datetime) -> None:
    bad, good = uuid4(), uuid4()
    for one in (bad, good):
        Operator.objects.create(operator_id=one, name=f"Operator {one}", first_seen_at=at, last_seen_at=at)
    seconds = (-1, 0, 599, 600)
    of_bad = [refused(at + timedelta(seconds=one), bad) for one in seconds]
    refused(at + timedelta(seconds=60), good)
    doubtful = refused(at + timedelta(seconds=60), bad, PartFateKind.IN_DOUBT)
    span = {"from": text(at), "until": text(at + timedelta(minutes=10))}
    assert len(messages(page(viewer, LEDGER, **span))) == 4
    html = page(viewer, LEDGER, **span, status="REJECTED", operator=str(bad))
    assert messages(html) == set(of_bad[1:3])
    assert of_bad[0] in messages(page(viewer, LEDGER, until=span["until"]))
    assert messages(page(viewer, LEDGER, **{"from": span["until"]})) == {of_bad[3]}
    assert messages(page(viewer, LEDGER, **span, list="in_doubt")) == {doubtful}
    assert messages(page(viewer, LEDGER, list="in_doubt", until=span["from"])) == set()
    assert messages(page(viewer, LEDGER, **span, q=str(of_bad[3]))) == {of_bad[3]}, "a search looks at all times"


def test_the_form_keeps_the_other_filters_and_the_links_drop_the_span(viewer: Client, at: datetime) -> None:
    span = {"from": text(at), "until": text(at + timedelta(minutes=10))}
    html = page(viewer, LEDGER, **span, status="REJECTED", span="7d")
    form = html.partition('id="span-form"')[2].partition("</form>")[0]
    assert '<input type="hidden" name="status" value="REJECTED">' in form
    assert 'name="span"' not in form
    assert f'name="from" id="id_from" value="{span["from"]}"' in form
    assert f'name="until" id="id_until" value="{span["until"]}"' in form
    links = html.partition("<summary>By time")[2].partition("</ul>")[0]
    assert "span=7d" in links
    assert "status=REJECTED" in links
    assert "from=" not in links
    assert 'class="selected"' not in links


def test_receipts_dead_letters_and_what_the_staff_did(viewer: Client, at: datetime) -> None:
    facts = ReceiptFacts(
        receipt_key=1,
        operator_id=uuid4(),
        operator_message_id="Lost77",
        lookup_keys=("lost77",),
        status="DELIVERED",
        stat="DELIVRD",
        final=True,
        error_code="000",
        done_at=None,
        taken_at=at,
        destination="93701234545",
        sender="GHASI",
    )
    inbox.take_receipts([facts], now=at)
    dead.dead_letter_index(uuid4(), 4711, "bad_sender", uuid4(), 321, at)
    note_action("anna", "drain", "operator", "somebody", reason="cable works of May", result="done", at=at)
    for path, told in ((INBOX, "Lost77"), (DEAD, "bad_sender</td>"), (AUDIT, "cable works of May")):
        after = at + timedelta(minutes=1)
        assert told in page(viewer, path, **{"from": text(at), "until": text(after)}), path
        assert told not in page(viewer, path, **{"from": text(after)}), path
        assert told not in page(viewer, path, **{"until": text(at), "from": text(at - timedelta(days=1))}), path


@pytest.mark.parametrize("path", LISTS)
def test_what_is_no_time_is_told_in_a_sentence_and_shows_nothing(viewer: Client, path: str, at: datetime) -> None:
    refused(datetime.now(UTC), uuid4())
    for query, sentence in (
        ({"from": "<b>soon"}, "“&lt;b&gt;soon” is no time"),
        ({"until": "0001-01-01T00:00+14:00"}, "is no time"),
        ({"from": "2026-05-04T02:10", "until": "2026-05-04T02:00"}, "ends before it begins"),
        ({"from": "\0"}, "is no time"),
    ):
        html = page(viewer, path, **query)
        assert sentence in html
        assert html.count('class="error"') == 1, "once"
        assert 'id="result_list"' not in html
    assert 'id="span-problem"' not in page(viewer, path, **{"from": "", "until": ""})


def test_the_span_is_served_by_the_primary_key(at: datetime) -> None:
    refused(at, uuid4())
    params = {"from": [text(at)], "until": [text(at + timedelta(minutes=10))]}
    span = PreparedSpan(
        RequestFactory().get("/"), params, MessageCorrelation, admin.site._registry[MessageCorrelation]
    )
    assert params == {}, "nothing is left for Django to look for among the columns"
    with bounded_queries():
        queryset = span.queryset(RequestFactory().get("/"), MessageCorrelation.objects.all())
        plan = queryset.order_by("-id")[:50].explain()
    assert "Seq Scan" not in plan
    assert re.search(r"Index Cond: .*id >= .*id < ", plan), plan
