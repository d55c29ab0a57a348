"""TLS towards operators: CA, client certificate, SNI, by the operator's settings; and when certificates expire."""

from __future__ import annotations

import ssl
from functools import lru_cache
from pathlib import Path

from ghasi.certificates import NotACertificate, expires_at
from ghasi.logs import get_logger
from ghasi.operator_answer import TlsFiles

EXPIRES_SOON = 30 * 86_400.0
"""Seconds before a certificate's end from which each bind says so."""

_SYSTEM = ssl.get_default_verify_paths().cafile
"""The system's authorities, where they are one file."""

log = get_logger()


class TlsUnusable(Exception):
    """A file cannot be read or does not fit. The text names which, not its content."""


def client_context(files: TlsFiles) -> ssl.SSLContext:
    """A verifying client context of TLS 1.2 or later, from the files as they are now. Raises TlsUnusable.

    The same one for the same files: loading the system's authorities alone holds up the whole process for tens of
    milliseconds, and operators whose links drop together are bound anew together.
    """
    paths = (files.ca, files.cert, files.key)
    return _context(*paths, tuple(_changed_at(path) for path in (files.ca or _SYSTEM, files.cert, files.key)))


def _changed_at(path: str | None) -> int:
    try:
        return Path(path).stat().st_mtime_ns if path else 0
    except OSError:
        return 0


@lru_cache(maxsize=256)
def _context(ca: str | None, cert: str | None, key: str | None, changed_at: tuple[int, ...]) -> ssl.SSLContext:
    """`changed_at` is of the files: what is loaded is as old as they are."""
    try:
        context = ssl.create_default_context(cafile=ca)
    except (OSError, ssl.SSLError) as error:
        raise TlsUnusable(f"tls.ca: {type(error).__name__}") from None
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if cert:
        try:
            context.load_cert_chain(cert, key)
        except (OSError, ssl.SSLError) as error:
            raise TlsUnusable(f"tls.cert, tls.key: {type(error).__name__}") from None
    return context


def expiries(files: TlsFiles, peer: bytes | None) -> dict[str, float]:
    """Unix seconds by certificate: `server`, the peer's in DER; `client`, ours as its file is now. What is unreadable
    is left out: it worked a moment ago."""
    found: dict[str, float] = {}
    try:
        if peer:
            found["server"] = expires_at(peer)
        if files.cert:
            found["client"] = expires_at(Path(files.cert).read_bytes())
    except (OSError, NotACertificate):
        pass
    return found


def tell_of_the_end(operator_id: str, expiries: dict[str, float], now: float) -> None:
    """A log line for each certificate that ends soon."""
    for certificate, at in expiries.items():
        if (left := at - now) < EXPIRES_SOON:
            log.warning("tls.expires_soon", operatorId=operator_id, subject=certificate, seconds=round(left))
