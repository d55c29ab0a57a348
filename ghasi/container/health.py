"""`python -m ghasi.container.health`: the container's own question whether what it runs is alive.

The image has one check for all roles: the entry point leaves a note of where its role answers. Asks no other server,
as docs/operations.md, "Probes", wants it.
"""

from __future__ import annotations

import http.client
import sys
import tempfile
from pathlib import Path
from urllib.parse import urlsplit

TIMEOUT_S = 3.0
NOTE = "smpp-connector.health"


def note_path() -> Path:
    """Where the entry point writes and the check reads."""
    return Path(tempfile.gettempdir()) / NOTE


def write_note(url: str | None) -> None:
    """Raises OSError where the temporary folder cannot be written to."""
    path = note_path()
    draft = path.with_suffix(".new")
    draft.write_text(url or "", encoding="ascii")
    draft.replace(path)


def problem() -> str | None:
    """What is wrong, in one line; None where the role answers, or is one that ends by itself."""
    try:
        url = note_path().read_text(encoding="ascii").strip()
    except FileNotFoundError:
        return "no role has started"
    return unanswered(url) if url else None


def unanswered(url: str) -> str | None:
    """Why `url` counts as not answered; None for a 200."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=TIMEOUT_S)
    try:
        connection.request("GET", parts.path, headers={"Host": "localhost"})
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        return f"{url}: {type(error).__name__}"
    finally:
        connection.close()
    return None if status == http.HTTPStatus.OK else f"{url}: status {status}"


def main() -> int:
    wrong = problem()
    print(wrong or "ok")  # noqa: T201 - the engine shows it with the container's state
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
