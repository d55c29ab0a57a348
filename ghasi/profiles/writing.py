"""Profiles as YAML for people, and where in a text each path stands."""

from __future__ import annotations

from typing import Any

import msgspec.inspect
import yaml

from ghasi.profiles.problems import Problem, at, under
from ghasi.profiles.schema import Profile


class _Dumper(yaml.SafeDumper):
    """Lists under their key are indented, tags of TLVs are hexadecimal."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)


class _Hexadecimal(int):
    """A number people know in hexadecimal."""


_Dumper.add_representer(
    _Hexadecimal, lambda dumper, number: dumper.represent_scalar("tag:yaml.org,2002:int", f"0x{number:04X}")
)


def to_yaml(document: Any) -> str:
    """A document as YAML that reads as the same document."""
    if not document:
        return ""
    # What keeps documents may forget the order in which they were written.
    document = _in_order(document, msgspec.inspect.type_info(Profile))
    return yaml.dump(_for_people(document), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100)


def lines_of(text: str) -> dict[str, int]:
    """The line, from 1, in which each path of a YAML text begins; empty where it is no YAML."""
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except (yaml.YAMLError, RecursionError):
        return {}
    found: dict[str, int] = {}
    if root is not None:
        _walk(root, "", found, set())
    return found


def placed(problem: Problem, lines: dict[str, int]) -> str:
    """A problem with the line of its path, or of the nearest path above it that stands in the text."""
    path = problem.path
    while path and path not in lines:
        path = path[: max(path.rfind("."), path.rfind("["))] if "." in path or "[" in path else ""
    return f"line {lines[path]}: {problem}" if path else str(problem)


def _walk(node: yaml.Node, path: str, found: dict[str, int], seen: set[int]) -> None:
    """What an alias repeats is walked once: it may repeat itself, or grow with every line of the text."""
    found.setdefault(path, node.start_mark.line + 1)
    if id(node) in seen:
        return
    seen.add(id(node))
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            place = under(path, getattr(key, "value", None))
            found[place] = key.start_mark.line + 1
            _walk(value, place, found, seen)
    elif isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            _walk(item, at(path, index), found, seen)


def _for_people(value: Any, key: str = "") -> Any:
    if isinstance(value, dict):
        return {name: _for_people(item, name) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_for_people(item) for item in value]
    return _Hexadecimal(value) if key == "tag" and isinstance(value, int) else value


def _in_order(value: Any, kind: msgspec.inspect.Type) -> Any:
    """Fields in the order of the schema, which docs/profiles.md shows too; what it does not know comes last."""
    if isinstance(kind, msgspec.inspect.Metadata):
        return _in_order(value, kind.type)
    if isinstance(kind, msgspec.inspect.UnionType):
        inner = [one for one in kind.types if not isinstance(one, msgspec.inspect.NoneType)]
        return _in_order(value, inner[0]) if len(inner) == 1 else value
    if isinstance(kind, msgspec.inspect.StructType) and isinstance(value, dict):
        known = {field.encode_name: field.type for field in kind.fields if field.encode_name in value}
        ordered = {name: _in_order(value[name], one) for name, one in known.items()}
        return {name: item for name, item in value.items() if name == "extends"} | ordered | value | ordered
    if isinstance(kind, msgspec.inspect.DictType) and isinstance(value, dict):
        return {name: _in_order(item, kind.value_type) for name, item in value.items()}
    if isinstance(kind, msgspec.inspect.VarTupleType) and isinstance(value, list | tuple):
        return [_in_order(item, kind.item_type) for item in value]
    return value
