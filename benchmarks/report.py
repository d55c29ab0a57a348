"""Puts the stored results into docs/performance.md.

Copies `.run/bench/NAME.json` to docs/performance/NAME.json and makes the document's tables from the copies. The text
around them is written by hand; a table stands between `<!-- table NAME -->` and `<!-- end -->`.
tests/unit/benchmarks/test_report.py holds document and results together.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.results import STORE
from benchmarks.tables import TABLES, circumstances
from ghasi.devstack.paths import CHECKOUT

DOCUMENT = CHECKOUT / "docs" / "performance.md"
KEPT = CHECKOUT / "docs" / "performance"
_PLACE = re.compile(r"(<!-- table (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)
_NOT_YET = "Not measured yet."


def kept(folder: Path = KEPT) -> dict[str, Any]:
    """The results that the document shows, by name."""
    return {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.json"))}


def filled(document: str, results: Mapping[str, Any]) -> str:
    """The document with every table made anew. Raises KeyError for a place that no table belongs to."""

    def one(found: re.Match[str]) -> str:
        source, make = TABLES[found[2]]
        content = results.get(source)
        body = f"{make(content)}\n\n{circumstances(content)}" if content else _NOT_YET
        return f"{found[1]}{body}\n{found[3]}"

    return _PLACE.sub(one, document)


def keep() -> list[str]:
    """Copies what was measured into the document's folder; gives the names."""
    KEPT.mkdir(exist_ok=True)
    names = {source for source, _ in TABLES.values()}
    found = [path for path in sorted(STORE.glob("*.json")) if path.stem in names]
    for path in found:
        shutil.copyfile(path, KEPT / path.name)
    return [path.stem for path in found]


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--only-tables", action="store_true", help="leave the copies of the results as they are")


def run(arguments: argparse.Namespace) -> None:
    if not arguments.only_tables:
        print("results of", ", ".join(keep()) or "nothing new")
    DOCUMENT.write_text(filled(DOCUMENT.read_text(encoding="utf-8"), kept()), encoding="utf-8")
    print(DOCUMENT.relative_to(CHECKOUT))
