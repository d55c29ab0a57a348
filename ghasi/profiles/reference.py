"""The tables of docs/profiles.md, made from the schema: `python -m ghasi.profiles.reference`."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
from msgspec import inspect

from ghasi.profiles.effects import rebind_paths
from ghasi.profiles.reading import fields_of
from ghasi.profiles.schema import Profile

HEAD = "| field | value | default | meaning |\n|---|---|---|---|"


def tables() -> str:
    """One table a group, in the order of the schema, and one of the fields that stand in no group."""
    groups: list[str] = []
    alone: list[str] = []
    for name, field in fields_of(Profile).items():
        kind = _bare(field.type)
        if isinstance(kind, inspect.StructType):
            about = (kind.cls.__doc__ or "").splitlines()[0]
            groups.append(f"### `{name}`\n\n{about}\n\n{HEAD}\n" + "\n".join(_rows(kind.cls, name, name)))
        else:
            alone.append(_row(name, name, field))
            entry = _entry(kind)
            if entry is not None:
                alone += [f"{one}" for one in _rows(entry, f"{name}.*", f"{name}.*")]
    return f"### Without a group\n\n{HEAD}\n" + "\n".join(alone) + "\n\n" + "\n\n".join(groups) + "\n"


def _rows(kind: type[msgspec.Struct], path: str, shown: str) -> Iterator[str]:
    for name, field in fields_of(kind).items():
        bare = _bare(field.type)
        if isinstance(bare, inspect.StructType) and not _is_pair(bare):
            yield from _rows(bare.cls, f"{path}.{name}", f"{shown}.{name}")
            continue
        yield _row(f"{path}.{name}", f"{shown}.{name}", field)
        entry = _entry(bare)
        if entry is not None:
            mark = "[]" if isinstance(bare, inspect.VarTupleType) else ".*"
            yield from _rows(entry, f"{path}.{name}{mark}", f"{shown}.{name}{mark}")


def _row(path: str, shown: str, field: inspect.Field) -> str:
    meaning = _meaning(field.type)
    if path in rebind_paths():
        meaning = f"{meaning} (next bind)".strip()
    return f"| `{shown}` | {_value(field.type)} | {_default(field)} | {meaning} |"


def _is_pair(kind: inspect.StructType) -> bool:
    return set(fields_of(kind.cls)) == {"ton", "npi"}


def _entry(kind: inspect.Type) -> type[msgspec.Struct] | None:
    """What the entries of a list or map are made of, where they have fields."""
    item = kind.item_type if isinstance(kind, inspect.VarTupleType) else None
    item = kind.value_type if isinstance(kind, inspect.DictType) else item
    bare = _bare(item) if item is not None else None
    return bare.cls if isinstance(bare, inspect.StructType) else None


def _bare(kind: inspect.Type) -> inspect.Type:
    while isinstance(kind, inspect.Metadata):
        kind = kind.type
    return kind


def _meaning(kind: inspect.Type) -> str:
    if isinstance(kind, inspect.Metadata):
        found = (kind.extra_json_schema or {}).get("description", "")
        return str(found).replace("|", "\\|") or _meaning(kind.type)
    return ""


def _value(kind: inspect.Type) -> str:
    kind = _bare(kind)
    if isinstance(kind, inspect.UnionType):
        return _value(next(one for one in kind.types if not isinstance(one, inspect.NoneType)))
    if isinstance(kind, inspect.EnumType):
        return ", ".join(f"`{one.value}`" for one in kind.cls)
    if isinstance(kind, inspect.LiteralType):
        return ", ".join(f"`{one}`" if one != "" else "empty" for one in kind.values)
    if isinstance(kind, inspect.IntType | inspect.FloatType):
        return _range(kind)
    if isinstance(kind, inspect.StrType):
        return f"text, at most {kind.max_length}" if kind.max_length else "text"
    if isinstance(kind, inspect.VarTupleType):
        return "list" if _entry(kind) else f"list of {_value(kind.item_type)}"
    if isinstance(kind, inspect.DictType):
        return "map" if _entry(kind) else f"map to {_value(kind.value_type)}"
    return "`ton`, `npi`" if isinstance(kind, inspect.StructType) else "true, false"


def _range(kind: inspect.IntType | inspect.FloatType) -> str:
    name = "" if isinstance(kind, inspect.IntType) else "seconds, "
    return f"{name}{kind.ge} to {kind.le}"


def _default(field: inspect.Field) -> str:
    if field.required:
        return "required"
    value = field.default_factory() if field.default is msgspec.NODEFAULT else field.default
    if isinstance(value, msgspec.Struct):
        return ", ".join(str(getattr(value, name)) for name in value.__struct_fields__)
    written = msgspec.to_builtins(value)
    if written in (None, "", [], {}, ()):
        return "–"
    return ", ".join(map(str, written)) if isinstance(written, list | tuple) else str(written).lower()


if __name__ == "__main__":
    print(tables())  # noqa: T201
