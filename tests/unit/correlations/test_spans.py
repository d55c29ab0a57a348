"""ghasi.correlations.spans: a span of an admin list, as a person writes it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from ghasi.correlations.spans import Between, between

BEGIN, END = datetime(2026, 5, 4, 2, 0, tzinfo=UTC), datetime(2026, 5, 4, 2, 10, tzinfo=UTC)


@pytest.mark.parametrize(
    ("begin", "end", "found"),
    [
        ("2026-05-04T02:00", "2026-05-04T02:10", Between(BEGIN, END)),
        (" 2026-05-04 02:00 ", "", Between(BEGIN, None)),
        ("", "2026-05-04T02:10Z", Between(None, END)),
        ("2026-05-04T06:30+04:30", "2026-05-04T02:10", Between(BEGIN, END)),
        ("2026-05-04T02:00:59", "2026-05-04T02:09:01", Between(BEGIN, END)),
        ("", " ", Between()),
    ],
)
def test_it_is_taken_to_whole_minutes_of_utc(begin: str, end: str, found: Between) -> None:
    assert between(begin, end) == found
    assert bool(found) is bool(begin.strip() or end.strip())


@pytest.mark.parametrize(
    ("begin", "end", "sentence"),
    [
        ("nonsense", "", "“nonsense” is no time: give it as in 2026-05-04T02:10, in UTC."),
        ("", "02:10", "is no time"),
        ("2026-05-04T02:10", "2026-05-04T02:10", "ends before it begins"),
        ("2026-05-04T02:11", "2026-05-04T02:10", "ends before it begins"),
        ("0001-01-01T00:00+14:00", "", "is no time"),
        ("1969-12-31T23:59", "", "is no time of this ledger"),
        ("", "9999-12-31T23:59:30", "is no time of this ledger"),
        ("\0", "", "is no time"),
    ],
)
def test_what_cannot_be_is_told_in_a_sentence(begin: str, end: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        between(begin, end)


def test_a_long_word_is_not_repeated_whole() -> None:
    with pytest.raises(ValueError, match="is no time") as told:
        between("x" * 10_000, "")
    assert len(str(told.value)) < 120
