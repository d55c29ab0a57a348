"""Order of the states a receipt can give a part (docs/contract.md §3, docs/architecture.md). Pure.

Intermediate states never close a part; a final state never goes back to another, but for what is better news than it:
DELIVERED after EXPIRED, any final word after an UNKNOWN that the operator's profile called final. The ledger's own
EXPIRED (nothing heard for 72 h) is no word of the operator: any final word is news after it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from ghasi.contracts.events import DlrStatus
from ghasi.correlations.types import RowStatus


@dataclass(frozen=True, slots=True)
class Standing:
    """The fields of a row that a receipt may change."""

    status: RowStatus
    dlr_state: str | None = None
    error_code: str | None = None
    dlr_received_at: datetime | None = None


def advance(standing: Standing, *, state: str, final: bool, error_code: str | None, at: datetime) -> Standing:
    """The row's standing after a receipt; equal to `standing` where the receipt is no news."""
    if not _is_news(standing, state, final=final):
        return standing
    status = RowStatus.DLR_RECEIVED if final else _open(standing.status)
    return Standing(status, state, error_code, at)


def _is_news(standing: Standing, state: str, *, final: bool) -> bool:
    if standing.status is RowStatus.DLR_RECEIVED:
        return final and _better(standing.dlr_state, state)
    if standing.status is RowStatus.EXPIRED:
        return final
    return final or standing.status is RowStatus.IN_DOUBT or standing.dlr_state != state


def _better(old: str | None, new: str) -> bool:
    if old == DlrStatus.UNKNOWN:
        return new != DlrStatus.UNKNOWN
    return old == DlrStatus.EXPIRED and new == DlrStatus.DELIVERED


def _open(status: RowStatus) -> RowStatus:
    """An intermediate receipt proves that the part left, nothing more."""
    return RowStatus.SUBMITTED if status in (RowStatus.IN_DOUBT, RowStatus.PREPARED) else status
