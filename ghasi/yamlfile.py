"""YAML for people: YAML 1.2 scalars, and a key written twice is an error.

PyYAML follows YAML 1.1, where the key `on` is the boolean True, `err: 027` is twenty-three and `12:30` is 750.
A scenario holds exactly such words, so scalars here are what they look like: `027` and `12:30` stay text.
"""

from __future__ import annotations

import re
from collections.abc import Hashable
from typing import Any

import yaml

_SCALARS = {
    "bool": (r"^(?:true|false)$", "tf"),
    "int": (r"^(?:[-+]?(?:0|[1-9][0-9]*)|0x[0-9a-fA-F]+)$", "-+0123456789"),
    "float": (r"^[-+]?(?:(?:0|[1-9][0-9]*)\.[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?$", "-+.0123456789"),
    "null": (r"^(?:null|~|)$", ["n", "~", ""]),
}


class _Loader(yaml.SafeLoader):
    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        """As PyYAML's, but refuses a repeated key (PyYAML silently keeps the last one)."""
        seen: set[Hashable] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if key in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key!r} stands here twice", key_node.start_mark
                )
            seen.add(key)
        return super().construct_mapping(node, deep)


for _name, (_pattern, _first) in _SCALARS.items():
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_name}", re.compile(_pattern), list(_first))


def parse(text: str) -> Any:
    """The document as plain Python objects. Raises yaml.YAMLError, which names line and column."""
    return yaml.load(text, Loader=_Loader)  # noqa: S506 - a SafeLoader
