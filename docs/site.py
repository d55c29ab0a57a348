"""Hooks of mkdocs for the site of docs/: navigation, anchors and lists as on GitHub, no links out of the folder.

A document that no section names stands under "More", so that none is left out.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import Any

DOCS = Path(__file__).resolve().parent
SECTIONS: dict[str, tuple[str, ...]] = {
    "Start": ("index.md", "quickstart.md", "tutorial.md", "concepts.md"),
    "Connect": ("contract.md", "operators.md", "profiles.md", "simulator.md", "interop.md"),
    "Run": (
        "operations.md",
        "admin.md",
        "commands.md",
        "runbooks.md",
        "troubleshooting.md",
        "observability.md",
        "capacity.md",
        "security.md",
        "upgrade.md",
        "release.md",
    ),
    "Inside": ("architecture.md", "reliability.md", "performance.md"),
}
_HEADING = re.compile(r"^# +(?:\d+\. +)?(.+?)\s*$", re.MULTILINE)
_ITEM = re.compile(r"(?:\d\.|[-*]) (?=\S)")
_LINK = re.compile(r"\[([^\]]*)\]\((?!https?:|mailto:|#)([^)#\s]+)(?:#[^)\s]*)?\)")


def on_config(config: Any) -> Any:
    """Sets the navigation, and how anchors are named."""
    config.nav = navigation()
    config.mdx_configs["toc"] = {**config.mdx_configs.get("toc", {}), "slugify": anchor}
    return config


def on_page_markdown(markdown: str, *, page: Any, **_: Any) -> str:
    """Links into the rest of the repository, and to folders, become their words: the site has only pages."""
    folder = posixpath.dirname(page.file.src_uri)

    def kept(link: re.Match[str]) -> str:
        outside = posixpath.normpath(posixpath.join(folder, link[2])).startswith("..")
        return link[1] if outside or link[2].endswith("/") else link[0]

    return deeper(_LINK.sub(kept, markdown))


def deeper(markdown: str) -> str:
    """What belongs to an item of a list stands under its words there; Python's Markdown wants it at four spaces."""
    lines, width, fenced = [], 0, False
    for line in markdown.split("\n"):
        item = _ITEM.match(line)
        if line.startswith("```"):
            fenced, width = not fenced, 0
        elif item and not fenced:
            if lines and lines[-1].lstrip() == "```":
                lines.append("")
            width = len(item[0])
        elif width and line.startswith(" " * width):
            line = " " * (4 - width) + line
        elif line.strip():
            width = 0
        lines.append(line)
    return "\n".join(lines)


def navigation() -> list[dict[str, list[dict[str, str]]]]:
    """Sections with their pages by title; pages that are not there are left out."""
    listed = {name for names in SECTIONS.values() for name in names}
    found = sorted(path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md"))
    decisions = [name for name in found if name.startswith("decisions/")]
    sections = {title: [name for name in names if name in found] for title, names in SECTIONS.items()}
    sections["More"] = [name for name in found if name not in listed and name not in decisions]
    sections["Decisions"] = decisions
    return [{title: [{heading(name): name} for name in names]} for title, names in sections.items() if names]


def heading(name: str) -> str:
    """The first heading of a document, decisions with their number."""
    match = _HEADING.search((DOCS / name).read_text(encoding="utf-8"))
    words = re.sub(r"[`*]", "", match[1]) if match else name
    number = re.match(r"decisions/0*(\d+)-", name)
    return f"{number[1]}. {words}" if number else words


def anchor(text: str, _separator: str) -> str:
    """As GitHub does it, and tests/check_docs.py checks it."""
    return re.sub(r"[^\w\- ]", "", text.lower()).strip().replace(" ", "-")
