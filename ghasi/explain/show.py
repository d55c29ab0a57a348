"""Explanations on a terminal, in colour where it has some, and as plain text elsewhere."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from ghasi.explain.lines import Line, Mark, printable

_STYLES: Final = {Mark.HEAD: "bold", Mark.WARNING: "bold yellow", Mark.FIELD: "cyan", Mark.PLAIN: "cyan"}
_WHOLE: Final = (Mark.HEAD, Mark.WARNING)
"""Lines without columns."""
_PLACE: Final = "bright_black"
_VALUE: Final = "bold"
_MOST_WIDE: Final = 34
"""A value longer than that pushes its own meaning aside and nobody else's."""

Piece = tuple[str, str]


def in_plain(lines: Sequence[Line]) -> list[str]:
    """Lines without any control character."""
    return ["".join(text for text, _ in pieces).rstrip() for pieces in _pieces(lines)]


def in_colour(lines: Sequence[Line], console: Console) -> None:
    """Prints them; `console` decides which colours there are."""
    for pieces in _pieces(lines):
        console.print(Text.assemble(*pieces), soft_wrap=True, highlight=False)


def _pieces(lines: Sequence[Line]) -> Iterator[list[Piece]]:
    where, octets = _width(lines, "where"), _width(lines, "octets")
    names = max((2 * line.depth + cell_len(line.name) for line in lines if line.mark not in _WHOLE), default=0)
    with_meaning = (cell_len(line.value) for line in lines if line.meaning)
    values = max((width for width in with_meaning if width <= _MOST_WIDE), default=0)
    for line in map(_printable, lines):
        if line.mark is Mark.HEAD:
            yield [(line.name, _STYLES[line.mark])]
            continue
        place = f"  {line.where:<{where}}  {line.octets:<{octets}}" if where else ""
        indent = "  " + "  " * line.depth
        if line.mark is Mark.WARNING:
            yield [(f"{place}{indent}! {line.name}", _STYLES[line.mark])]
            continue
        value = _padded(line.value, values) + "  " if line.meaning else line.value
        name = indent + _padded(line.name, names - 2 * line.depth) + "  "
        yield [(place, _PLACE), (name, _STYLES[line.mark]), (value, _VALUE), (line.meaning, "")]


def _printable(line: Line) -> Line:
    return replace(line, name=printable(line.name), value=printable(line.value), meaning=printable(line.meaning))


def _padded(text: str, width: int) -> str:
    """To that many columns of a terminal, of which some characters take two."""
    return text + " " * max(0, width - cell_len(text))


def _width(lines: Sequence[Line], name: str) -> int:
    return max((len(getattr(line, name)) for line in lines), default=0)
