"""The gateway's span of a message's trace: one submit_sm on the wire (docs/decisions/0028-traces.md)."""

from __future__ import annotations

import time

from ghasi.contracts.submission import Fate, PartFate
from ghasi.telemetry import TRACES


def part_settled(operator_id: str, traceparent: str, fate: PartFate) -> None:
    """From the write to the response; to now where none came. Nothing for what never left, or is remembered only."""
    if not fate.sent_ms:
        return
    TRACES.span(
        "smpp.submit_sm",
        "CLIENT",
        traceparent,
        fate.sent_ms / 1000,
        fate.answered_ms / 1000 or time.time(),
        {
            "smpp.operator_id": operator_id,
            "smpp.outcome": fate.fate.value,
            "smpp.command_status": f"0x{fate.command_status:08X}",
        },
        failed=fate.fate is not Fate.ACCEPTED,
    )
