"""ghasi.logs: JSON lines by allow-list."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest

from ghasi.logs import get_logger, number_hint, setup_logging


@pytest.fixture
def out() -> Iterator[io.StringIO]:
    stream = io.StringIO()
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    setup_logging("test", "info", stream)
    yield stream
    root.handlers[:], root.level = handlers, level


def lines(stream: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_line_has_time_level_event_service_and_the_keys_allowed(out: io.StringIO) -> None:
    get_logger().info("smpp.session.bound", operatorId="o", bindMode="TRANSCEIVER")
    (line,) = lines(out)
    assert line["event"] == "smpp.session.bound"
    assert line["service"] == "test"
    assert line["level"] == "info"
    assert str(line["timestamp"]).endswith("Z")
    assert (line["operatorId"], line["bindMode"]) == ("o", "TRANSCEIVER")


def test_unknown_keys_are_dropped(out: io.StringIO) -> None:
    get_logger().warning("x", to="+93701234567", text="hello", password="p", destination="937", short_message="h")
    (line,) = lines(out)
    assert set(line) == {"timestamp", "level", "event", "service"}


def test_an_exception_is_named_by_type_and_place_only(out: io.StringIO) -> None:
    try:
        raise ValueError("+93701234567 hello")
    except ValueError:
        get_logger().exception("failed")
    (line,) = lines(out)
    assert line["errorType"] == "ValueError"
    assert "test_logs" in str(line["detail"])
    assert "93701234567" not in out.getvalue()


def test_libraries_pass_at_warning_and_above_without_their_arguments(out: io.StringIO) -> None:
    logging.getLogger("lib").info("quiet")
    logging.getLogger("lib").warning("bad frame %s", "+93701234567")
    (line,) = lines(out)
    assert (line["event"], line["logger"], line["detail"]) == ("library", "lib", "bad frame %s")


def test_levels_below_the_threshold_are_silent(out: io.StringIO) -> None:
    get_logger().debug("x")
    assert out.getvalue() == ""


def test_a_number_can_be_followed_but_not_read() -> None:
    hint = number_hint("key", "+93701234567")
    assert hint == number_hint("key", "93701234567")
    assert hint != number_hint("other", "93701234567")
    assert hint.endswith("-67")
    assert "9370" not in hint
