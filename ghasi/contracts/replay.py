"""The header `Smpp-Replay` (docs/contract.md §1)."""

from __future__ import annotations

from typing import Final

MOST: Final = 32_766
"""The last attempt after which another one fits the ledger's column."""


def replay_attempt(header: str | None) -> int | None:
    """Up to which attempt settled parts are to be sent again; None where the header is absent or no such number."""
    if header is None or not (header.isascii() and header.isdigit()) or len(header) > len(str(MOST)):
        return None
    attempt = int(header)
    return attempt if attempt <= MOST else None
