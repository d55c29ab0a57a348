"""docs/performance.md shows what docs/performance/*.json say, and nothing else."""

import re

import pytest

from benchmarks.report import DOCUMENT, filled, kept
from benchmarks.tables import TABLES, middle, number, table


def test_the_document_is_made_from_the_results() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    assert filled(text, kept()) == text, "run `python -m benchmarks report --only-tables`"


def test_every_table_has_a_place() -> None:
    places = re.findall(r"<!-- table (\w+) -->", DOCUMENT.read_text(encoding="utf-8"))
    assert sorted(places) == sorted(TABLES)


def test_what_was_not_measured_says_so() -> None:
    assert (
        filled("<!-- table tps -->\nold\n<!-- end -->", {}) == "<!-- table tps -->\nNot measured yet.\n<!-- end -->"
    )


def test_a_place_without_a_table_is_an_error() -> None:
    with pytest.raises(KeyError):
        filled("<!-- table speed -->\n<!-- end -->", {})


@pytest.mark.parametrize(
    ("value", "shown"), [(None, "–"), (0.4567, "0.46"), (9.99, "9.99"), (45.67, "45.7"), (1234.5, "1,234")]
)
def test_numbers(value: float | None, shown: str) -> None:
    assert number(value) == shown


def test_a_range_is_shown_where_runs_differ() -> None:
    assert middle({"median": 5.0, "low": 5.0, "high": 5.0}) == "5.00"
    assert middle({"median": 5.0, "low": 4.0, "high": 6.5}) == "5.00 (4.00 to 6.50)"


def test_table() -> None:
    assert table(["a", "b"], [["1", "2"]]) == "| a | b |\n| --- | --- |\n| 1 | 2 |"
