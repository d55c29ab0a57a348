"""ghasi.logs: JSON lines by allow-list."""

from __future__ import annotations

import ast
import asyncio.sslproto
import inspect
import io
import json
import logging
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from ghasi.logs import ALLOWED, get_logger, number_hint, setup_logging

ROOT = Path(__file__).parents[2]
LEVELS = {"debug", "info", "warning", "error", "critical", "exception"}


@pytest.fixture
def out() -> Iterator[io.StringIO]:
    stream = io.StringIO()
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    hooks = sys.excepthook, threading.excepthook, sys.unraisablehook
    setup_logging("test", "info", stream)
    yield stream
    root.handlers[:], root.level = handlers, level
    sys.excepthook, threading.excepthook, sys.unraisablehook = hooks


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


def keys_given() -> dict[str, str]:
    """Keywords of all calls of a `log` in the code, and where one of them stands."""
    found: dict[str, str] = {}
    for package in ("ghasi", "workers", "sessions_gateway"):
        for path in (ROOT / package).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Call) and _is_told(node.func):
                    found |= {one.arg or "**": f"{path}:{node.lineno}" for one in node.keywords}
    return found


def _is_told(called: ast.expr) -> bool:
    return (
        isinstance(called, ast.Attribute)
        and called.attr in LEVELS
        and ast.unparse(called.value) in ("log", "get_logger()", "structlog.get_logger()")
    )


def test_what_the_code_tells_is_not_dropped_by_its_key() -> None:
    given = keys_given()
    assert len(given) > 30
    assert {key: place for key, place in given.items() if key not in {*ALLOWED, "exc_info", "traceparent"}} == {}


TRACEPARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
MESSAGE = "7a9d1c34-5b6e-4f80-9a1b-2c3d4e5f6071"


def test_a_line_leads_to_the_trace_that_the_platform_named(out: io.StringIO) -> None:
    get_logger().info("x", messageId=MESSAGE, traceparent=TRACEPARENT)
    (line,) = lines(out)
    assert line["traceId"] == "4bf92f3577b34da6a3ce929d0e0e4736"
    assert "traceparent" not in line


@pytest.mark.parametrize("given", [{"traceparent": "+93701234567"}, {"traceparent": None}, {}])
def test_what_names_no_trace_leads_to_none(out: io.StringIO, given: dict[str, str]) -> None:
    get_logger().info("x", messageId=MESSAGE, **given)
    assert "traceId" not in lines(out)[0]
    assert "93701234567" not in out.getvalue()


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


def test_what_the_web_server_quotes_of_a_request_is_told_by_its_kind(out: io.StringIO) -> None:
    server = logging.getLogger("gunicorn.error")
    try:
        raise ValueError("+93701234567")
    except ValueError:
        server.exception("Error handling request %s", "/admin/?q=93701234567")
    server.warning("Invalid request from ip=127.0.0.1: Invalid HTTP method: 'hello'")
    told = lines(out)
    assert [one["detail"] for one in told] == [told[0]["detail"], "Invalid request"]
    assert told[0]["errorType"] == "ValueError"
    assert {one["logger"] for one in told} == {"gunicorn.error"}
    for secret in ("93701234567", "hello"):
        assert secret not in out.getvalue()


CRASHES = """
import sys, threading
from ghasi.logs import setup_logging
setup_logging("test")
def fail():
    try:
        raise KeyError("+93701234567")
    except KeyError as error:
        raise ValueError("text hello") from error
class Odd:
    def __del__(self):
        raise RuntimeError("secret99")
thread = threading.Thread(target=fail); thread.start(); thread.join()
Odd()
fail()
"""


def test_what_nobody_caught_is_told_by_type_and_place_only() -> None:
    done = subprocess.run([sys.executable, "-c", CRASHES], capture_output=True, text=True, check=False)
    told = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 1
    assert [one["errorType"] for one in told] == ["ValueError", "KeyError", "RuntimeError", "ValueError", "KeyError"]
    assert {one["event"] for one in told} == {"crash.unhandled"}
    assert all(one["detail"].startswith("__main__:") for one in told)
    assert done.stderr == ""
    for secret in ("93701234567", "hello", "secret99"):
        assert secret not in done.stdout


def test_the_end_of_a_tls_connection_is_no_warning(out: io.StringIO) -> None:
    """The words are asyncio's own: another release that says it otherwise fails here."""
    halves = ("returning true from eof_received() ", "has no effect when using ssl")
    source = inspect.getsource(asyncio.sslproto)
    assert all(half in source for half in halves)
    logging.getLogger("asyncio").warning("".join(halves))
    logging.getLogger("asyncio").warning("socket.send() raised exception.")
    (line,) = lines(out)
    assert line["detail"] == "socket.send() raised exception."
