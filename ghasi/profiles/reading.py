"""Plain data (from YAML or JSON) held against the schema's types, every disagreement collected.

Returns the data in its canonical form: numbers written as text (`"0x2900"`, because JSON has no hexadecimal) are
numbers, keys are text.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from enum import Enum
from functools import cache
from typing import Any, Final

import msgspec
from msgspec import inspect

from ghasi.profiles.problems import Problem, at, under

BAD: Final = object()
"""In place of what cannot be read; the field is left out, so that the rest can still be checked."""
_NUMBER = re.compile(r"0x[0-9a-fA-F]{1,8}\Z|[0-9]{1,10}\Z")
_SECRET = re.compile(r"pass|secret|token|credential|systemid|system_id|private", re.IGNORECASE)


@cache
def fields_of(kind: type[msgspec.Struct]) -> dict[str, inspect.Field]:
    """A struct's fields by the name they have in documents."""
    found = inspect.type_info(kind)
    assert isinstance(found, inspect.StructType)  # noqa: S101 - the caller names a struct
    return {one.encode_name: one for one in found.fields}


def read_struct(value: object, kind: type[msgspec.Struct], path: str, problems: list[Problem]) -> Any:
    """The mapping `value` as fields of `kind`."""
    if not isinstance(value, Mapping):
        problems.append(Problem(path, "has to hold named fields"))
        return BAD
    fields = fields_of(kind)
    found: dict[str, Any] = {}
    for key, item in value.items():
        place = under(path, key)
        field = fields.get(key) if isinstance(key, str) else None
        if field is None:
            problems.append(Problem(place, _unknown(key, fields)))
        elif item is None and not field.required:
            # Takes away what the profile below states (ghasi.profiles.merge).
            found[key] = None
        elif item is not None:
            found[key] = read(item, field.type, place, problems)
    missing = [name for name, field in fields.items() if field.required and value.get(name) is None]
    problems += [Problem(under(path, name), "is missing") for name in missing]
    if missing or any(found.get(name) is BAD for name, field in fields.items() if field.required):
        return BAD
    return {name: item for name, item in found.items() if item is not BAD}


def read(value: object, kind: inspect.Type, path: str, problems: list[Problem]) -> Any:
    """`value` as the canonical form of `kind`; what disagrees goes to `problems`."""
    while isinstance(kind, inspect.Metadata):
        kind = kind.type
    if isinstance(kind, inspect.UnionType):
        kind = next(one for one in kind.types if not isinstance(one, inspect.NoneType))
        return read(value, kind, path, problems)
    if isinstance(kind, inspect.StructType):
        return read_struct(value, kind.cls, path, problems)
    if isinstance(kind, inspect.VarTupleType):
        return _read_list(value, kind, path, problems)
    if isinstance(kind, inspect.DictType):
        return _read_map(value, kind, path, problems)
    return _read_leaf(value, kind, path, problems)


def _read_list(value: object, kind: inspect.VarTupleType, path: str, problems: list[Problem]) -> Any:
    if not isinstance(value, list | tuple):
        problems.append(Problem(path, "has to be a list"))
        return BAD
    least, most = kind.min_length or 0, kind.max_length
    if len(value) < least or (most is not None and len(value) > most):
        problems.append(Problem(path, f"has to have {least} to {most} entries" if most else "must not be empty"))
        return BAD
    found = [read(item, kind.item_type, at(path, index), problems) for index, item in enumerate(value)]
    return BAD if BAD in found else found


def _read_map(value: object, kind: inspect.DictType, path: str, problems: list[Problem]) -> Any:
    if not isinstance(value, Mapping):
        problems.append(Problem(path, "has to hold names and values"))
        return BAD
    if kind.max_length is not None and len(value) > kind.max_length:
        problems.append(Problem(path, f"has more than {kind.max_length} entries"))
        return BAD
    found: dict[str, Any] = {}
    for key, item in value.items():
        name = _key(key)
        if name is None:
            problems.append(Problem(path, "has a key that is neither text nor a number"))
            continue
        found[name] = None if item is None else read(item, kind.value_type, under(path, name), problems)
    return {name: item for name, item in found.items() if item is not BAD}


def _key(key: object) -> str | None:
    if isinstance(key, str):
        return key
    return str(key) if isinstance(key, int) and not isinstance(key, bool) else None


def _read_leaf(value: object, kind: inspect.Type, path: str, problems: list[Problem]) -> Any:
    if isinstance(kind, inspect.IntType | inspect.FloatType) and isinstance(value, str) and _NUMBER.match(value):
        value = int(value, 16 if value.startswith("0x") else 10)
    sentence = _wrong(value, kind)
    if sentence is not None:
        problems.append(Problem(path, sentence))
        return BAD
    return value


def _wrong(value: object, kind: inspect.Type) -> str | None:
    """Why `value` is no `kind`, in words that do not repeat it."""
    if isinstance(kind, inspect.BoolType):
        return None if isinstance(value, bool) else "has to be true or false"
    if isinstance(kind, inspect.EnumType):
        return _none_of(value, [one.value for one in kind.cls])
    if isinstance(kind, inspect.LiteralType):
        return _none_of(value, list(kind.values))
    if isinstance(kind, inspect.StrType):
        return _wrong_text(value, kind)
    if isinstance(kind, inspect.IntType | inspect.FloatType):
        return _wrong_number(value, kind)
    return "has a type the schema does not know"


def _none_of(value: object, known: list[Any]) -> str | None:
    if isinstance(value, Enum):
        value = value.value
    if any(type(value) is type(one) and value == one for one in known):
        return None
    return f"has to be one of {', '.join(map(str, known))}"


def _wrong_text(value: object, kind: inspect.StrType) -> str | None:
    if not isinstance(value, str):
        return "has to be text"
    if kind.max_length is not None and len(value) > kind.max_length:
        return f"is longer than {kind.max_length} characters"
    if kind.min_length is not None and len(value) < kind.min_length:
        return f"is shorter than {kind.min_length} characters"
    if kind.pattern is not None and not re.search(kind.pattern, value):
        return "has characters that do not belong here" if value else "must not be empty"
    return None


def _wrong_number(value: object, kind: inspect.IntType | inspect.FloatType) -> str | None:
    whole = isinstance(kind, inspect.IntType)
    if isinstance(value, bool) or not isinstance(value, int if whole else int | float):
        return "has to be a whole number" if whole else "has to be a number"
    # NaN compares false with everything, so the bounds are asked for what has to hold.
    low = kind.ge is None or value >= kind.ge
    above = kind.gt is None or value > kind.gt
    if low and above and (kind.le is None or value <= kind.le):
        return None
    least = f"from {kind.ge}" if kind.ge is not None else f"above {kind.gt}"
    return f"has to be {least} {'and up' if kind.le is None else f'to {kind.le}'}"


def _unknown(key: object, fields: Mapping[str, inspect.Field]) -> str:
    if isinstance(key, str) and _SECRET.search(key):
        return "does not belong in a profile: credentials come from operator management"
    close = difflib.get_close_matches(str(key), fields, 1)
    return "is no field of a profile" + (f", perhaps {close[0]} is meant" if close else "")
