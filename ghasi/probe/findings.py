"""What a run concludes, one dimension at a time, and how sure it is."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import msgspec


class Certainty(StrEnum):
    """How a value is known."""

    TOLD = "told"
    """The operator showed it: no other value explains what was seen."""
    BOUNDED = "bounded"
    """At least (or at most) so much; the run did not go further."""
    OPEN = "open"
    """It cannot be told from what was seen, or not from outside at all; `ask` says whom to ask what."""


class Finding(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """One dimension. `proposes` are values for the operator's profile by dotted path (docs/profiles.md)."""

    name: str
    title: str
    certainty: Certainty
    says: str
    value: Any = None
    evidence: tuple[str, ...] = ()
    proposes: dict[str, Any] = msgspec.field(default_factory=dict)
    ask: str = ""


def told(name: str, title: str, says: str, value: Any, **more: Any) -> Finding:
    return Finding(name=name, title=title, certainty=Certainty.TOLD, says=says, value=value, **more)


def bounded(name: str, title: str, says: str, value: Any, **more: Any) -> Finding:
    return Finding(name=name, title=title, certainty=Certainty.BOUNDED, says=says, value=value, **more)


def still_open(name: str, title: str, says: str, ask: str, **more: Any) -> Finding:
    return Finding(name=name, title=title, certainty=Certainty.OPEN, says=says, ask=ask, **more)
