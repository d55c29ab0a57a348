"""docs/profiles.md tells every field of the schema, and nothing else."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ghasi.profiles.effects import needs_rebind, rebind_paths
from ghasi.profiles.merge import diff, to_data
from ghasi.profiles.presets import effective, names, read_yaml
from ghasi.profiles.reference import tables
from ghasi.profiles.schema import PLAIN
from ghasi.profiles.validate import check, parse
from ghasi.profiles.writing import lines_of, placed, to_yaml

PAGE = Path(__file__).parents[3] / "docs" / "profiles.md"


def test_the_page_holds_the_tables_of_the_schema() -> None:
    _, _, held = PAGE.read_text("utf-8").partition("<!-- fields -->\n")
    assert held.strip() == tables().strip()


def test_every_field_says_what_it_means() -> None:
    rows = [line for line in tables().splitlines() if line.startswith("| `")]
    assert len(rows) > 60
    assert [row for row in rows if re.search(r"\|\s*(\(next bind\))?\s*\|$", row)] == []


def test_the_page_names_every_preset_and_its_example_is_a_profile() -> None:
    page = PAGE.read_text("utf-8")
    assert [name for name in names() if f"`{name}`" not in page] == []
    example = re.search(r"```yaml\n(.*?)```", page, re.DOTALL)
    assert example is not None
    profile = effective(read_yaml(example[1]))
    assert needs_rebind(diff(PLAIN, profile)) == ["bind.systemType"]
    assert profile.statuses["0x0455"].cause == "spam"


def test_what_needs_a_bind_is_about_connections() -> None:
    assert {path.partition(".")[0] for path in rebind_paths()} == {"bind", "connection", "timers"}
    assert "connection.maxBinds" not in rebind_paths()


@pytest.mark.parametrize("name", names())
def test_a_profile_as_yaml_is_that_profile_again(name: str) -> None:
    document = {
        "extends": name,
        "receipts": {"words": {"027": "expired", "on": "enroute", "12:30": "accepted", "0x1F": "deleted"}},
        "tlvs": {"send": [{"tag": 0x2900, "value": "null"}]},
        "statuses": {"0x0400-0x04FF": {"action": "hold"}},
        "bind": {"systemType": "1e3", "addressRange": "~"},
    }
    profile = effective(document)
    assert effective(read_yaml(to_yaml(document))) == profile
    assert parse(read_yaml(to_yaml(to_data(profile, complete=True)))) == profile
    assert "tag: 0x2900" in to_yaml(document)


def test_problems_are_placed_at_the_line_of_the_nearest_path() -> None:
    text = "title: x\ntlvs:\n  send:\n    - tag: 1\n      value: '{a}'\n    - value: x\npace: 3\n"
    lines = lines_of(text)
    assert [placed(one, lines).partition(":")[0] for one in check(read_yaml(text))] == ["line 6", "line 7"]
    assert lines_of("a: [") == {}


def test_the_lines_of_a_text_that_repeats_itself_are_found_at_once() -> None:
    repeated = "".join(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]\n" for n in range(1, 41))
    lines = lines_of(f"a0: &a0 [x]\n{repeated}pace: 3\n")
    assert (lines["a40"], lines["pace"]) == (41, 42)
    assert len(lines) < 200
    assert lines_of("a: &a [*a]\nb: 1\n")["b"] == 2
