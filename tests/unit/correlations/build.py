"""Rows and intents for the ledger's pure tests."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from ghasi.correlations.ids import row_id
from ghasi.correlations.rows import KeyedRow, Row
from ghasi.correlations.types import Intent, RowStatus

NOW = datetime(2026, 4, 18, 10, 30, tzinfo=UTC)
MESSAGE = UUID("7a9d1c34-5b6e-4f80-9a1b-2c3d4e5f6071")
EVENT = UUID("2f1c4a52-6a0e-4a6e-9c39-0d5a2a1b7c11")
OTHER = UUID("3f1c4a52-6a0e-4a6e-9c39-0d5a2a1b7c12")
OPERATOR = UUID("550e8400-e29b-41d4-a716-446655440001")


def ago(**spans: float) -> datetime:
    return NOW - timedelta(**spans)


def ahead(**spans: float) -> datetime:
    return NOW + timedelta(**spans)


def row(status: str = "PREPARED", segment: int = 1, attempt: int = 1, segments: int = 1, **fields: object) -> Row:
    given: dict[str, object] = {"event_id": EVENT, "prepared_at": ago(minutes=2), **fields}
    if status in ("SUBMITTED", "DLR_RECEIVED"):
        given.setdefault("submitted_at", ago(minutes=1))
    if status == "IN_DOUBT":
        given.setdefault("in_doubt_at", ago(minutes=2))
    return Row(
        row_id=row_id(NOW),
        enqueued_day=NOW.date(),
        message_id=MESSAGE,
        operator_id=OPERATOR,
        account_id="account",
        segment=segment,
        segments=segments,
        attempt=attempt,
        status=RowStatus(status),
        **given,  # type: ignore[arg-type]
    )


def keyed(
    status: str = "SUBMITTED", *, key: str = "abc", destination: str = "93701234567", **fields: object
) -> KeyedRow:
    """A row with an id, as a receipt finds it."""
    base = {"operator_message_id": key, "submitted_at": ago(minutes=1), **fields}
    message_id = base.pop("message_id", MESSAGE)
    plain = row(status, **base)  # type: ignore[arg-type]
    values = {name: getattr(plain, name) for name in plain.__struct_fields__} | {"message_id": message_id}
    return KeyedRow(**values, key=key, destination=destination)


def armed(**fields: object) -> Row:
    """PREPARED and named to a gateway."""
    return row("PREPARED", gateway_replica="r1", gateway_epoch="e1", **fields)  # type: ignore[arg-type]


def intent(segments: int = 1, **fields: object) -> Intent:
    given: dict[str, object] = {"event_id": EVENT, "expires_at": ahead(minutes=10), "operator_id": OPERATOR, **fields}
    return Intent(
        message_id=MESSAGE,
        requested_operator_id=OPERATOR,
        destination="93701234567",
        sender="GHASI",
        account_id="account",
        segments=segments,
        enqueued_at=ago(minutes=3),
        **given,  # type: ignore[arg-type]
    )
