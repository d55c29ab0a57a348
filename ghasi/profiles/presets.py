"""Profiles that come with the connector: presets/*.yaml, each over the one it `extends` (docs/profiles.md)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Any, Final

import yaml

from ghasi.profiles.merge import overlay
from ghasi.profiles.problems import InvalidProfile, Problem
from ghasi.profiles.schema import Profile
from ghasi.profiles.validate import canonical, parse
from ghasi.yamlfile import parse as parse_yaml

PLAIN_NAME: Final = "plain"
Lookup = Callable[[str], Mapping[str, Any] | None]
"""The canonical, complete document of a preset by name; None where there is none."""


@cache
def names() -> tuple[str, ...]:
    """Names of all presets, plain first."""
    found = sorted(one.name.removesuffix(".yaml") for one in _folder().iterdir() if one.name.endswith(".yaml"))
    return (PLAIN_NAME, *(name for name in found if name != PLAIN_NAME))


@cache
def preset(name: str) -> Profile | None:
    """The effective profile of a preset, or None."""
    document = preset_data(name)
    return None if document is None else parse(document)


@cache
def preset_data(name: str) -> Mapping[str, Any] | None:
    """A preset as canonical data, what it extends already laid under it."""
    if name not in names():
        return None
    return extended(parse_yaml(source(name)))


@cache
def source(name: str) -> str:
    """The YAML of a preset as written, its comments naming who states what. Raises KeyError."""
    if name not in names():
        raise KeyError(name)
    return (_folder() / f"{name}.yaml").read_text("utf-8")


def extended(document: object) -> dict[str, Any]:
    """A document in canonical form over the preset it extends. Raises InvalidProfile: for its form, or where that
    preset does not exist."""
    found, problems = canonical(document)
    below: Mapping[str, Any] | None = {}
    name = found.pop("extends", None)
    if isinstance(name, str):
        below = preset_data(name)
        if below is None:
            problems.append(Problem("extends", f"has to be one of {', '.join(names())}"))
    if problems:
        raise InvalidProfile(problems)
    return overlay(below or {}, found)


def effective(document: object) -> Profile:
    """A document as the profile it makes. Raises InvalidProfile with all problems."""
    return parse(extended(document))


def read_yaml(text: str) -> object:
    """A document from YAML, JSON included. Raises InvalidProfile that names line and column."""
    try:
        return parse_yaml(text)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f" in line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise InvalidProfile([Problem("", f"is no YAML{place}")]) from None
    except (yaml.YAMLError, RecursionError, ValueError):
        raise InvalidProfile([Problem("", "is no YAML")]) from None


def _folder() -> Traversable:
    return resources.files("ghasi.profiles") / "presets"
