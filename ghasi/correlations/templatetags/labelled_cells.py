"""Cells of an admin list that name their column: on a phone a row is shown as lines, and there is no heading."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.text import capfirst

register = template.Library()
_CELLS = ("<td", "<th")


@register.filter
def labelled(cells: Iterable[str], headers: Iterable[Mapping[str, Any]]) -> list[SafeString]:
    """Each cell as Django made it (`<td class=…>`), with `data-label`; the one that chooses the row has none."""
    return [_labelled(cell, capfirst(str(header["text"]))) for cell, header in zip(cells, headers, strict=True)]


def _labelled(cell: str, name: str) -> SafeString:
    tag = cell[:3]
    if tag not in _CELLS or "action-checkbox" in cell.partition(">")[0]:
        return mark_safe(cell)  # noqa: S308 - the admin's own
    return format_html('{} data-label="{}"{}', mark_safe(tag), name, mark_safe(cell[3:]))  # noqa: S308 - the same
