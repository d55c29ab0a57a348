"""`--profile NAME|FILE` of commands: a file, a live profile where a database is configured, or a preset."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ghasi.operators.live_profiles import LiveUnread, live_record
from ghasi.profiles import presets
from ghasi.profiles.names import as_name
from ghasi.profiles.problems import InvalidProfile
from ghasi.profiles.schema import Profile
from ghasi.profiles.writing import lines_of, placed


class NoProfile(Exception):
    """There is none of that name, or it is none; the text says what was looked at."""


@dataclass(frozen=True, slots=True)
class Named:
    """`extends` is the preset below it; `note` says what a person should know of how it was found."""

    profile: Profile
    extends: str = ""
    note: str = ""


def find(given: str) -> Named:
    """As an operator would follow the name: live before preset. What no profile is called by is a file's path.
    Raises NoProfile."""
    path = Path(given)
    if path.suffix in (".yaml", ".yml", ".json"):
        return _in_file(path)
    name, unread = as_name(given), None
    try:
        record = live_record(name)
    except LiveUnread as error:
        record, unread = None, error
    if record is not None:
        return _of(record.document or {}, f"live profile {name} version {record.version}")
    found = presets.preset(name)
    if found is not None:
        doubt = unread is not None and unread.configured
        note = f"{name} is the preset; whether a live profile hides it cannot be read ({unread})" if doubt else ""
        return Named(found, name, note)
    if path.is_file():
        return _in_file(path)
    live = "no live profile" if unread is None else f"live profiles are not read ({unread})"
    raise NoProfile(f"no file, {live}, and no preset ({', '.join(presets.names())})")


def followed(operator_id: str, name: str) -> Named | None:
    """The live profile an operator follows: its own, else the one of the name that operator management gives; None
    where there is none, or no database. Raises NoProfile: it cannot be read."""
    for key in filter(None, (operator_id, name)):
        try:
            record = live_record(key)
        except LiveUnread as error:
            if not error.configured:
                return None
            raise NoProfile(f"live profiles cannot be read ({error})") from None
        if record is not None:
            return _of(record.document or {}, f"live profile {key} version {record.version}")
    return None


def _in_file(path: Path) -> Named:
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError, ValueError):
        raise NoProfile("no file that can be read") from None
    try:
        return _named(presets.read_yaml(text) or {})
    except InvalidProfile as error:
        lines = lines_of(text)
        raise NoProfile("; ".join(placed(one, lines) for one in error.problems)) from None


def _of(document: object, what: str) -> Named:
    try:
        return _named(document)
    except InvalidProfile as error:
        raise NoProfile(f"{what} cannot be read here: {error.problems[0]}") from None


def _named(document: object) -> Named:
    below = document.get("extends") if isinstance(document, dict) else None
    return Named(presets.effective(document), below if isinstance(below, str) else "")
