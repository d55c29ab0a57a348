"""Judges what gateways said of PDUs against the SMSC's own log, where no worker and no ledger are in the run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from ghasi.contracts.submission import Fate

UNSENT = "told to be unsent, and seen by the SMSC"


def counted(fates: Iterable[tuple[str, str]], log: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """The counts of `figures.record` for pairs of destination and last word on it, one PDU to each destination."""
    said = dict(fates)
    seen = Counter(line["destination_addr"] for line in log if line["event"] == "submit")
    unexplained = sum(seen[to] > 0 for to, fate in said.items() if fate == Fate.NOT_SENT)
    return {
        "commands": len(said),
        "lost": sum(not seen[to] for to, fate in said.items() if fate == Fate.ACCEPTED),
        "doubled": sum(count - 1 for count in seen.values()),
        "unexplained": unexplained,
        "in_doubt": sum(fate == Fate.UNANSWERED for fate in said.values()),
        "kinds": (UNSENT,) if unexplained else (),
    }
