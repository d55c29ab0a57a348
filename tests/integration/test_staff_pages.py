"""Every page of the admin as each role sees it: no number, sender or text without the permission, nothing inline."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from django.db import connection
from django.utils import timezone

from ghasi.bus import Bus, BusSettings
from ghasi.contracts import subjects
from ghasi.correlations import dead, inbox, ledger
from ghasi.correlations.models import DeadLetter, IdRelation, InboxReceipt, MessageCorrelation
from ghasi.correlations.types import Intent, PartFateKind, PartOutcome, ReceiptFacts
from ghasi.operators.models import Operator
from ghasi.operators.profiles import Author, save_profile
from ghasi.staff.middleware import CSP
from ghasi.staff.roles import Role
from tests.support.pages import Page, walk
from tests.support.staff import accounts, client, logged_in, person, with_phone

pytestmark = pytest.mark.usefixtures("django_ready")

NUMBER = "93701239876"
SENDER = "93709871234"
TEXT = "planted words of a message"
KINDS = (PartFateKind.ACCEPTED, PartFateKind.IN_DOUBT, PartFateKind.HELD)


@pytest.fixture(autouse=True)
def planted(nats_url: str) -> Iterator[None]:
    """Messages to the number, sent, in doubt, held and dead, and a receipt of it that fits nothing."""
    now, operator = datetime.now(UTC), uuid4()
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE smpp.message_correlations")
    for model in (DeadLetter, InboxReceipt, IdRelation, Operator):
        model.objects.all().delete()
    for kind in KINDS:
        _part(operator, kind, now)
    facts = ReceiptFacts(
        receipt_key=1,
        operator_id=operator,
        operator_message_id="Lost77",
        lookup_keys=("lost77",),
        status="DELIVERED",
        stat="DELIVRD",
        final=True,
        error_code="000",
        done_at=None,
        taken_at=now,
        destination=NUMBER,
        sender=SENDER,
    )
    inbox.take_receipts([facts], now=now)
    message = uuid4()
    seq = asyncio.run(_dead(nats_url, str(operator)))
    dead.dead_letter_index(operator, seq, "bad_sender", message, 321, now)
    Operator.objects.create(operator_id=operator, name="Roshan", first_seen_at=now, last_seen_at=now)
    IdRelation.objects.create(operator_id=operator, state="proposed", candidate="text", changed_at=now, judged_at=now)
    save_profile(f"test-{uuid4().hex[:8]}", {"pace": {"window": 3}}, Author("anna", "contract", timezone.now()))
    with accounts():
        yield
    for model in (DeadLetter, InboxReceipt, IdRelation, Operator):
        model.objects.all().delete()


def _part(operator: object, kind: PartFateKind, now: datetime) -> None:
    intent = Intent(
        message_id=uuid4(),
        event_id=uuid4(),
        operator_id=operator,  # type: ignore[arg-type]
        requested_operator_id=operator,  # type: ignore[arg-type]
        destination=f"+{NUMBER}",
        sender=SENDER,
        account_id="account",
        segments=1,
        enqueued_at=now,
        expires_at=now + timedelta(minutes=10),
    )
    (answer,) = ledger.claim([intent], replica="r1", epoch="e1", now=now, arm={})
    (part,) = answer.parts
    named = {"operator_message_id": part.row_id.hex, "lookup_keys": (part.row_id.hex,)}
    more = named if kind is PartFateKind.ACCEPTED else {"reason": "unanswered"}
    fate = PartOutcome(part.row_id, part.enqueued_day, part.message_id, kind, now, **more)  # type: ignore[arg-type]
    ledger.record([fate], now=now)


async def _dead(nats_url: str, operator: str) -> int:
    """A dead letter with everything in it; its place in SMPP_DEAD."""
    bus = await Bus.connect(BusSettings(urls=(nats_url,)), name="test")
    try:
        await bus.ensure()
        body = f'{{"destination": "+{NUMBER}", "sender": "{SENDER}", "text": "{TEXT}"}}'
        return int((await bus.js.publish(subjects.dead(operator), body.encode())).seq)
    finally:
        await bus.close()


def shown(pages: dict[str, Page], secret: str) -> list[str]:
    return [path for path, page in pages.items() if secret in page.text]


def refused(pages: dict[str, Page]) -> dict[str, list[str]]:
    """What the content security policy would not load, by page."""
    return {path: page.refused for path, page in pages.items() if page.refused}


@pytest.mark.parametrize("role", [Role.VIEWER, Role.OPERATOR])
def test_without_view_pii_no_page_shows_number_sender_or_text(role: Role) -> None:
    pages = walk(logged_in(person(role)))
    for part in MessageCorrelation.objects.all():
        assert f"/admin/correlations/messagecorrelation/{part.pk}/change/" in pages
    assert any("+9370•••76" in page.text for page in pages.values())
    for secret in (NUMBER, SENDER, TEXT):
        assert shown(pages, secret) == []
    assert refused(pages) == {}


@pytest.mark.parametrize("model", ["messagecorrelation", "inboxreceipt"])
@pytest.mark.parametrize("lookup", ["", "__startswith", "__regex", "__gte"])
@pytest.mark.parametrize(("field", "known"), [("destination", NUMBER), ("sender", SENDER)])
def test_no_address_tells_a_masked_number_digit_by_digit(model: str, lookup: str, field: str, known: str) -> None:
    one = logged_in(person(Role.VIEWER))
    answer = one.get(f"/admin/correlations/{model}/", {"span": "all", f"{field}{lookup}": known})
    assert answer.status_code == 400


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("correlations/messagecorrelation", {"account_id": "account"}),
        ("correlations/deadletter", {"reason__icontains": "sender"}),
        ("correlations/idrelation", {"candidate": "text"}),
        ("correlations/bulkaction", {"made_by": "anna"}),
    ],
)
def test_a_list_is_narrowed_by_its_own_filters_only(path: str, query: dict[str, str]) -> None:
    one = logged_in(person(Role.LEAD))
    assert one.get(f"/admin/{path}/", query).status_code == 400


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("correlations/messagecorrelation", {"status": "IN_DOUBT", "receipt": "none", "list": "held", "span": "7d"}),
        ("correlations/inboxreceipt", {"state": "waiting", "operator": str(uuid4())}),
        ("correlations/deadletter", {"reason": "rejected:", "span": "all"}),
        ("correlations/idrelation", {"state__exact": "proposed"}),
        ("correlations/bulkaction", {"state__exact": "running"}),
        ("operators/operatoraction", {"what": "login", "span": "all"}),
    ],
)
def test_the_filters_a_list_offers_work(path: str, query: dict[str, str]) -> None:
    assert logged_in(person(Role.LEAD)).get(f"/admin/{path}/", query).status_code == 200


def test_a_lead_sees_numbers_in_full_and_nothing_inline_either() -> None:
    one = logged_in(person(Role.LEAD))
    pages = walk(one)
    assert len(pages) > 20
    assert shown(pages, NUMBER)
    assert shown(pages, SENDER)
    assert refused(pages) == {}
    assert one.get("/admin/").headers["Content-Security-Policy"] == CSP


def test_the_pages_of_a_login_need_nothing_inline_either() -> None:

    user, one = person(), client()
    one.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    with_phone(user)
    for path in ("/admin/account/factor/", "/admin/account/enrol/", "/admin/login/"):
        response = one.get(path, follow=True)
        assert Page(response.content.decode()).refused == []
        assert "'unsafe" not in response.headers["Content-Security-Policy"]
