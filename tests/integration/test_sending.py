"""How `send` follows a message in a real ledger."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from ghasi.correlations import ledger, sending
from ghasi.correlations.partitions import ledger_day
from ghasi.correlations.types import PartFateKind
from tests.support import ledgerui as given

pytestmark = pytest.mark.usefixtures("django_ready")


def test_the_parts_of_the_newest_cut_count() -> None:
    """Refused in two parts, dispatched again in one."""
    now = datetime.now(UTC)
    one = given.intent(now, segments=2)
    ledger.record([given.fate(part, now, PartFateKind.REJECTED) for part in given.claimed(one, now)], now=now)
    again = given.intent(now, message_id=one.message_id, operator_id=one.operator_id)
    [part] = given.claimed(again, now + timedelta(seconds=1))
    ledger.record([given.accepted(part, now + timedelta(seconds=2), "Again1")], now=now + timedelta(seconds=2))
    standing = sending.standing_of(one.message_id, [ledger_day(now)])
    assert [(part.segments, part.attempt) for part in standing.parts] == [(1, 2)]
