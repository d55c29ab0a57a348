"""A connection to an operator's address, TCP or TLS, or one line that says why there is none."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from dataclasses import dataclass


class ConnectFailed(Exception):
    """No connection: refused, unreachable, TLS failed, or not in time."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where to connect; `context` for TLS, `server_name` for SNI and the certificate."""

    host: str
    port: int
    context: ssl.SSLContext | None = None
    server_name: str | None = None


async def dial(endpoint: Endpoint, protocol: Callable[[], asyncio.Protocol], seconds: float) -> None:
    """Connects `protocol()` within `seconds`. Raises ConnectFailed."""
    name = endpoint.server_name or endpoint.host
    try:
        async with asyncio.timeout(seconds):
            await asyncio.get_running_loop().create_connection(
                protocol,
                endpoint.host,
                endpoint.port,
                ssl=endpoint.context,
                server_hostname=name if endpoint.context else None,
            )
    except ssl.SSLCertVerificationError as error:
        raise ConnectFailed(f"TLS: {error.verify_message}") from None
    except ssl.SSLError as error:
        raise ConnectFailed(f"TLS: {error.reason or type(error).__name__}") from None
    except TimeoutError:
        raise ConnectFailed("no connection in time") from None
    except OSError as error:
        raise ConnectFailed(f"no connection: {error.strerror or type(error).__name__}") from None
    except ValueError as error:
        # UnicodeError too: a name with an empty or overlong label has no IDNA form.
        raise ConnectFailed(f"no connection: {type(error).__name__}, look at the host name") from None
