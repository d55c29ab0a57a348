from datetime import UTC, datetime, timedelta

import pytest

from ghasi.probe.findings import Certainty
from ghasi.probe.infer.dates import conclude, read_date, zone_name
from tests.unit.probe.build import NOW, receipt, seen, sent


def local(pattern: str, hours: float = 0.0, at: float = NOW) -> str:
    return (datetime.fromtimestamp(at, UTC) + timedelta(hours=hours)).strftime(pattern)


def verdict(pattern: str, hours: float, *, zone: str = "UTC"):
    text = local(pattern, hours)
    one, message = seen(receipt("1", submit=text, done=text)), sent("1")
    form, found = conclude([(one, message)], [one], zone, NOW + 2)
    return form, found


@pytest.mark.parametrize(
    ("pattern", "form"),
    [
        ("%y%m%d%H%M", "YYMMDDhhmm"),
        ("%y%m%d%H%M%S", "YYMMDDhhmmss"),
        ("%Y%m%d%H%M", "YYYYMMDDhhmm"),
        ("%Y%m%d%H%M%S", "YYYYMMDDhhmmss"),
        ("%d%m%y%H%M", "DDMMYYhhmm"),
    ],
)
def test_forms(pattern: str, form: str) -> None:
    found, _ = verdict(pattern, 3)
    assert found.value == {"submit": form, "done": form}


def test_a_form_the_connector_does_not_read_by_itself_is_proposed() -> None:
    assert verdict("%d%m%y%H%M", 0)[0].proposes == {"receipts.dateForms": ["DDMMYYhhmm"]}
    assert verdict("%y%m%d%H%M", 0)[0].proposes == {}


@pytest.mark.parametrize(
    ("hours", "zone"),
    [(0, "UTC"), (3, "Etc/GMT-3"), (-5, "Etc/GMT+5"), (4.5, "Asia/Kabul"), (5.75, "Asia/Kathmandu")],
)
def test_zones(hours: float, zone: str) -> None:
    for pattern in ("%y%m%d%H%M", "%y%m%d%H%M%S"):
        _, found = verdict(pattern, hours)
        assert found.certainty is Certainty.TOLD
        assert found.value == {"offset": int(3600 * hours), "zone": zone}
        assert found.proposes == {"receipts.zone": zone}


def test_the_zone_in_use_is_kept_where_it_fits() -> None:
    assert verdict("%y%m%d%H%M", 3, zone="Europe/Helsinki")[1].proposes == {"receipts.zone": "Europe/Helsinki"}
    assert zone_name(2 * 3600, "Europe/Helsinki", NOW) == "Etc/GMT-2"


def test_a_date_with_its_own_offset_needs_no_zone() -> None:
    text = local("%y%m%d%H%M%S", 3) + "012+"
    one = seen(receipt("1", submit=text, done=text))
    _, found = conclude([(one, sent("1"))], [one], "UTC", NOW)
    assert found.value == {"offset": 10800, "written": True}
    assert not found.proposes


def test_an_offset_that_is_written_and_not_meant() -> None:
    """Local time, but the offset of UTC behind it."""
    text = local("%y%m%d%H%M%S", 3) + "000+"
    one = seen(receipt("1", submit=text, done=text))
    _, found = conclude([(one, sent("1"))], [one], "UTC", NOW)
    assert found.value == {"offset": 10800, "zone": "Etc/GMT-3"}


def test_dates_that_disagree_stay_open() -> None:
    one = seen(receipt("1", submit=local("%y%m%d%H%M"), done=local("%y%m%d%H%M", 3)))
    _, found = conclude([(one, sent("1"))], [one], "UTC", NOW)
    assert found.certainty is Certainty.OPEN


def test_no_dates() -> None:
    one = seen("id:1 stat:DELIVRD")
    assert {each.certainty for each in conclude([(one, sent("1"))], [one], "UTC", NOW)} == {Certainty.OPEN}
    assert read_date("000000000000", NOW, NOW) == []
    assert read_date("999999999999000+", NOW, NOW) == []
