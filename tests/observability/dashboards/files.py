"""The dashboards as files of docker/observability/grafana/dashboards."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from tests.observability.dashboards.panels import document
from tests.observability.dashboards.state import LEDGER, WORKERS
from tests.observability.dashboards.traffic import GATEWAY, ONE_OPERATOR, OVERVIEW
from tests.observability.rules import OBSERVABILITY

FOLDER: Final = OBSERVABILITY / "grafana" / "dashboards"
ALL: Final = (OVERVIEW, ONE_OPERATOR, GATEWAY, WORKERS, LEDGER)


def files() -> dict[Path, str]:
    """Path and content of each."""
    return {FOLDER / f"{one.uid}.json": json.dumps(document(one), indent=1) + "\n" for one in ALL}


def main(argv: Sequence[str]) -> int:
    made = files()
    if "--check" in argv:
        stale = [path.name for path, text in made.items() if not path.exists() or path.read_text("utf-8") != text]
        for name in stale:
            print(f"{name} is not what python -m tests.observability.dashboards makes", file=sys.stderr)
        return int(bool(stale))
    for path, text in made.items():
        path.write_text(text, encoding="utf-8")
    return 0
