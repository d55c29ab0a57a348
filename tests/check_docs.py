"""Checks the links of the Markdown files: `python tests/check_docs.py`. Files and headings must exist."""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
_LINK = re.compile(r"!?\[[^\]]*\]\(<?([^)\s>]+)>?(?:\s+\"[^\"]*\")?\)")
_CODE = re.compile(r"^(```|~~~).*?^\1", re.MULTILINE | re.DOTALL)
_SPAN = re.compile(r"`[^`\n]*`")
_HEADING = re.compile(r"^#{1,6}\s+(.+?)\s*#*$", re.MULTILINE)
_ELSEWHERE = ("http://", "https://", "mailto:")


def documents() -> list[Path]:
    """The project's Markdown files."""
    found = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("benchmarks/**/*.md")]
    return sorted(found)


def anchors(text: str) -> set[str]:
    """Anchors of a document's headings, made as GitHub makes them."""
    names: set[str] = set()
    for heading in _HEADING.findall(_CODE.sub("", text)):
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower()
        name = re.sub(r"[^\w\- ]", "", plain).strip().replace(" ", "-")
        number, unique = 0, name
        while unique in names:
            number += 1
            unique = f"{name}-{number}"
        names.add(unique)
    return names


def problems(document: Path) -> Iterator[str]:
    """What is wrong with the links of one document."""
    prose = _SPAN.sub("", _CODE.sub("", document.read_text(encoding="utf-8")))
    for link in _LINK.findall(prose):
        if link.startswith(_ELSEWHERE):
            continue
        path, _, anchor = link.partition("#")
        target = (document.parent / path).resolve() if path else document
        if not target.is_relative_to(ROOT):
            yield f"{link}: points outside the repository"
        elif not target.exists():
            yield f"{link}: no such file"
        elif anchor and target.suffix == ".md" and anchor not in anchors(target.read_text(encoding="utf-8")):
            yield f"{link}: no such heading"


def main() -> int:
    """Print every problem; 1 where there is one."""
    checked = documents()
    found = [f"{path.relative_to(ROOT)}: {problem}" for path in checked for problem in problems(path)]
    print("\n".join(found) if found else f"{len(checked)} documents, links in order")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
