"""Profiles over profiles, and the difference of two.

Documents are laid over each other as plain data, so that what is not written stays what lies below: fields one by
one, maps (`statuses`, `receipts.words`) key by key, lists as a whole. None takes a value or a key away again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import msgspec

from ghasi.profiles.schema import Profile


class Change(NamedTuple):
    """One place where two profiles differ; None where a profile has no such key."""

    path: str
    before: Any
    after: Any

    def __str__(self) -> str:
        return f"{self.path}: {_written(self.before)} -> {_written(self.after)}"


def overlay(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """`above` over `below`, both in canonical form (`validate.canonical`)."""
    merged = dict(below)
    for key, value in above.items():
        lower = merged.get(key)
        if value is None:
            merged.pop(key, None)
        elif isinstance(value, Mapping):
            merged[key] = overlay(lower if isinstance(lower, Mapping) else {}, value)
        else:
            merged[key] = value
    return merged


def to_data(profile: Profile, *, complete: bool = False) -> dict[str, Any]:
    """A profile as plain data: what differs from plain SMPP 3.4, or `complete`."""
    data: dict[str, Any] = _completed(profile) if complete else _without_empty(msgspec.to_builtins(profile))
    return data


def diff(before: Profile, after: Profile) -> list[Change]:
    """What `after` says otherwise than `before`, by dotted path in the order of the schema."""
    return list(_changes("", _completed(before), _completed(after)))


def _changes(path: str, before: Any, after: Any) -> Iterator[Change]:
    if isinstance(before, dict) and isinstance(after, dict):
        for key in {**before, **after}:
            yield from _changes(f"{path}.{key}" if path else key, before.get(key), after.get(key))
    elif before != after:
        yield Change(path, before, after)


def _completed(value: Any) -> Any:
    """With all defaults written out; entries of lists and maps are values and stay as short as written."""
    if isinstance(value, msgspec.Struct):
        names = zip(value.__struct_fields__, value.__struct_encode_fields__, strict=True)
        return {written: _completed(getattr(value, name)) for name, written in names}
    return msgspec.to_builtins(value)


def _without_empty(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    return {key: _without_empty(one) for key, one in value.items() if one != {}}


def _written(value: Any) -> str:
    return "nothing" if value is None else msgspec.json.encode(value).decode()
