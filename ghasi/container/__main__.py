"""`python -m ghasi.container ROLE [ARGUMENT ...]`: the image's entry point.

Becomes the role's process, so that signals reach it and its exit code is the container's. Exit code 2 with one line
on stderr for a command or a setting that cannot be.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from typing import NoReturn

from ghasi.container.health import write_note
from ghasi.container.roles import Launch, UnknownRole, launch
from ghasi.env import EXIT_BAD_SETTINGS, exit_on_bad_settings


def main() -> NoReturn:
    role = prepared()
    sys.stdout.flush()
    os.execve(role.argv[0], role.argv, {**os.environ, **role.env})  # noqa: S606 - its arguments are ours


def prepared() -> Launch:
    """The role, with its note left for the health check."""
    try:
        with exit_on_bad_settings():
            role = launch(sys.argv[1:], os.environ, temp=Path(tempfile.gettempdir()))
        write_note(role.health)
    except UnknownRole as error:
        refuse(f"command: {error}")
    except OSError as error:
        refuse(f"temporary folder: {error.strerror}")
    return role


def refuse(line: str) -> NoReturn:
    print(line, file=sys.stderr)  # noqa: T201 - nothing else is set up
    raise SystemExit(EXIT_BAD_SETTINGS)


if __name__ == "__main__":
    main()
