"""Which profile an operator has: its own live one, the live one it names, the preset of that name, plain.

A profile that is asked for and is not there, or cannot be read here, is never passed over in silence: the operator
goes on with the next in line and `Resolved.problem` says why.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ghasi.profiles import presets
from ghasi.profiles.names import as_name
from ghasi.profiles.presets import PLAIN_NAME
from ghasi.profiles.problems import InvalidProfile
from ghasi.profiles.record import ProfileRecord
from ghasi.profiles.schema import PLAIN, Profile

Live = Callable[[str], ProfileRecord | None]
"""The live profile of a name, if there is one."""


@dataclass(frozen=True, slots=True)
class Resolved:
    """`source` is `own`, `live:NAME` or `preset:NAME`."""

    profile: Profile
    source: str
    problem: str | None = None


class Resolver:
    """Over the live profiles as they stand whenever it is asked. One that can no longer be read, or that vanished
    without a word, is followed as last known: another dialect in the middle of a day is worse than an old one."""

    def __init__(self, live: Live = lambda _: None) -> None:
        self._live = live
        self._read: dict[str, tuple[ProfileRecord, Profile]] = {}

    def resolve(self, operator_id: str, named: str | None) -> Resolved:
        """For an operator by its UUID in lower case; `named` is what operator management calls the profile."""
        problems: list[str] = []
        name = as_name(named or "")
        for key, source in ((operator_id, "own"), (name, f"live:{name}")):
            profile = self._of(key, source, problems) if key else None
            if profile is not None:
                return Resolved(profile, source, "; ".join(problems) or None)
        found = presets.preset(name) if name else PLAIN
        if found is None:
            problems.append(f"no profile {name} is known")
        source = f"preset:{PLAIN_NAME if found is None else name or PLAIN_NAME}"
        return Resolved(found or PLAIN, source, "; ".join(problems) or None)

    def _of(self, key: str, source: str, problems: list[str]) -> Profile | None:
        record = self._live(key)
        known = self._read.get(key)
        if record is None:
            if known is not None:
                problems.append(f"{source} is in the bucket no more, followed as last known")
            return known[1] if known else None
        if record.document is None:
            self._read.pop(key, None)
            return None
        if known is not None and known[0] is record:
            return known[1]
        try:
            profile = presets.effective(record.document)
        except InvalidProfile as error:
            problems.append(f"{source} version {record.version} cannot be read here: {error.problems[0]}")
            return known[1] if known else None
        self._read[key] = (record, profile)
        return profile


PRESETS = Resolver()
"""Without live profiles."""
