"""Live profiles in the database: every change checked, counted and kept (docs/profiles.md)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection, transaction
from django.db.models import Max

from ghasi.operators.models import Profile, ProfileChange
from ghasi.profiles.effects import needs_rebind
from ghasi.profiles.merge import Change, diff
from ghasi.profiles.names import is_name
from ghasi.profiles.presets import effective
from ghasi.profiles.problems import InvalidProfile, Problem
from ghasi.profiles.record import ProfileRecord
from ghasi.profiles.schema import PLAIN
from ghasi.profiles.schema import Profile as Schema
from ghasi.profiles.validate import canonical, without_none


class ChangedMeanwhile(Exception):
    """Somebody else saved the profile since it was read."""


@dataclass(frozen=True, slots=True)
class Saved:
    """What a save did: `version` is the one that stands now, `changes` what it says otherwise than before."""

    name: str
    version: int
    changes: list[Change]

    @property
    def needs_rebind(self) -> list[str]:
        """Paths that operators hear of in their next bind only."""
        return needs_rebind(self.changes)


@dataclass(frozen=True, slots=True)
class Author:
    """Who changes a profile, why and when."""

    by: str
    reason: str
    now: datetime


def save_profile(name: str, document: object, author: Author, *, read_version: int | None = None) -> Saved:
    """Saves a document under `name`. One that says what stands already makes no version.

    `read_version` is the version the author saw, 0 for none. Raises InvalidProfile with all problems, and
    ChangedMeanwhile.
    """
    if not is_name(name):
        raise InvalidProfile([Problem("name", "has to be lower-case letters, digits and single hyphens")])
    profile = effective(document)
    stored = without_none_maps(canonical(document)[0])
    with transaction.atomic():
        _lock(name)
        row = Profile.objects.filter(name=name).first()
        if read_version is not None and read_version != (row.version if row else 0):
            raise ChangedMeanwhile(name)
        if row is not None and row.document == stored:
            return Saved(name, row.version, [])
        changes = diff(effective_of(row), profile)
        version = _next_version(name)
        Profile.objects.update_or_create(
            name=name,
            defaults={
                "document": stored,
                "version": version,
                "updated_at": author.now,
                "updated_by": author.by[:150],
            },
        )
        _keep(name, version, author, stored, changes)
    return Saved(name, version, changes)


def delete_profile(name: str, author: Author) -> Saved | None:
    """Takes a profile away and keeps its history; None where there is none."""
    with transaction.atomic():
        _lock(name)
        row = Profile.objects.filter(name=name).first()
        if row is None:
            return None
        changes = diff(effective_of(row), PLAIN)
        version = _next_version(name)
        row.delete()
        _keep(name, version, author, None, changes)
    return Saved(name, version, changes)


def records() -> list[ProfileRecord]:
    """What the bucket has to hold: every live profile, and a word of each that was taken away."""
    live = {
        row.name: ProfileRecord(row.name, row.version, row.document, row.updated_at.timestamp())
        for row in Profile.objects.all()
    }
    last = ProfileChange.objects.order_by("profile_name", "-version").distinct("profile_name")
    gone = (
        ProfileRecord(one.profile_name, one.version, None, one.changed_at.timestamp())
        for one in last
        if one.document is None
    )
    return [*live.values(), *gone]


def effective_of(row: Profile | None) -> Schema:
    """The profile a row makes; plain for none, and for one that an older release saved and this one cannot read."""
    try:
        return effective(row.document) if row is not None else PLAIN
    except InvalidProfile:
        return PLAIN


def without_none_maps(document: dict[str, Any]) -> dict[str, Any]:
    """A document over nothing needs no word that takes something away."""
    cleaned: dict[str, Any] = document if document.get("extends") else without_none(document)
    return cleaned


def _lock(name: str) -> None:
    """Two who save the same name at once go one after the other, a name that is new included."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 5))", [f"profile:{name}"])


def _next_version(name: str) -> int:
    """Goes on where a profile of that name that was taken away ended: a gateway may still hold its record."""
    found = ProfileChange.objects.filter(profile_name=name).aggregate(last=Max("version"))
    return (found["last"] or 0) + 1


def _keep(name: str, version: int, author: Author, document: Any, changes: list[Change]) -> None:
    ProfileChange.objects.create(
        profile_name=name,
        version=version,
        changed_at=author.now,
        changed_by=author.by[:150],
        reason=author.reason[:200],
        document=document,
        changes=[list(one) for one in changes],
    )
