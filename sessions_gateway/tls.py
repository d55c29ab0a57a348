"""TLS towards operators: CA, client certificate, SNI, by the operator's settings."""

from __future__ import annotations

import ssl

from sessions_gateway.operator_settings import TlsFiles


class TlsUnusable(Exception):
    """A file cannot be read or does not fit. The text names which, not its content."""


def client_context(files: TlsFiles) -> ssl.SSLContext:
    """A verifying client context of TLS 1.2 or later. Raises TlsUnusable."""
    try:
        context = ssl.create_default_context(cafile=files.ca)
    except (OSError, ssl.SSLError) as error:
        raise TlsUnusable(f"tls.ca: {type(error).__name__}") from None
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if files.cert:
        try:
            context.load_cert_chain(files.cert, files.key)
        except (OSError, ssl.SSLError) as error:
            raise TlsUnusable(f"tls.cert, tls.key: {type(error).__name__}") from None
    return context
