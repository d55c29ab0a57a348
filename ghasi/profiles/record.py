"""A live profile as the bucket SMPP_PROFILES holds it (docs/contract.md §1)."""

from __future__ import annotations

from typing import Any

import msgspec


class ProfileRecord(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """`document` is what its author wrote, in canonical form: whoever reads it resolves `extends` himself. None: the
    profile was taken away, which a bucket that was lost would not say."""

    name: str
    version: int
    document: dict[str, Any] | None = None
    updated_at: float = 0.0
    """Unix seconds."""
