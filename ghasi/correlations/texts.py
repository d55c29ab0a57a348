"""Strings from outside made fit for a column: one bad value must not fail a whole batch."""

from __future__ import annotations

from collections.abc import Iterable
from typing import overload


@overload
def fit(value: str, limit: int) -> str: ...
@overload
def fit(value: None, limit: int) -> None: ...
def fit(value: str | None, limit: int) -> str | None:
    """At most `limit` characters, without NUL (PostgreSQL takes none) and without lone surrogates.

    They are replaced, not left out: an id with one must not become another id.
    """
    if value is None:
        return None
    if "\x00" in value:
        value = value.replace("\x00", "\ufffd")
    if not value.isascii():
        value = value.encode("utf-8", "replace").decode()
    return value[:limit]


def fit_keys(keys: Iterable[str]) -> list[str]:
    """Lookup keys as they are stored, and therefore as they must be asked for; empty ones name nothing."""
    return [fitted for key in keys if (fitted := fit(key, 128))]
