"""Holds the licences of what is installed to a list: `python tests/check_licences.py`, part of `make check`.

What the product needs at run time (requirements.txt, requirements-otel.txt) may be shipped with it: permissive
licences, and weak copyleft of libraries that are used as they are. What only tests and tools need never leaves the
machine of a developer; there strong copyleft is allowed too, by name. Read from the metadata of installed packages,
without the network.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SHIPPED = ("requirements.txt", "requirements-otel.txt")
TOOLS = ("requirements-dev.txt",)

PERMISSIVE = {
    "0BSD",
    "Apache-2.0",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "CNRI-Python",
    "ISC",
    "MIT",
    "MIT-0",
    "PSF-2.0",
    "PostgreSQL",
    "Unlicense",
    "Zlib",
}
WEAK_COPYLEFT = {"LGPL-3.0-only", "LGPL-3.0-or-later", "MPL-2.0", "LGPL-2.1-or-later"}

BY_CLASSIFIER = {
    "Apache Software License": "Apache-2.0",
    "BSD License": "BSD-3-Clause",
    "GNU Lesser General Public License v3 (LGPLv3)": "LGPL-3.0-only",
    "GNU Lesser General Public License v3 or later (LGPLv3+)": "LGPL-3.0-or-later",
    "ISC License (ISCL)": "ISC",
    "MIT License": "MIT",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Python Software Foundation License": "PSF-2.0",
    "PostgreSQL License": "PostgreSQL",
}
BY_TEXT = {
    "Apache 2.0": "Apache-2.0",
    "Apache License 2.0": "Apache-2.0",
    "Apache License, Version 2.0": "Apache-2.0",
    "BSD": "BSD-3-Clause",
    "BSD License": "BSD-3-Clause",
    "BSD-3-Clause License": "BSD-3-Clause",
    "3-Clause BSD License": "BSD-3-Clause",
    "LGPLv3": "LGPL-3.0-only",
    "GNU Lesser General Public License v3 (LGPLv3)": "LGPL-3.0-only",
    "MIT License": "MIT",
    "PSF": "PSF-2.0",
}
NAMED: dict[str, str] = {}
"""Packages whose metadata says nothing that can be read, with what their licence file says."""


def pinned(name: str) -> list[str]:
    """Names of the packages that a file pins."""
    text = (ROOT / name).read_text(encoding="utf-8")
    return re.findall(r"^([A-Za-z0-9][A-Za-z0-9._-]*)(?:\[[^\]]*\])?==", text, re.MULTILINE)


def licence_of(package: Distribution) -> str:
    """An SPDX expression, "" where the metadata tells none."""
    meta = package.metadata
    if expression := meta.get("License-Expression"):
        return expression
    classifiers = [
        one.rpartition(" :: ")[2] for one in meta.get_all("Classifier", []) if one.startswith("License ::")
    ]
    known = [BY_CLASSIFIER[one] for one in classifiers if one in BY_CLASSIFIER]
    if known:
        return " OR ".join(sorted(set(known)))
    text = (meta.get("License") or "").strip()
    return BY_TEXT.get(text, text if len(text) < 40 else "")


def allowed(expression: str, choices: set[str]) -> bool:
    """Whether the expression can be satisfied by these: of OR one, of AND all. Exceptions (WITH) only add rights."""
    plain = re.sub(r"\s+WITH\s+[\w.-]+", "", expression).replace("(", " ").replace(")", " ")
    return any(
        all(licence.strip() in choices for licence in alternative.split(" AND "))
        for alternative in plain.split(" OR ")
    )


def problems() -> Iterator[str]:
    """Packages whose licence is not on the list, or not known."""
    shipped = {name for file in SHIPPED for name in pinned(file)}
    for name in sorted(shipped | {name for file in TOOLS for name in pinned(file)}):
        try:
            package = distribution(name)
        except PackageNotFoundError:
            yield f"{name}: pinned, but not installed"
            continue
        expression = NAMED.get(name) or licence_of(package)
        if not expression:
            yield f"{name}: its metadata names no licence; look at its files and add it to NAMED"
        elif not allowed(expression, PERMISSIVE | WEAK_COPYLEFT):
            where = "shipped" if name in shipped else "a tool"
            yield f"{name} ({where}): {expression} is not on the list"


def main() -> int:
    """Print every problem; 1 where there is one."""
    found = list(problems())
    count = len({name for file in (*SHIPPED, *TOOLS) for name in pinned(file)})
    print("\n".join(found) if found else f"{count} packages have licences of the list")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
