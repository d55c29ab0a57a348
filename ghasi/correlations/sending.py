"""A message of the staff's own, dispatched as the platform does it and followed in the ledger (docs/commands.md)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from uuid import UUID, uuid5

import msgspec

from ghasi.bus import Bus, BusSettings, Publication
from ghasi.contracts import subjects
from ghasi.contracts.commands import SmsDispatchCommand
from ghasi.correlations.models import DeadLetter, MessageCorrelation
from ghasi.correlations.rows import last_attempts
from ghasi.correlations.types import RowStatus
from ghasi.smpp.constants import status_name

CONNECT_WAIT = 5.0
_EVENTS = UUID("6f1a0d1e-52a8-4c50-9d5b-0a3c6c0f1b77")


class Stage(StrEnum):
    """How far a message has come. The last four are its end."""

    WAITING = "waiting"
    PREPARED = "prepared"
    SUBMITTED = "submitted"
    IN_DOUBT = "in doubt"
    DELIVERED = "delivered"
    FAILED = "failed"
    EXPIRED = "expired"
    DEAD = "dead"


ENDS = {Stage.DELIVERED, Stage.FAILED, Stage.EXPIRED, Stage.DEAD}


@dataclass(frozen=True, slots=True)
class Part:
    """The last try of one part as the ledger has it."""

    segment: int
    segments: int
    attempt: int
    status: RowStatus
    dlr_state: str | None = None
    operator_message_id: str | None = None
    command_status: int | None = None
    retry_at: datetime | None = None
    policy_action: str | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a message stands; `detail` says more, without number and text."""

    stage: Stage
    detail: str = ""
    parts: tuple[Part, ...] = ()

    @property
    def ended(self) -> bool:
        return self.stage in ENDS


def event_of(message_id: UUID) -> UUID:
    """The eventId under which a message is sent: the same each time, so that a repeat of the command is one, with the
    version and variant of a UUID v4 (docs/contract.md §2)."""
    return UUID(bytes=uuid5(_EVENTS, message_id.hex).bytes, version=4)


def command_of(
    message_id: UUID,
    operator_id: UUID,
    *,
    to: str,
    sender: str,
    text: str,
    encoding: str,
    now: datetime,
    lives: float,
) -> bytes:
    """The command's bytes, as the platform writes them; `lives` in seconds."""
    command = SmsDispatchCommand(
        version="1.0",
        event_id=event_of(message_id),
        message_id=message_id,
        to=to,
        sender=sender,
        text=text,
        operator_id=operator_id,
        account_id="manage.py send",
        message_type="SMS",
        encoding=encoding,  # type: ignore[arg-type]  # checked when it is decoded
        long_message_strategy="CSMS",
        enqueued_at=now.astimezone(UTC),
        expires_at=now.astimezone(UTC) + timedelta(seconds=lives),
    )
    plain: dict[str, object] = msgspec.to_builtins(command)
    return msgspec.json.encode({name: value for name, value in plain.items() if value is not None})


async def publish(operator_id: UUID, message_id: UUID, data: bytes) -> None:
    """Raises BusError."""
    bus = await Bus.connect(BusSettings.from_env(), name="send", wait=CONNECT_WAIT)
    try:
        await bus.publish(Publication(subjects.dispatch(str(operator_id)), data, str(event_of(message_id))))
    finally:
        await bus.close()


def standing_of(message_id: UUID, days: Sequence[date]) -> Standing:
    """What index and ledger say of it now. Raises DatabaseError."""
    rows = MessageCorrelation.objects.filter(message_id=message_id, enqueued_day__in=days)
    last = last_attempts(rows.order_by()).values()
    if not last:
        dead = DeadLetter.objects.filter(message_id=message_id).order_by("-at").first()
        return Standing(Stage.DEAD, dead.reason) if dead else Standing(Stage.WAITING)
    return judge([_part(row) for row in last])


def _part(row: MessageCorrelation) -> Part:
    return Part(
        segment=row.segment,
        segments=row.segments,
        attempt=row.attempt,
        status=RowStatus(row.status),
        dlr_state=row.dlr_state,
        operator_message_id=row.operator_message_id,
        command_status=row.command_status,
        retry_at=row.retry_at,
        policy_action=row.policy_action,
        reason=row.reason,
    )


def judge(parts: Sequence[Part]) -> Standing:
    """One standing from the parts' last tries; the worst part counts, and the slowest."""
    told = tuple(parts)
    if open_ones := [part for part in parts if _is_open(part)]:
        return Standing(_stage_of(open_ones), _detail(open_ones), told)
    if refused := [part for part in parts if part.status is not RowStatus.DLR_RECEIVED]:
        expired = all(part.status is RowStatus.EXPIRED for part in refused)
        return Standing(Stage.EXPIRED if expired else Stage.FAILED, _detail(refused), told)
    bad = [part for part in parts if part.dlr_state != "DELIVERED"]
    return Standing(Stage.FAILED if bad else Stage.DELIVERED, _detail(bad), told)


def _is_open(part: Part) -> bool:
    if part.status is RowStatus.REJECTED:
        return part.retry_at is not None
    if part.status is RowStatus.IN_DOUBT:
        return part.policy_action in (None, "resend")
    return part.status in (RowStatus.PREPARED, RowStatus.SUBMITTED)


def _stage_of(parts: Sequence[Part]) -> Stage:
    if any(part.status is RowStatus.IN_DOUBT for part in parts):
        return Stage.IN_DOUBT
    waits = any(part.status is not RowStatus.SUBMITTED for part in parts)
    return Stage.PREPARED if waits else Stage.SUBMITTED


def _detail(parts: Sequence[Part]) -> str:
    words = []
    for part in parts:
        word = part.dlr_state or part.reason or (part.policy_action or "")
        if part.status is RowStatus.REJECTED and part.command_status:
            word = status_name(part.command_status)
        if word and word not in words:
            words.append(word)
    return ", ".join(words)
