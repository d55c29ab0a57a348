"""ghasi.smpp.receipt_dates: the forms an operator's rules name (what is read without rules: the corpus)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ghasi.smpp.receipt_dates import check_form, parse_date

MOMENT = datetime(2026, 4, 18, 10, 30, 15)


@pytest.mark.parametrize(
    ("form", "value", "local"),
    [
        ("YYYYMMDDhhmm", "201206201641", datetime(2012, 6, 20, 16, 41)),
        ("YYMMDDhhmmss", "201206201641", datetime(2020, 12, 6, 20, 16, 41)),
        ("DDMMYYhhmm", "1804261030", datetime(2026, 4, 18, 10, 30)),
        ("DD/MM/YYYY hh:mm:ss", "18/04/2026 10:30:15", MOMENT),
        ("YYYY-MM-DDThh:mm", "2026-04-18T10:30", datetime(2026, 4, 18, 10, 30)),
        ("YYMMDD", "260418", datetime(2026, 4, 18)),
    ],
)
def test_a_form_of_the_operator(form: str, value: str, local: datetime) -> None:
    date = parse_date(value, (form,))
    assert date is not None
    assert (date.local, date.offset) == (local, None)


@pytest.mark.parametrize(("form", "value"), [("unix", "1776508215"), ("unixms", "1776508215250")])
def test_a_count_from_1970_is_in_utc_whatever_the_zone(form: str, value: str) -> None:
    date = parse_date(value, (form,))
    assert date is not None
    assert date.at(timezone(timedelta(hours=5))) == MOMENT.replace(tzinfo=UTC)


def test_a_value_of_another_length_is_read_by_its_length() -> None:
    date = parse_date("20260418103015", ("YYYYMMDDhhmm",))
    assert date is not None
    assert date.local == MOMENT


def test_a_value_of_the_forms_shape_is_read_by_it_alone() -> None:
    assert parse_date("201306201641") is not None
    assert parse_date("201306201641", ("YYMMDDhhmmss",)) is None


def test_the_first_of_several_forms_that_makes_a_date_counts() -> None:
    date = parse_date("201306201641", ("YYMMDDhhmmss", "YYYYMMDDhhmm"))
    assert date is not None
    assert date.local == datetime(2013, 6, 20, 16, 41)


@pytest.mark.parametrize("form", ["", "hhmm", "YYYYMM", "YYYMMDD", "YYMMDDhhmmh", "YYMMDDD", "YMD", "YYMMDDMM"])
def test_no_form(form: str) -> None:
    with pytest.raises(ValueError, match="a date form"):
        check_form(form)


@given(
    st.datetimes(datetime(2000, 1, 1), datetime(2099, 12, 31)),
    st.sampled_from(
        [
            ("YYYYMMDDhhmmss", "%Y%m%d%H%M%S"),
            ("YYMMDDhhmmss", "%y%m%d%H%M%S"),
            ("DD.MM.YYYY hh-mm-ss", "%d.%m.%Y %H-%M-%S"),
        ]
    ),
)
def test_every_date_comes_back(moment: datetime, form: tuple[str, str]) -> None:
    date = parse_date(moment.strftime(form[1]), (form[0],))
    assert date is not None
    assert date.local == moment.replace(microsecond=0)


@given(st.text(max_size=24), st.lists(st.sampled_from(["unix", "unixms", "YYMMDDhhmm", "DDMMYY hh:mm"]), max_size=3))
def test_no_value_raises(value: str, forms: list[str]) -> None:
    parse_date(value, tuple(forms))
