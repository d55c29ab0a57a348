"""ghasi.overview.charts: shapes of the last hour."""

from __future__ import annotations

import re
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from ghasi.operators.minutes import Tally, observe
from ghasi.overview.charts import BOTTOM, LEFT, MINUTES, RIGHT, TOP, Chart, charts, nice

FIRST = datetime(2026, 11, 21, 16, 31, tzinfo=UTC)


def tally(*answered: float, **counts: int) -> Tally:
    made = Tally(Counter(counts))
    observe(made.answered, answered)
    return made


def at(n: int) -> datetime:
    return FIRST + timedelta(minutes=n)


def chart(key: str, tallies: dict[datetime, Tally]) -> Chart:
    return next(one for one in charts(tallies, FIRST) if one.key == key)


def places(path: str) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in re.findall(r"[ML]([\d.]+) ([\d.]+)", path)]


def test_a_chart_is_told_in_words() -> None:
    told = chart("submits", {at(58): tally(submitted=7), at(59): tally(submitted=4)}).description
    assert "taken 4" in told
    assert "at most 7" in told


def test_what_lies_outside_the_hour_is_left_out() -> None:
    tallies = {at(-1): tally(submitted=3), at(60): tally(submitted=3)}
    assert chart("submits", tallies).description == "Nothing in the last hour."


def test_a_line_has_a_point_a_minute_within_its_frame() -> None:
    drawn = chart("submits", {at(0): tally(submitted=10), at(30): tally(submitted=5)})
    found = places(drawn.series[0].path)
    assert len(found) == MINUTES
    assert (found[0], found[-1]) == ((LEFT, TOP), (RIGHT, BOTTOM))
    assert found[30][1] == pytest.approx((TOP + BOTTOM) / 2)


def test_a_minute_without_answers_is_a_gap_and_a_lone_one_a_dot() -> None:
    drawn = chart("answers", {at(3): tally(0.03), at(10): tally(0.2), at(11): tally(0.2)})
    half = drawn.series[0]
    assert (half.path.count("M"), half.path.count("L"), half.dots.count("M")) == (1, 1, 1)
    assert len(places(half.path)) == 2


def test_percentiles_are_told_in_units_people_read() -> None:
    drawn = chart("answers", {at(59): tally(*[0.03] * 99, 9.0)})
    assert re.search(r"half 3\d(\.\d)? ms", drawn.description)
    assert drawn.rows[-1][1].endswith(" ms")
    assert drawn.rows[0][1:] == ("–", "–", "–")


def test_the_table_has_the_highest_minute_of_each_ten() -> None:
    drawn = chart("receipts", {at(0): tally(dlr_delivered=2), at(9): tally(dlr_delivered=8, dlr_rejected=1)})
    assert drawn.rows[0] == ("16:31", "8", "0", "1", "0")
    assert len(drawn.rows) == 6


def test_an_axis_has_round_steps() -> None:
    labels = [one.label for one in chart("submits", {at(0): tally(submitted=17)}).up]
    assert labels == ["0", "5", "10", "15", "20"]
    assert [one.label for one in chart("submits", {at(0): tally(submitted=1)}).up] == ["0", "1", "2", "3", "4", "5"]


@pytest.mark.parametrize(
    ("most", "end"), [(0, 1.0), (1, 1.0), (1.1, 2.0), (3, 5.0), (7, 10.0), (100, 100.0), (0.03, 0.05)]
)
def test_an_axis_ends_at_a_round_figure(most: float, end: float) -> None:
    assert nice(most) == pytest.approx(end)
