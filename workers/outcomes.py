"""From what the ledger settled to the events the platform is told (docs/contract.md §3, §5). Pure.

Every event's id follows from its facts: told twice, it is the same event with the same `Nats-Msg-Id`.
"""

from __future__ import annotations

import hashlib
import uuid
from datetime import UTC, datetime
from functools import lru_cache

from msgspec import UNSET, UnsetType

from ghasi.contracts import subjects
from ghasi.contracts.events import (
    DlrInboundEvent,
    DlrStatus,
    SubmitResult,
    SubmitResultEvent,
    encode_event,
    stable_id,
    uuid_text,
)
from ghasi.contracts.publication import Publication
from ghasi.correlations.types import MatchedReceipt, MessageOutcome, PartState, ReceiptFacts, RowStatus
from ghasi.smpp.constants import status_name

_RESULTS = {
    RowStatus.SUBMITTED: SubmitResult.ACCEPTED,
    RowStatus.DLR_RECEIVED: SubmitResult.ACCEPTED,
    RowStatus.EXPIRED: SubmitResult.EXPIRED,
    RowStatus.REJECTED: SubmitResult.REJECTED,
    RowStatus.IN_DOUBT: SubmitResult.IN_DOUBT,
}
_WORST_FIRST = (SubmitResult.IN_DOUBT, SubmitResult.REJECTED, SubmitResult.EXPIRED, SubmitResult.ACCEPTED)
_WITH_MICROSECONDS = len("2026-04-18T10:30:00.000001+00:00")
_OUR_OWN = {RowStatus.REJECTED: DlrStatus.REJECTED, RowStatus.EXPIRED: DlrStatus.EXPIRED}


def message_publications(message: MessageOutcome, *, now: datetime) -> list[Publication]:
    """The result of a message, and a receipt of our own for each part the operator will never send one for: refused
    for good, given up in doubt, or expired unsent (docs/contract.md §3). Nothing while a part is pending."""
    parts = message.parts
    if len(parts) == 1 and parts[0].status is RowStatus.SUBMITTED and parts[0].retry_at is None:
        return [_publication(message, SubmitResult.ACCEPTED, parts[0], now)]
    if any(_is_pending(part) for part in parts) or not parts:
        return []
    result = result_of(message)
    own = [_own_receipt(message, part, now) for part in parts if _never_accepted(part)]
    return [_publication(message, result, _worst(message, result), now), *own]


def receipt_publications(receipt: MatchedReceipt, *, now: datetime) -> list[Publication]:
    """The event of a receipt whose part is known; where it settled a part in doubt, the message's result too."""
    published = [_matched(receipt)]
    if receipt.settled is not None:
        published += message_publications(receipt.settled, now=now)
    return published


def unmatched_publication(facts: ReceiptFacts) -> Publication:
    """The event of a receipt the inbox gave up on: `messageId` is null (docs/contract.md §3)."""
    msg_id = stable_id(facts.receipt_key, "unmatched")
    event = DlrInboundEvent(
        event_id=event_id_of(msg_id),
        occurred_at=iso(facts.taken_at),
        message_id=None,
        operator_message_id=facts.operator_message_id,
        operator_id=operator_text(facts.operator_id),
        status=DlrStatus(facts.status),
        delivered_at=_delivered_at(facts),
        smpp_error_code=facts.error_code,
        stat=facts.stat,
        final=facts.final,
        segment=None,
        segments=None,
        error_code=facts.error_code,
        cause=facts.cause,
        tlvs=_tlvs(facts),
        submitted_at=None,
    )
    return _dlr(event, msg_id)


def result_of(message: MessageOutcome) -> SubmitResult:
    """The worst part wins; a part with a receipt was accepted, as was one of which nothing was heard after that.
    Raises ValueError while every part is pending."""
    if len(message.parts) == 1 and (only := _part_result(message.parts[0])) is not None:
        return only
    found = {_part_result(part) for part in message.parts}
    for result in _WORST_FIRST:
        if result in found:
            return result
    raise ValueError("no part is settled")


def command_status_of(message: MessageOutcome) -> str | None:
    """The name of the worst part's command_status; None where the operator said nothing or ESME_ROK."""
    return _status_of(_worst(message, result_of(message)))


def _status_of(part: PartState) -> str | None:
    return status_name(part.command_status) if part.command_status else None


def iso(moment: datetime) -> str:
    """ISO 8601 in UTC with milliseconds, as all events write their times."""
    if moment.tzinfo is not UTC:
        moment = moment.astimezone(UTC)
    # A third of the time of `timespec`, several times an event.
    text = moment.isoformat()
    return f"{text[:23]}Z" if len(text) == _WITH_MICROSECONDS else f"{text[:19]}.000Z"


@lru_cache(maxsize=4096)
def operator_text(operator_id: uuid.UUID) -> str:
    """An operator's id as events write it: there are few, and each is written many times."""
    return str(operator_id)


# Operators give the minute, which thousands of receipts share.
_iso_of_minute = lru_cache(maxsize=1024)(iso)
# Results of one batch have one time; a few batches are told at once.
_iso_of_batch = lru_cache(maxsize=16)(iso)


