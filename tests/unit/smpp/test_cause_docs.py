"""The causes that docs/contract.md §3 lists are those there are."""

import re
from pathlib import Path

from ghasi.smpp.cause_tables import TABLES
from ghasi.smpp.causes import Cause

CONTRACT = (Path(__file__).parents[3] / "docs" / "contract.md").read_text()
SECTION = CONTRACT.partition("## 3. DlrInboundEvent")[2].partition("\n## 4.")[0]


def test_every_cause_is_explained() -> None:
    rows = [line.split("|")[1] for line in SECTION.splitlines() if line.startswith("| `")]
    listed = {name for row in rows for name in re.findall(r"`([A-Z_]+)`", row)}
    assert listed == {cause.value for cause in Cause}


def test_every_published_table_is_named() -> None:
    assert set(TABLES) <= set(re.findall(r"`([a-z0-9]+)`", SECTION))
