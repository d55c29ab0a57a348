"""Typed settings from the environment (docs/contract.md §12): read once, refused at the start when wrong.

Every reader also takes `NAME_FILE`: a path whose content is the value, for secrets mounted as files.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn, TypeVar
from urllib.parse import urlsplit
from uuid import UUID

T = TypeVar("T")

EXIT_BAD_SETTINGS = 2


class SettingsError(Exception):
    """A setting is missing or malformed: the process must not start. The text names the variable only."""


class Env:
    """Reads one mapping of variables, `os.environ` unless a test gives another."""

    def __init__(self, variables: Mapping[str, str] | None = None) -> None:
        self._variables = os.environ if variables is None else variables

    def text(self, name: str, default: str | None = None) -> str:
        """The value, or the content of the file NAME_FILE names; SettingsError when there is neither."""
        value = self._variables.get(name, "")
        path = self._variables.get(f"{name}_FILE", "")
        if value and path:
            raise SettingsError(f"{name}: set it or {name}_FILE, not both")
        if path:
            value = _content(f"{name}_FILE", path)
        if value:
            return value
        if default is None:
            raise SettingsError(f"{name}: must be set (or {name}_FILE)")
        return default

    def printable(self, name: str, *, longest: int) -> str:
        """A text for people to read, of at most so many characters; empty where the variable is not set."""
        value = self.text(name, "")
        if len(value) > longest or not value.isprintable() or value != value.strip():
            raise SettingsError(f"{name}: must be at most {longest} printable characters, with no blank around them")
        return value

    def integer(self, name: str, default: int | None = None, *, low: int = 0, high: int = 2**31) -> int:
        return self._parsed(name, default, lambda v: _within(int(v), low, high), f"a whole number of {low} to {high}")

    def number(self, name: str, default: float | None = None, *, low: float = 0.0, high: float = 1e9) -> float:
        return self._parsed(name, default, lambda v: _within(float(v), low, high), f"a number of {low} to {high}")

    def flag(self, name: str, default: bool = False) -> bool:
        return self._parsed(name, default, _flag, "one of 1, 0, true, false, yes, no, on, off")

    def choice(self, name: str, default: str, choices: tuple[str, ...]) -> str:
        value = self.text(name, default).lower()
        if value not in choices:
            raise SettingsError(f"{name}: must be one of {', '.join(choices)}")
        return value

    def uuids(self, name: str, default: tuple[str, ...] | None = None) -> tuple[str, ...]:
        """Comma-separated UUIDs, in lower case, without repeats, in the order given."""
        return self._parsed(name, default, _uuids, "a comma-separated list of UUIDs without repeats")

    def url(self, name: str, schemes: tuple[str, ...], default: str | None = None) -> str:
        value = self.text(name, default)
        for one in value.split(","):
            parts = urlsplit(one.strip())
            if parts.scheme not in schemes or not (parts.netloc or parts.path.strip("/")):
                raise SettingsError(
                    f"{name}: must be a URL that starts with {' or '.join(s + '://' for s in schemes)}"
                )
        return value

    def path(self, name: str) -> Path | None:
        """A readable file, or None where the variable is not set."""
        value = self._variables.get(name, "")
        if not value:
            return None
        path = Path(value)
        if not path.is_file() or not os.access(path, os.R_OK):
            raise SettingsError(f"{name}: no readable file at the path it gives")
        return path

    def _parsed(self, name: str, default: T | None, parse: Callable[[str], T], rule: str) -> T:
        text = self.text(name, "" if default is not None else None)
        if not text and default is not None:
            return default
        try:
            return parse(text)
        except ValueError:
            raise SettingsError(f"{name}: must be {rule}") from None


class Rotated:
    """Called at each connection: a text as its file has it now, the last it had while that is away or empty.

    An error would end the tries of whoever connects.
    """

    def __init__(self, env: Env, name: str) -> None:
        """Raises SettingsError where there is none."""
        self._env, self._name = env, name
        self._last = env.text(name)

    def __call__(self) -> str:
        try:
            self._last = self._env.text(self._name)
        except SettingsError:
            pass
        return self._last


def _content(name: str, path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        raise SettingsError(f"{name}: no readable file at the path it gives") from None


def _within(value: T, low: object, high: object) -> T:
    if not low <= value <= high:  # type: ignore[operator]
        raise ValueError
    return value


def _flag(value: str) -> bool:
    words = {
        "1": True,
        "true": True,
        "yes": True,
        "on": True,
        "0": False,
        "false": False,
        "no": False,
        "off": False,
    }
    if value.lower() not in words:
        raise ValueError
    return words[value.lower()]


def _uuids(value: str) -> tuple[str, ...]:
    found = tuple(str(UUID(one.strip())) for one in value.split(",") if one.strip())
    if not found or len(set(found)) != len(found):
        raise ValueError
    return found


def refuse(error: SettingsError) -> NoReturn:
    """Ends the process with one clear line."""
    print(f"settings: {error}", file=sys.stderr)  # noqa: T201 - before logging is set up
    raise SystemExit(EXIT_BAD_SETTINGS)


@contextmanager
def exit_on_bad_settings() -> Iterator[None]:
    """Turns a SettingsError inside into one line on stderr and exit code 2."""
    try:
        yield
    except SettingsError as error:
        refuse(error)
