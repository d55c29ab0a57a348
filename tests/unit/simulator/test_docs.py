"""docs/simulator.md and the code name the same things."""

import re
from pathlib import Path

import pytest

from ghasi.simulator.config import Failure, Ids, Operator, Receipts, Tls, loads
from ghasi.simulator.dialects import DIALECTS
from ghasi.simulator.rules import ReceiptFault, Rule, Trickle

TEXT = (Path(__file__).parents[3] / "docs" / "simulator.md").read_text(encoding="utf-8")
STRUCTS = (Operator, Receipts, Ids, Tls, Failure, Rule, ReceiptFault, Trickle)
NAMES = sorted({*DIALECTS, *(key for struct in STRUCTS for key in struct.__struct_encode_fields__)})


@pytest.mark.parametrize("name", NAMES)
def test_every_key_and_dialect_is_documented(name: str) -> None:
    assert re.search(rf"`[^`]*\b{re.escape(name)}\b[^`]*`", TEXT)


def test_the_rules_shown_are_valid() -> None:
    blocks = [block for block in re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL) if block.startswith("rules:")]
    assert blocks
    for block in blocks:
        indented = "\n".join("    " + line for line in block.splitlines())
        head = "operators:\n  - id: 550e8400-e29b-41d4-a716-446655440001\n    name: A\n    systemId: a\n"
        assert loads(head + indented).operators[0].rules
