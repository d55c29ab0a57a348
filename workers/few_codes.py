"""Codes as labels, few enough of each operator (docs/contract.md §11)."""

from __future__ import annotations

from collections import defaultdict

from ghasi.contracts.statuses import UNKNOWN_CODES_SHOWN
from ghasi.smpp.constants import status_name

OTHER = "other"


class FewCodes:
    """Of each operator the first codes have a label of their own, all others share one."""

    def __init__(self, most: int = UNKNOWN_CODES_SHOWN) -> None:
        self._most = most
        self._shown: dict[str, set[int]] = defaultdict(set)

    def label(self, operator_id: str, code: int) -> tuple[str, bool]:
        """The label, and whether this code gets it for the first time."""
        shown = self._shown[operator_id]
        if code in shown:
            return status_name(code), False
        if len(shown) >= self._most:
            return OTHER, False
        shown.add(code)
        return status_name(code), True
