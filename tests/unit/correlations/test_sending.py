"""Where a message of the staff's stands, by its parts."""

from datetime import UTC, datetime
from uuid import UUID

import pytest

from ghasi.contracts.commands import decode_command
from ghasi.correlations.sending import Part, Stage, command_of, event_of, judge
from ghasi.correlations.types import RowStatus
from tests.unit.correlations.build import MESSAGE, NOW, OPERATOR


def part(status: str, segment: int = 1, **fields: object) -> Part:
    return Part(segment, 2, 1, RowStatus(status), **fields)  # type: ignore[arg-type]


SENT = part("SUBMITTED")
DELIVERED = part("DLR_RECEIVED", dlr_state="DELIVERED")
FAILED = part("DLR_RECEIVED", dlr_state="UNDELIVERABLE")


@pytest.mark.parametrize(
    ("parts", "stage", "detail"),
    [
        ([part("PREPARED")], Stage.PREPARED, ""),
        ([SENT], Stage.SUBMITTED, ""),
        ([SENT, part("PREPARED", 2)], Stage.PREPARED, ""),
        ([part("REJECTED", retry_at=NOW, command_status=0x58)], Stage.PREPARED, "ESME_RTHROTTLED"),
        ([part("IN_DOUBT"), SENT], Stage.IN_DOUBT, ""),
        ([part("IN_DOUBT", policy_action="hold")], Stage.FAILED, "hold"),
        ([part("REJECTED", command_status=0x0B), SENT], Stage.SUBMITTED, ""),
        ([part("REJECTED", command_status=0x0B), DELIVERED], Stage.FAILED, "ESME_RINVDSTADR"),
        ([part("EXPIRED", reason="expired")], Stage.EXPIRED, "expired"),
        ([DELIVERED, SENT], Stage.SUBMITTED, ""),
        ([DELIVERED, DELIVERED], Stage.DELIVERED, ""),
        ([DELIVERED, FAILED], Stage.FAILED, "UNDELIVERABLE"),
    ],
)
def test_the_worst_and_the_slowest_part_count(parts: list[Part], stage: Stage, detail: str) -> None:
    found = judge(parts)
    assert (found.stage, found.detail) == (stage, detail)


def test_the_event_is_a_v4_and_the_message_s_own() -> None:
    event = event_of(MESSAGE)
    assert (event.version, event, event != event_of(OPERATOR)) == (4, event_of(MESSAGE), True)


def test_what_is_written_is_a_command() -> None:
    data = command_of(
        MESSAGE, OPERATOR, to="+93701234567", sender="T", text="é €", encoding="GSM7", now=NOW, lives=60
    )
    found = decode_command(data, operator_id=str(OPERATOR), now=NOW, retention_days=7)
    assert (found.message_id, found.text, found.sender) == (MESSAGE, "é €", "T")
    assert isinstance(found.event_id, UUID)
    assert (found.expires_at - datetime(2026, 4, 18, 10, 30, tzinfo=UTC)).total_seconds() == 60
