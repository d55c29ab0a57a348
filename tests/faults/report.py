"""`python -m tests.faults.report`: makes docs/reliability.md of the figures of the last runs.

Figures come from `.run/faults/results.jsonl`. What a run did not repeat keeps the figures of the run before, which
stand in docs/reliability.json; nothing in either file is written by hand. `--check` only tells whether they agree
(exit code 1 where they do not).
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path

from tests.faults.figures import FILE, ROOT, Figures, read
from tests.faults.rendering import latest, render

DOCUMENT = ROOT / "docs" / "reliability.md"
KEPT = ROOT / "docs" / "reliability.json"


def kept() -> list[Figures]:
    """The figures behind the document as it stands."""
    if not KEPT.exists():
        return []
    return [Figures(**one | {"kinds": tuple(one["kinds"])}) for one in json.loads(KEPT.read_text(encoding="utf-8"))]


def write(figures: list[Figures]) -> None:
    """Both files."""
    last = [one for _, one in sorted(latest(figures).items())]
    lines = ",\n".join(json.dumps(asdict(one), sort_keys=True) for one in last)
    KEPT.write_text(f"[\n{lines}\n]\n", encoding="utf-8")
    DOCUMENT.write_text(render(last), encoding="utf-8")


def main(arguments: list[str]) -> int:
    if "--check" in arguments:
        agrees = DOCUMENT.exists() and DOCUMENT.read_text(encoding="utf-8") == render(kept())
        print("docs/reliability.md agrees with its figures" if agrees else "docs/reliability.md: make it anew")
        return 0 if agrees else 1
    write([*kept(), *read(FILE)])
    print(f"{DOCUMENT.relative_to(ROOT)} is made of {_shown(FILE)} and {_shown(KEPT)}")
    return 0


def _shown(path: Path) -> str:
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else str(path)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