def _is_pending(part: PartState) -> bool:
    return part.status is RowStatus.PREPARED or part.retry_at is not None


def _never_accepted(part: PartState) -> bool:
    """Refused for good, given up in doubt, or expired before it left: not a part that left and of which nothing was
    heard."""
    return (
        part.failed
        or part.status is RowStatus.REJECTED
        or (part.status is RowStatus.EXPIRED and part.submitted_at is None)
    )


def _worst(message: MessageOutcome, result: SubmitResult) -> PartState:
    """The first part, in order, that has the message's result."""
    return next(part for part in message.parts if _part_result(part) is result)


def _part_result(part: PartState) -> SubmitResult | None:
    if part.failed:
        return SubmitResult.REJECTED
    if part.status is RowStatus.EXPIRED and part.submitted_at is not None:
        return SubmitResult.ACCEPTED
    return _RESULTS.get(part.status)


def _publication(message: MessageOutcome, result: SubmitResult, worst: PartState, now: datetime) -> Publication:
    attempt = max([part.attempt for part in message.parts])
    message_id = str(message.message_id)
    msg_id = stable_id(message_id, attempt, result.value)
    event = SubmitResultEvent(
        event_id=event_id_of(msg_id),
        occurred_at=_iso_of_batch(now),
        message_id=message_id,
        account_id=message.account_id,
        operator_id=operator_text(message.operator_id),
        result=result,
        segments=len(message.parts),
        operator_message_ids=[part.operator_message_id for part in message.parts],
        command_status=_status_of(worst),
        reason=worst.reason,
        possible_duplicate=any(part.possible_duplicate for part in message.parts),
        attempt=attempt,
    )
    return Publication(subjects.SUBMIT_RESULT, encode_event(event), msg_id, _headers(message.traceparent))


def _own_receipt(message: MessageOutcome, part: PartState, now: datetime) -> Publication:
    status = DlrStatus.REJECTED if part.failed else _OUR_OWN[part.status]
    msg_id = stable_id(message.message_id, part.segment, part.attempt, status.value)
    event = DlrInboundEvent(
        event_id=event_id_of(msg_id),
        occurred_at=iso(now),
        message_id=str(message.message_id),
        operator_message_id=_or_placeholder(None, message.message_id, part.segment),
        operator_id=operator_text(part.operator_id),
        status=status,
        delivered_at=None,
        smpp_error_code=None,
        stat=None,
        final=True,
        segment=part.segment,
        segments=len(message.parts),
        error_code=None,
        submitted_at=None,
        traceparent=message.traceparent,
    )
    return _dlr(event, msg_id)


def _matched(receipt: MatchedReceipt) -> Publication:
    facts = receipt.facts
    message_id = str(receipt.message_id)
    done = _iso_of_minute(facts.done_at) if facts.done_at else None
    msg_id = stable_id(
        message_id, receipt.segment, receipt.attempt, facts.stat, facts.error_code, done, facts.receipt_key
    )
    taken = iso(facts.taken_at)
    event = DlrInboundEvent(
        event_id=event_id_of(msg_id),
        occurred_at=taken,
        message_id=message_id,
        operator_message_id=_or_placeholder(receipt.operator_message_id, receipt.message_id, receipt.segment),
        operator_id=operator_text(facts.operator_id),
        status=DlrStatus(facts.status),
        delivered_at=(done or taken) if facts.status == DlrStatus.DELIVERED else None,
        smpp_error_code=facts.error_code,
        stat=facts.stat,
        final=facts.final,
        segment=receipt.segment,
        segments=receipt.segments,
        error_code=facts.error_code,
        cause=facts.cause,
        tlvs=_tlvs(facts),
        submitted_at=iso(receipt.submitted_at) if receipt.submitted_at else None,
        traceparent=receipt.traceparent,
    )
    return _dlr(event, msg_id)


def _dlr(event: DlrInboundEvent, msg_id: str) -> Publication:
    return Publication(subjects.DLR_INBOUND, encode_event(event), msg_id, _headers(event.traceparent))


def _tlvs(facts: ReceiptFacts) -> dict[str, str] | UnsetType:
    return dict(facts.tlvs) if facts.tlvs else UNSET


def _or_placeholder(operator_message_id: str | None, message_id: uuid.UUID, segment: int) -> str:
    """A known consumer drops repeats by this field alone, so that it must differ from part to part."""
    return operator_message_id or f"none:{message_id}:{segment}"


def _delivered_at(facts: ReceiptFacts) -> str | None:
    if facts.status != DlrStatus.DELIVERED:
        return None
    return iso(facts.done_at or facts.taken_at)


def event_id_of(msg_id: str) -> str:
    """A UUID v4 by its form, always the same for one `Nats-Msg-Id`: who remembers event ids drops a repeat that comes
    after the stream's duplicate window."""
    return uuid_text(hashlib.sha256(msg_id.encode()).digest(), 4)


def _headers(traceparent: str | None) -> dict[str, str]:
    return {subjects.HEADER_TRACEPARENT: traceparent} if traceparent else {}
