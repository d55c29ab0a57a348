"""What the labels of our metrics may say: each has a bounded set of values (docs/contract.md §11)."""

from __future__ import annotations

from typing import Final

from ghasi.contracts.commands import DeadReason
from ghasi.contracts.sessions import State
from ghasi.contracts.topology import STREAMS
from ghasi.correlations.id_states import State as IdState

OPERATOR: Final = "operator_id"
"""Those that processes are assigned to; for others at most 200 and `other`."""
CODES: Final = "command_status"
"""Of each operator the first 32 codes by name, all others as `other` (workers/few_codes.py)."""
OPEN: Final = frozenset({OPERATOR, CODES})

_STATES = frozenset(one.value for one in State) | frozenset(one.value for one in IdState)
FIXED: Final[dict[str, frozenset[str]]] = {
    "state": _STATES,
    "pool": frozenset({"dispatch", "receipts"}),
    "direction": frozenset({"over", "back"}),
    "change": frozenset({"taken", "released", "lost"}),
    "kind": frozenset({"away", "refused", "fault"}),
    "proof": frozenset({"facts", "reference"}),
    "strategy": frozenset({"csms", "tlv", "payload"}),
    "stream": frozenset(one.name for one in STREAMS),
    "certificate": frozenset({"client", "server"}),
}
BY_CODE: Final[dict[str, str]] = {
    "status": "outcomes of an answer (sessions_gateway/metrics.py) or statuses of an event (docs/contract.md §3)",
    "reason": "reasons of dead letters (docs/contract.md §1) or of receipts that cannot be read (§3)",
    "task": "jobs of workers/upkeep.py",
}
"""Fixed words too, whose list is the code's own."""
KNOWN: Final = OPEN | FIXED.keys() | BY_CODE.keys() | {"le"}
DEAD_REASONS: Final = frozenset(one.value for one in DeadReason)
