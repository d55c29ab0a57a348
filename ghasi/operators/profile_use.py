"""Which operators follow a profile, as the gateways say it in the sessions bucket."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ghasi.contracts.sessions import SessionRecord


@dataclass(frozen=True, slots=True)
class Use:
    """One operator that follows a profile; `needs_rebind` names what has not reached it yet."""

    operator_id: str
    operator_name: str
    source: str
    needs_rebind: tuple[str, ...]
    problem: str | None


def uses(records: Iterable[SessionRecord]) -> list[Use]:
    """One for each operator of which a gateway knows the settings."""
    found: dict[str, Use] = {}
    for one in records:
        if not one.profile:
            continue
        known = found.get(one.operator_id)
        paths = tuple(sorted({*one.needs_rebind, *(known.needs_rebind if known else ())}))
        found[one.operator_id] = Use(one.operator_id, one.operator_name, one.profile, paths, one.profile_problem)
    return sorted(found.values(), key=lambda use: (use.operator_name, use.operator_id))


def of_profile(name: str, used: Iterable[Use]) -> list[Use]:
    """Those that follow the live profile or the preset `name`, or whose own profile it is."""
    sources = (f"live:{name}", f"preset:{name}")
    return [one for one in used if one.source in sources or (one.source == "own" and one.operator_id == name)]
