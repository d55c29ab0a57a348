"""What is wrong with a profile: all of it at once, each with its place and a sentence."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,39}\Z")


@dataclass(frozen=True, slots=True)
class Problem:
    """`path` is dotted (`tlvs.send[0].tag`), empty for the whole document. `text` holds no value of the document."""

    path: str
    text: str

    def __str__(self) -> str:
        return f"{self.path}: {self.text}" if self.path else self.text


class InvalidProfile(Exception):
    """The document is no profile. `problems` holds at least one."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(map(str, self.problems)))


def under(path: str, key: object) -> str:
    """The path of a field. A key that does not look like a name is not repeated: it may be anything."""
    name = key if isinstance(key, str) and _NAME.match(key) else "?"
    return f"{path}.{name}" if path else name


def at(path: str, index: int) -> str:
    """The path of an item of a list."""
    return f"{path}[{index}]"
