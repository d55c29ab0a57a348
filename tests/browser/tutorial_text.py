"""docs/tutorial.md as steps: commands of `sh` blocks, deeds of `admin` blocks, pictures, in their order.

A line of an `sh` block that begins with `#` is what the command before it says, `…` for anything; `# exit code N` is
its exit code where that is not 0. A line of an `admin` block is `VERB: REST` or `VERB in PLACE: REST`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

VERBS = ("open", "click", "type", "tick", "choose", "see")
_FENCE = re.compile(r"```(\w*)\s*$")
_DEED = re.compile(rf"(?P<verb>{'|'.join(VERBS)})(?: in (?P<place>[^:]+))?: (?P<rest>.+)")
_PICTURE = re.compile(r"!\[[^\]]*\]\(images/([\w-]+)\.png\)")
_EXIT = re.compile(r"exit code (\d+)")


@dataclass(slots=True)
class Command:
    """One command line, the lines it is said to print, in order, and its exit code."""

    line: int
    text: str
    says: list[str] = field(default_factory=list)
    exit_code: int = 0


@dataclass(frozen=True, slots=True)
class Deed:
    """One line of an `admin` block."""

    line: int
    verb: str
    place: str | None
    rest: str


@dataclass(frozen=True, slots=True)
class Picture:
    """An image: the page as it stands then."""

    line: int
    name: str


Step = Command | Deed | Picture


def steps(document: Path) -> list[Step]:
    """Raises ValueError, with the line, for what is no step."""
    return list(_steps(document.read_text(encoding="utf-8").splitlines()))


def _steps(lines: list[str]) -> Iterator[Step]:
    block: str | None = None
    command: Command | None = None
    for number, line in enumerate(lines, 1):
        if fence := _FENCE.match(line):
            if command:
                yield command
            block, command = (fence[1] if block is None else None), None
        elif block == "sh" and line.startswith("# "):
            if command is None:
                raise ValueError(f"line {number}: it says what no command printed")
            _expect(command, line.removeprefix("# "))
        elif block == "sh":
            if command:
                yield command
            command = Command(number, line)
        elif block == "admin":
            yield _deed(number, line)
        elif block is not None:
            raise ValueError(f"line {number}: a block that is neither sh nor admin")
        elif picture := _PICTURE.match(line):
            yield Picture(number, picture[1])


def _expect(command: Command, said: str) -> None:
    if code := _EXIT.fullmatch(said):
        command.exit_code = int(code[1])
    else:
        command.says.append(said)


def _deed(number: int, line: str) -> Deed:
    found = _DEED.fullmatch(line)
    if not found:
        raise ValueError(f"line {number}: no deed: {line}")
    return Deed(number, found["verb"], found["place"], found["rest"])


def said_in_order(said: str, expected: list[str]) -> str | None:
    """The first expected line that is not among the lines said, after the ones before it; None where all are."""
    rest = iter([" ".join(line.split()) for line in said.splitlines()])
    for one in expected:
        pattern = ".*".join(re.escape(" ".join(piece.split())) for piece in one.split("…"))
        if not any(re.fullmatch(pattern, line) for line in rest):
            return one
    return None
