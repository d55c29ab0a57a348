"""TCP and TLS to the operator's hosts, with the certificate shown: what a person wants to see before any bind."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import ssl
import time
from typing import Any, Final

from ghasi.operator_answer import TlsFiles
from ghasi.probe.errors import NoConnection
from ghasi.probe.facts import Certificate, Reached

_DAY: Final = 86_400


def client_context(files: TlsFiles) -> ssl.SSLContext:
    """A verifying context of TLS 1.2 or later. Raises NoConnection: a file cannot be used."""
    try:
        context = ssl.create_default_context(cafile=files.ca)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if files.cert:
            context.load_cert_chain(files.cert, files.key)
    except (OSError, ssl.SSLError) as error:
        raise NoConnection(f"the files of tls cannot be used: {type(error).__name__}") from None
    return context


async def reach(host: str, port: int, files: TlsFiles | None, *, timeout: float, now: float) -> Reached:
    """Connects once, without a word of SMPP, and closes. Never raises; `error` says what failed."""
    began = time.monotonic()
    try:
        async with asyncio.timeout(timeout):
            _, writer = await asyncio.open_connection(host, port)
    except (OSError, TimeoutError, ValueError) as error:
        return Reached(host=host, port=port, error=why(error))
    connected = time.monotonic() - began
    await _goodbye(writer)
    plain = Reached(host=host, port=port, connect_seconds=connected)
    return plain if files is None else await _with_tls(plain, files, timeout=timeout, now=now)


async def _with_tls(plain: Reached, files: TlsFiles, *, timeout: float, now: float) -> Reached:
    """The handshake as the connector makes it; where it is refused, once more only to see the certificate."""
    name = files.server_name or plain.host
    began = time.monotonic()
    try:
        seen = await _handshake(plain, client_context(files), name, timeout)
    except NoConnection as error:
        seen = await _seen_without_trust(plain, files, name, timeout)
        return _reached(plain, seen, time.monotonic() - began, now, trusted=False, error=str(error))
    return _reached(plain, seen, time.monotonic() - began, now, trusted=True, error="")


def _reached(
    plain: Reached, seen: dict[str, Any], seconds: float, now: float, *, trusted: bool, error: str
) -> Reached:
    return Reached(
        host=plain.host,
        port=plain.port,
        connect_seconds=plain.connect_seconds,
        tls_seconds=seconds,
        protocol=seen.get("protocol", ""),
        cipher=seen.get("cipher", ""),
        certificate=_certificate(seen, now) if seen.get("der") else None,
        trusted=trusted,
        error=error,
    )


async def _handshake(at: Reached, context: ssl.SSLContext, name: str, timeout: float) -> dict[str, Any]:
    """What the handshake showed. Raises NoConnection."""
    try:
        async with asyncio.timeout(timeout):
            _, writer = await asyncio.open_connection(at.host, at.port, ssl=context, server_hostname=name)
    except (OSError, TimeoutError, ValueError) as error:
        raise NoConnection(why(error)) from None
    layer: ssl.SSLObject = writer.get_extra_info("ssl_object")
    cipher = layer.cipher()
    seen: dict[str, Any] = {
        "protocol": layer.version() or "",
        "cipher": cipher[0] if cipher else "",
        "fields": layer.getpeercert() or {},
        "der": layer.getpeercert(binary_form=True),
    }
    await _goodbye(writer)
    return seen


async def _seen_without_trust(at: Reached, files: TlsFiles, name: str, timeout: float) -> dict[str, Any]:
    """The certificate of a host that is not trusted; nothing is said over such a connection."""
    loose = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    loose.check_hostname = False
    loose.verify_mode = ssl.CERT_NONE
    with contextlib.suppress(NoConnection, OSError, ssl.SSLError):
        if files.cert:
            loose.load_cert_chain(files.cert, files.key)
        seen = await _handshake(at, loose, name, timeout)
        # The standard library decodes only what it has verified: verified against itself, it tells its fields.
        own = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        own.check_hostname = False
        own.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        own.load_verify_locations(cadata=seen["der"])
        if files.cert:
            own.load_cert_chain(files.cert, files.key)
        with contextlib.suppress(NoConnection):
            seen = await _handshake(at, own, name, timeout)
        return seen
    return {}


def _certificate(seen: dict[str, Any], now: float) -> Certificate:
    fields = seen["fields"]
    end = fields.get("notAfter", "")
    return Certificate(
        subject=_name(fields.get("subject", ())),
        issuer=_name(fields.get("issuer", ())),
        names=tuple(value for _, value in fields.get("subjectAltName", ())),
        not_before=fields.get("notBefore", ""),
        not_after=end,
        days_left=int((ssl.cert_time_to_seconds(end) - now) // _DAY) if end else None,
        sha256=hashlib.sha256(seen["der"]).hexdigest(),
    )


def _name(relative: Any) -> str:
    return ", ".join(f"{key}={value}" for each in relative for key, value in each)


async def _goodbye(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with contextlib.suppress(OSError, TimeoutError):
        async with asyncio.timeout(1.0):
            await writer.wait_closed()


def why(error: BaseException) -> str:
    """A failure to connect in words."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the certificate is not trusted: {error.verify_message}"
    if isinstance(error, ssl.SSLError):
        return f"TLS failed: {error.reason or type(error).__name__}"
    if isinstance(error, TimeoutError):
        return "no connection in time"
    if isinstance(error, OSError):
        return f"no connection: {error.strerror or type(error).__name__}"
    return f"no connection: {type(error).__name__}, look at the host name"
