"""What the gateway hands to every operator it builds."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from ghasi.contracts.sessions import SessionRecord, WantedRecord
from ghasi.profiles.resolve import PRESETS, Resolver
from sessions_gateway.bind import SlotTools
from sessions_gateway.memory import Memory
from sessions_gateway.metrics import Metrics
from sessions_gateway.mirror import Mirror
from sessions_gateway.receipts import Receipts
from sessions_gateway.slot_keeper import Leases


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorTools:
    """What all operators of the process share."""

    replica: str
    epoch: str
    slot_tools: SlotTools
    leases: Leases
    sessions: Mirror[SessionRecord]
    memory: Memory
    metrics: Metrics
    receipts: Receipts
    changed: Callable[[str], None]
    """Called with the operator's id when its record changed."""
    want: Callable[[str, WantedRecord], Coroutine[Any, Any, None]]
    """Writes the wanted state for good."""
    resolver: Resolver = PRESETS
