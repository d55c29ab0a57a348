"""Where and when: hosts and time zones as an operator's profile writes them. Pure."""

from __future__ import annotations

from datetime import UTC, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo

Endpoint = tuple[str, int]
"""Host and port."""


def parse_endpoint(text: str) -> Endpoint | None:
    """`host:port`, an IPv6 address in brackets; None where it is not that."""
    host, _, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    # int() takes the digits of every script, and a number of thousands of them not at all.
    number = int(port) if port.isascii() and port.isdecimal() and len(port) <= 5 else 0
    good = host and host.isprintable() and " " not in host and 1 <= number <= 65535
    return (host, number) if good else None


def shown_endpoint(one: Endpoint) -> str:
    """As `parse_endpoint` reads it."""
    host, port = one
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


@lru_cache(maxsize=64)
def find_zone(name: str) -> tzinfo | None:
    """The zone of the IANA database; None where it has none of that name."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return None


def zone_or_utc(name: str) -> tzinfo:
    """UTC where nobody knows the zone: what came past validation must not stop what follows it."""
    return find_zone(name) or UTC
