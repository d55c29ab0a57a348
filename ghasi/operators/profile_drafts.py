"""Profiles before they are saved: what a text means, what it would change, and earlier versions taken up again."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from ghasi.operators.models import Profile, ProfileChange
from ghasi.operators.profiles import effective_of
from ghasi.profiles.effects import needs_rebind
from ghasi.profiles.merge import Change, diff
from ghasi.profiles.presets import effective, read_yaml
from ghasi.profiles.problems import InvalidProfile
from ghasi.profiles.schema import PLAIN
from ghasi.profiles.writing import to_yaml


@dataclass(frozen=True, slots=True)
class Preview:
    """What saving a document would change of the profile as it counts now."""

    changes: list[Change]

    @property
    def needs_rebind(self) -> list[str]:
        """Paths that operators hear of in their next bind only."""
        return needs_rebind(self.changes)

    @property
    def table(self) -> SafeString:
        """As the history shows changes."""
        return difference(self.changes)


def document_of(text: str, preset: str = "") -> Any:
    """The document that a text is; `preset` is what it extends where it names nothing. Raises InvalidProfile."""
    document = read_yaml(text) or {}
    if isinstance(document, dict) and preset and "extends" not in document:
        document = {"extends": preset, **document}
    effective(document)
    return document


def preview(name: str, document: object) -> Preview:
    """Against the live profile of that name, plain for none. Raises InvalidProfile."""
    return Preview(diff(effective_of(Profile.objects.filter(name=name).first()), effective(document)))


def text_of_version(name: str, version: str) -> str | None:
    """The YAML of an earlier version; None where there is none, or where the profile was taken away with it."""
    if not version.isdecimal():
        return None
    row = ProfileChange.objects.filter(profile_name=name, version=int(version)).first()
    return None if row is None or row.document is None else to_yaml(row.document)


def since(row: ProfileChange) -> list[Change]:
    """What the profile says now otherwise than this version; an unreadable old version counts as plain."""
    live = effective_of(Profile.objects.filter(name=row.profile_name).first())
    try:
        return diff(effective(row.document) if row.document is not None else PLAIN, live)
    except InvalidProfile:
        return diff(PLAIN, live)


def difference(changes: Iterable[Iterable[Any]]) -> SafeString:
    """A table of path, value before and value after."""
    rows = [(path, json.dumps(before), json.dumps(after)) for path, before, after in changes]
    if not rows:
        return format_html("<p>{}</p>", "No difference.")
    body = format_html_join("", '<tr><th scope="row">{}</th><td>{}</td><td>{}</td></tr>', rows)
    return format_html(
        '<table class="staff-difference"><thead><tr><th>Field</th><th>Before</th><th>After</th></tr></thead>'
        "<tbody>{}</tbody></table>",
        body,
    )
