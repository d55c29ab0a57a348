"""Parts in doubt: what the first page counts is what the lists name, the shell shows and a person may settle."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from io import StringIO
from uuid import UUID, uuid4

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.utils import timezone

from ghasi.correlations import held
from ghasi.correlations.ids import row_id
from ghasi.correlations.models import MessageCorrelation
from ghasi.overview import counts
from workers import metrics
from workers.upkeep_held import HeldGauges

pytestmark = pytest.mark.usefixtures("django_ready", "nats_url")
LEDGER = "/admin/correlations/messagecorrelation/"


@pytest.fixture
def client() -> Iterator[Client]:
    client = Client(headers={"host": "localhost"})
    client.force_login(User.objects.create_superuser(f"root-{uuid4().hex[:8]}"))
    yield client
    MessageCorrelation.objects.filter(account_id="open-parts").delete()
    User.objects.all().delete()
    connection.close()


def doubtful(
    policy: str | None, reason: str = "timeout", attempt: int = 1, like: object = None
) -> MessageCorrelation:
    now = timezone.now()
    key = row_id(now)
    return MessageCorrelation.objects.create(
        id=key,
        message_id=getattr(like, "message_id", key),
        event_id=key,
        operator_id=getattr(like, "operator_id", uuid4()),
        requested_operator_id=uuid4(),
        prepared_at=now,
        expires_at=now,
        in_doubt_at=now,
        in_doubt_reason=reason,
        policy_action=policy,
        enqueued_day=now.date(),
        segment=1,
        segments=1,
        attempt=attempt,
        status="IN_DOUBT",
        account_id="open-parts",
        destination="+93790000000",
        sender="GHASI",
    )


def first_page(operator_id: UUID, now: datetime) -> tuple[bool, bool]:
    found = counts.read(now)
    return str(operator_id) in found.in_doubt, str(operator_id) in found.held


def listed(client: Client, name: str, message_id: UUID) -> bool:
    response = client.get(LEDGER, {"list": name})
    assert response.status_code == 200
    return str(message_id) in response.content.decode()


def shown(*given: str) -> list[dict[str, str]]:
    out = StringIO()
    call_command("held", "list", *given, "--json", stdout=out)
    answer: list[dict[str, str]] = json.loads(out.getvalue())["held"]
    return answer


def gauge(operator_id: UUID) -> bool:
    HeldGauges().run(timezone.now())
    return bool(metrics.parts_held.labels(str(operator_id))._value.get())


@pytest.mark.parametrize(
    ("policy", "reason", "is_open", "for_a_person", "settled"),
    [
        (None, "timeout", True, False, False),
        (None, "command_gone", True, True, True),
        (None, "command_gone_72h", True, True, True),
        (None, "command_gone:timeout", True, True, True),
        ("hold", "timeout", True, True, True),
        ("hold", "unknown_status", True, True, True),
        ("expired", "timeout", True, True, True),
        ("plan_changed", "timeout", True, True, True),
        ("fail", "timeout", True, False, True),
        ("as_sent", "timeout", True, False, False),
        ("as_failed", "timeout", True, False, False),
        ("resend", "timeout", False, False, False),
    ],
)
def test_every_place_says_the_same(
    client: Client, policy: str | None, reason: str, is_open: bool, for_a_person: bool, settled: bool
) -> None:
    """Open: nobody knows yet; for a person: it waits for one; settled: one may say what became of it."""
    part = doubtful(policy, reason)
    assert first_page(part.operator_id, timezone.now()) == (is_open, for_a_person)
    assert listed(client, "in_doubt", part.message_id) is is_open
    assert listed(client, "held", part.message_id) is for_a_person
    assert bool(shown("--operator", str(part.operator_id))) is for_a_person
    assert gauge(part.operator_id) is for_a_person
    assert bool(held.undecided([part.pk])) is settled
    assert bool(shown(str(part.message_id))) is settled, "named by its message"


@pytest.mark.parametrize("policy", [None, "hold", "expired", "fail"])
def test_what_was_tried_again_is_open_nowhere(client: Client, policy: str | None) -> None:
    part = doubtful(policy)
    doubtful("resend", attempt=2, like=part)
    assert first_page(part.operator_id, timezone.now()) == (False, False)
    assert not listed(client, "in_doubt", part.message_id)
    assert not listed(client, "held", part.message_id)
    assert shown(str(part.message_id)) == []
    assert not gauge(part.operator_id)


def test_the_list_says_what_the_policy_did(client: Client) -> None:
    part = doubtful("expired")
    [told] = shown(str(part.message_id))
    assert (told["policy"], told["reason"]) == ("expired", "timeout")


def test_what_is_too_late_is_not_sent_again_as_it_is(client: Client) -> None:
    part, out = doubtful("expired"), StringIO()
    call_command("held", "resend", str(part.message_id), "--yes", "--json", stdout=out)
    [told] = json.loads(out.getvalue())["held"]
    assert "--expires-in" in told["refused"]


def test_the_open_ones_are_found_by_an_index_among_many(client: Client) -> None:
    """Thousands that were in doubt and are settled, and as many that were sent again."""
    part = doubtful("expired")
    fill = """
    INSERT INTO smpp.message_correlations (id, message_id, event_id, operator_id, requested_operator_id, prepared_at,
        expires_at, in_doubt_at, in_doubt_reason, policy_action, enqueued_day, segment, segments, attempt, status,
        account_id, destination, sender, operator_message_keys)
    SELECT gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), %(operator)s, %(operator)s, now(), now(), now(),
        'timeout', CASE WHEN n %% 2 = 0 THEN 'resend' END, %(day)s, 1, 1, 1,
        CASE WHEN n %% 2 = 0 THEN 'IN_DOUBT' ELSE 'SUBMITTED' END, 'open-parts', '+9379' || n, 'GHASI',
        CASE WHEN n %% 2 = 1 THEN ARRAY['k' || n] END
    FROM generate_series(1, 20000) n
    """
    plans: list[str] = []

    def note(execute, sql, params, many, context):  # type: ignore[no-untyped-def]
        if "in_doubt_at" in sql and sql.lstrip().startswith("SELECT"):
            execute(f"EXPLAIN {sql}", params, many, context)
            plans.extend(line for (line,) in context["cursor"].fetchall())
        return execute(sql, params, many, context)

    with connection.cursor() as cursor:
        cursor.execute(fill, {"operator": part.operator_id, "day": timezone.now().date()})
        cursor.execute("ANALYZE smpp.message_correlations")
    with connection.execute_wrapper(note):
        assert counts.read(timezone.now()).in_doubt[str(part.operator_id)] == 1
        assert held.counts()[part.operator_id] == 1
        assert listed(client, "in_doubt", part.message_id)
        assert listed(client, "held", part.message_id)
    assert any("doubtful" in line for line in plans)
    assert not [line for line in plans if "Seq Scan on message_correlations" in line]
