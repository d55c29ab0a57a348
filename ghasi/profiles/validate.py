"""Whether a document is a profile: all problems at once, each with its path and a sentence (docs/profiles.md).

No sentence repeats a value of the document: somebody may have written a password where it does not belong.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from ghasi.profiles.checks import CHECKS
from ghasi.profiles.problems import InvalidProfile, Problem
from ghasi.profiles.reading import BAD, read_struct
from ghasi.profiles.schema import Profile
from ghasi.profiles.status_codes import canonical_statuses

__all__ = ["InvalidProfile", "Problem", "canonical", "check", "parse"]


def canonical(document: object) -> tuple[dict[str, Any], list[Problem]]:
    """A document as the schema writes it, and its problems of form. It may be partial: `extends`, overrides."""
    problems: list[Problem] = []
    if isinstance(document, Mapping) and isinstance(document.get("statuses"), Mapping):
        document = {**document, "statuses": canonical_statuses(document["statuses"], problems)}
    found = read_struct(document, Profile, "", problems)
    return {} if found is BAD else found, problems


def parse(document: object) -> Profile:
    """A whole document as a profile, `extends` not followed. Raises InvalidProfile."""
    found, problems = canonical(document)
    profile = msgspec.convert(without_none(found), Profile)
    problems += [problem for one in CHECKS for problem in one(profile)]
    if problems:
        raise InvalidProfile(problems)
    return profile


def check(document: object) -> list[Problem]:
    """The problems `parse` would raise, none for a profile."""
    try:
        parse(document)
    except InvalidProfile as error:
        return list(error.problems)
    return []


def without_none(value: Any) -> Any:
    """What is None says "as by default" once nothing lies below any more."""
    if isinstance(value, dict):
        return {key: without_none(item) for key, item in value.items() if item is not None}
    return value
