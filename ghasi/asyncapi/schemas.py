"""JSON schemas of the types of ghasi.contracts, with the rules that only the readers know."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import msgspec

TEMPLATE = "#/components/schemas/{name}"
# Checked after the types, so that each gets a reason of its own (ghasi/contracts/commands.py); §2 has them in words.
STRICTER: dict[str, dict[str, dict[str, Any]]] = {
    "SmsDispatchCommand": {
        "version": {"pattern": r"^1\.[0-9]{1,3}$"},
        "to": {"pattern": r"^\+?[0-9]{5,15}$"},
        "from": {"minLength": 1, "maxLength": 20},
        "text": {"minLength": 1},
        "udh": {"description": "With BINARY only: elements of the user data header, hexadecimal."},
    },
}


def schemas_of(types: Iterable[type]) -> dict[str, dict[str, Any]]:
    """By name, in the order of their names: that of every type and of every type that one of them holds."""
    _, found = msgspec.json.schema_components(list(types), ref_template=TEMPLATE)
    return {name: _with_rules(name, _tidy(found[name])) for name in sorted(found)}


def _with_rules(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    for field, rules in STRICTER.get(name, {}).items():
        schema["properties"][field] |= rules
    return schema


def _tidy(value: Any) -> Any:
    """Docstrings in one line each paragraph; arrays by position in the words that draft 7 has for them."""
    if isinstance(value, list):
        return [_tidy(one) for one in value]
    if not isinstance(value, dict):
        return value
    tidy = {key: _tidy(one) for key, one in value.items()}
    if isinstance(tidy.get("description"), str):
        tidy["description"] = re.sub(r"[ \t]*\n(?!\n)[ \t]*", " ", tidy["description"]).strip()
    if "prefixItems" in tidy:
        tidy["items"] = tidy.pop("prefixItems")
    return tidy
