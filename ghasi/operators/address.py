"""Where a request comes from, believing exactly as many proxies as there are."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import ip_address

from django.conf import settings
from django.http import HttpRequest

_FORWARDED = "HTTP_X_FORWARDED_FOR"
UNKNOWN = "0.0.0.0"  # noqa: S104 - a client without an address, not one to listen on


def client_address(request: HttpRequest) -> str:
    """Address of the client by ADMIN_TRUSTED_PROXIES; django-axes counts failures by it."""
    return address_of(request.META, settings.ADMIN_TRUSTED_PROXIES)


def address_of(meta: Mapping[str, str], proxies: int) -> str:
    """The last `proxies` entries of X-Forwarded-For are our proxies' words; anybody can write what is left of them.

    Without proxies, or with fewer entries than proxies, it is the peer's address.
    """
    peer = meta.get("REMOTE_ADDR", "")
    entries = [one.strip() for one in meta.get(_FORWARDED, "").split(",") if one.strip()]
    found = entries[-proxies] if 0 < proxies <= len(entries) else peer
    return _valid(found) or _valid(peer) or UNKNOWN


def _valid(text: str) -> str:
    try:
        return str(ip_address(text))
    except ValueError:
        return ""
