"""Another time of day for single processes, by libfaketime of the distribution; the monotonic clock stays true."""

from __future__ import annotations

import os
from pathlib import Path

_PLACES = (
    "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1",
    "/usr/lib/aarch64-linux-gnu/faketime/libfaketime.so.1",
    "/usr/lib64/faketime/libfaketime.so.1",
    "/usr/lib/faketime/libfaketime.so.1",
)


def library() -> str:
    """Where it is; "" where it is not installed. `LIBFAKETIME` names another place."""
    named = os.environ.get("LIBFAKETIME", "")
    return next((place for place in (named, *_PLACES) if place and Path(place).is_file()), "")


def why_not() -> str:
    """Why no clock can be set here; "" where it can."""
    return "" if library() else "needs libfaketime (on Debian: apt-get install libfaketime)"


class Clock:
    """The clock of the processes that are started with `env`."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "faketime"
        self.set(0)

    @property
    def env(self) -> dict[str, str]:
        return {
            "LD_PRELOAD": library(),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "DONT_FAKE_MONOTONIC": "1",
        }

    def set(self, seconds: int) -> None:
        """So far ahead of the true time, behind it where negative."""
        fresh = self._file.with_suffix(".new")
        fresh.write_text(f"{seconds:+d}", encoding="ascii")
        fresh.replace(self._file)
