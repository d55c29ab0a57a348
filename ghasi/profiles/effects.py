"""When a change of a profile reaches the operator: with the next message, or with the next bind."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

from msgspec import inspect

from ghasi.profiles.merge import Change
from ghasi.profiles.reading import fields_of
from ghasi.profiles.schema import REBIND, Profile


@cache
def rebind_paths() -> frozenset[str]:
    """Dotted paths of the fields that an operator hears of in its next bind only."""
    return frozenset(
        f"{group}.{name}"
        for group, field in fields_of(Profile).items()
        if isinstance(field.type, inspect.StructType)
        for name, one in fields_of(field.type.cls).items()
        if isinstance(one.type, inspect.Metadata) and one.type.extra == REBIND
    )


def needs_rebind(changes: Iterable[Change]) -> list[str]:
    """Which of `changes` need a new bind."""
    return [one.path for one in changes if one.path in rebind_paths()]
