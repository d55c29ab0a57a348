"""How a process says that it is ready."""

import http.client
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

Ready = Callable[[], bool]


def http_ok(url: str) -> Ready:
    """Ready once a GET is answered 200."""
    parts = urlsplit(url)

    def ask() -> bool:
        connection = http.client.HTTPConnection(parts.hostname or "127.0.0.1", parts.port, timeout=2.0)
        try:
            connection.request("GET", parts.path or "/")
            return connection.getresponse().status == http.HTTPStatus.OK
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    return ask


def file_written(path: Path) -> Ready:
    """Ready once the file exists and is not empty."""

    def look() -> bool:
        try:
            return path.stat().st_size > 0
        except OSError:
            return False

    return look
