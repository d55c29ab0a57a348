"""`python -m tests.faults.report`: makes docs/reliability.md and the README's words on it of the last runs' figures.

Figures come from `.run/faults/results.jsonl`. What a run did not repeat keeps the figures of the run before, which
stand in docs/reliability.json; nothing in either file is written by hand. `--check` only tells whether they agree
(exit code 1 where they do not).
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path

from tests.faults.figures import FILE, ROOT, Figures, latest, read
from tests.faults.rendering import render, summary

DOCUMENT = ROOT / "docs" / "reliability.md"
README = ROOT / "README.md"
MARKS = ("<!-- faults -->\n", "\n<!-- /faults -->")
KEPT = ROOT / "docs" / "reliability.json"


def kept() -> list[Figures]:
    """The figures behind the document as it stands."""
    if not KEPT.exists():
        return []
    return [Figures(**one | {"kinds": tuple(one["kinds"])}) for one in json.loads(KEPT.read_text(encoding="utf-8"))]


def write(figures: list[Figures]) -> None:
    """The figures, the document, the README's part."""
    last = [one for _, one in sorted(latest(figures).items())]
    lines = ",\n".join(json.dumps(asdict(one), sort_keys=True) for one in last)
    KEPT.write_text(f"[\n{lines}\n]\n", encoding="utf-8")
    DOCUMENT.write_text(render(last), encoding="utf-8")
    README.write_text(with_summary(README.read_text(encoding="utf-8"), last), encoding="utf-8")


def with_summary(readme: str, figures: list[Figures]) -> str:
    """The README with the summary of these figures between its marks; raises ValueError where it has none."""
    before, _, rest = readme.partition(MARKS[0])
    _, mark, after = rest.partition(MARKS[1])
    if not mark:
        raise ValueError(f"README.md has no {MARKS[0].strip()} … {MARKS[1].strip()}")
    return f"{before}{MARKS[0]}{summary(figures)}{MARKS[1]}{after}"


def main(arguments: list[str]) -> int:
    if "--check" in arguments:
        readme = README.read_text(encoding="utf-8")
        agrees = DOCUMENT.exists() and DOCUMENT.read_text(encoding="utf-8") == render(kept())
        agrees = agrees and readme == with_summary(readme, kept())
        said = "docs/reliability.md and README.md agree with the figures"
        print(said if agrees else "docs/reliability.md or README.md: make them anew")
        return 0 if agrees else 1
    write([*kept(), *read(FILE)])
    print(f"{DOCUMENT.relative_to(ROOT)} is made of {_shown(FILE)} and {_shown(KEPT)}")
    return 0


def _shown(path: Path) -> str:
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else str(path)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
