"""TLS of the simulator's servers, from the files a scenario names."""

from __future__ import annotations

import ssl
from pathlib import Path

from ghasi.simulator.config import Tls


def server_context(tls: Tls, folder: Path) -> ssl.SSLContext:
    """TLS 1.2 or later with the scenario's files. Raises OSError or ssl.SSLError: files missing or unusable."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(folder / tls.cert, folder / tls.key)
    if tls.client_ca is not None:
        context.load_verify_locations(folder / tls.client_ca)
        context.verify_mode = ssl.CERT_REQUIRED
    return context
