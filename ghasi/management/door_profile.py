"""`--profile NAME|FILE` of the commands `segment`, `receipt` and `pdu`, which work without any database: only a name
that is no preset and no file needs one."""

from __future__ import annotations

import sys
from typing import Any

from ghasi.doors import DoorError
from ghasi.explain.dialect import PLAIN, Dialect, dialect_of
from ghasi.management.profile_lookup import NoProfile, find
from ghasi.profiles.schema import Profile


def load_profile(given: str) -> Profile:
    """The effective profile. Raises DoorError: none of that name, or no valid one."""
    try:
        found = find(given)
    except NoProfile as error:
        raise DoorError("bad_profile", f"profile: {error}") from None
    if found.note:
        sys.stderr.write(f"profile: {found.note}\n")
    return found.profile


def dialect(options: dict[str, Any]) -> Dialect:
    """Of the profile among a command's options; plain without one. Raises DoorError."""
    return dialect_of(load_profile(options["profile"])) if options["profile"] else PLAIN
