from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from ghasi.smpp.times import absolute_time, relative_time


@pytest.mark.parametrize(
    ("period", "written"),
    [
        (timedelta(days=1), "000001000000000R"),
        (timedelta(minutes=9, seconds=59.9), "000000000959000R"),
        (timedelta(hours=49, seconds=1), "000002010001000R"),
        (timedelta(seconds=-5), "000000000001000R"),
        (timedelta(days=400), "000031000000000R"),
    ],
)
def test_relative(period: timedelta, written: str) -> None:
    assert relative_time(period) == written


@pytest.mark.parametrize(
    ("zone", "written"),
    [
        ("UTC", "260418103107500+"),
        ("Asia/Kabul", "260418150107518+"),
        ("Asia/Kathmandu", "260418161607523+"),
        ("America/New_York", "260418063107516-"),
    ],
)
def test_absolute(zone: str, written: str) -> None:
    moment = datetime(2026, 4, 18, 10, 31, 7, 540_000, tzinfo=UTC)
    assert absolute_time(moment, ZoneInfo(zone)) == written
