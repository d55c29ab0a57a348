"""The workers' spans of a message's trace (docs/decisions/0028-traces.md). Call these only where `TRACES.on`."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from ghasi.contracts.traceparent import derived
from ghasi.correlations.types import MatchedReceipt
from ghasi.telemetry import TRACES
from workers.outgoing import Outgoing


def commands_ended(ended: Iterable[Outgoing], now: datetime) -> None:
    """From the stream's having a command to its acknowledgement; the root where the platform gave no trace."""
    for one in ended:
        given = one.given_traceparent
        TRACES.span(
            "sms.command",
            "CONSUMER",
            given or derived(one.message_id, TRACES.ratio),
            one.delivery.stored,
            now.timestamp(),
            {
                "messaging.system": "jetstream",
                "messaging.operation.type": "process",
                "messaging.message.id": str(one.message_id),
                "smpp.operator_id": one.carrier,
                "smpp.segments": len(one.pdus),
                "smpp.replica": one.replica,
            },
            root=given is None,
        )


def receipts_told(matched: Iterable[MatchedReceipt], now: datetime) -> None:
    """From the gateway's taking a receipt in to its event."""
    for one in matched:
        facts = one.facts
        TRACES.span(
            "sms.receipt",
            "CONSUMER",
            one.traceparent,
            facts.taken_at.timestamp(),
            now.timestamp(),
            {
                "messaging.system": "jetstream",
                "messaging.operation.type": "process",
                "messaging.message.id": str(one.message_id),
                "smpp.operator_id": str(facts.operator_id),
                "smpp.segment": one.segment,
                "smpp.segments": one.segments,
                "smpp.attempt": one.attempt,
                "dlr.status": facts.status,
                "dlr.final": facts.final,
            },
        )
