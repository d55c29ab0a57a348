"""ghasi.telemetry: spans told when they are over, attributes by name, nothing at all while it is off."""

from __future__ import annotations

import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from ghasi.contracts.traceparent import TraceParent, derived
from ghasi.env import Env, SettingsError
from ghasi.telemetry import TRACES, Traces

PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
MESSAGE = uuid.UUID("7a9d1c34-5b6e-4f80-9a1b-2c3d4e5f6071")
ON = Env({"TRACING": "1"})


@pytest.fixture
def told() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@pytest.fixture
def traces(told: InMemorySpanExporter) -> Iterator[Traces]:
    made = Traces()
    made.start("test", ON, told)
    yield made
    made.stop()


def test_a_span_is_a_child_with_the_times_it_is_given(traces: Traces, told: InMemorySpanExporter) -> None:
    traces.span("smpp.submit_sm", "CLIENT", PARENT, 1000.5, 1001.25, {"smpp.outcome": "rejected"}, failed=True)
    traces.stop()
    (span,) = told.get_finished_spans()
    assert span.context is not None
    assert span.parent is not None
    assert f"{span.context.trace_id:032x}" == "4bf92f3577b34da6a3ce929d0e0e4736"
    assert f"{span.parent.span_id:016x}" == "00f067aa0ba902b7"
    assert (span.start_time, span.end_time) == (1_000_500_000_000, 1_001_250_000_000)
    assert (span.name, span.kind, span.status.status_code) == ("smpp.submit_sm", SpanKind.CLIENT, StatusCode.ERROR)
    assert span.attributes == {"smpp.outcome": "rejected"}
    assert span.resource.attributes == {"service.name": "test"}


def test_a_message_s_own_trace_has_a_root_that_its_other_spans_name(
    traces: Traces, told: InMemorySpanExporter
) -> None:
    traces.span("sms.receipt", "CONSUMER", str(derived(MESSAGE)), 3, 4, {})
    traces.span("sms.command", "CONSUMER", derived(MESSAGE), 1, 2, {}, root=True)
    traces.span("sms.receipt", "CONSUMER", str(derived(MESSAGE)), 5, 6, {})
    traces.stop()
    child, root, later = told.get_finished_spans()
    assert root.parent is None
    assert root.context is not None
    assert root.context.trace_id == MESSAGE.int
    for one in (child, later):
        assert one.context is not None
        assert one.parent is not None
        assert one.context.trace_id == MESSAGE.int
        assert one.parent.span_id == root.context.span_id
        assert one.context.span_id != root.context.span_id


def test_attributes_have_names_of_the_list_only(traces: Traces, told: InMemorySpanExporter) -> None:
    traces.span("sms.command", "CONSUMER", PARENT, 1, 2, {"to": "+93701234567", "text": "x", "smpp.attempt": 2})
    traces.stop()
    assert told.get_finished_spans()[0].attributes == {"smpp.attempt": 2}


@pytest.mark.parametrize("parent", [None, "", "rubbish", PARENT[:-1] + "0", derived(MESSAGE, 0.0)])
def test_no_trace_or_one_that_is_not_sampled_tells_nothing(
    traces: Traces, told: InMemorySpanExporter, parent: str | None
) -> None:
    traces.span("sms.command", "CONSUMER", parent, 1, 2, {})
    traces.stop()
    assert told.get_finished_spans() == ()


def test_off_is_the_default_and_stopping_it_does_nothing() -> None:
    made = Traces()
    made.start("test", Env({}))
    assert not made.on
    made.stop()
    assert not TRACES.on


@pytest.mark.parametrize("variables", [{"TRACING": "perhaps"}, {"TRACING_RATIO": "2"}])
def test_settings_that_do_not_fit_are_refused_by_name(variables: dict[str, str]) -> None:
    with pytest.raises(SettingsError, match=next(iter(variables))):
        Traces().start("test", Env(variables))


def _python(code: str) -> str:
    root = str(Path(__file__).parents[2])
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={"PYTHONPATH": root}
    )
    return done.stdout.strip()


def test_while_it_is_off_the_package_is_not_even_imported() -> None:
    code = (
        "import sys; from ghasi.telemetry import TRACES; TRACES.start('t');"
        "print([name for name in sys.modules if name.startswith('opentelemetry')])"
    )
    assert _python(code) == "[]"


def test_where_the_package_is_missing_that_is_said() -> None:
    code = (
        "import sys; sys.modules['opentelemetry'] = None; from ghasi.env import Env, SettingsError\n"
        "from ghasi.telemetry import TRACES\n"
        "try: TRACES.start('t', Env({'TRACING': '1'}))\n"
        "except SettingsError as error: print(error)"
    )
    assert _python(code) == "TRACING: needs the packages of requirements-otel.txt"


@pytest.mark.parametrize(("on", "own"), [(True, derived(MESSAGE)), (False, None)])
def test_a_message_is_in_the_platform_s_trace_else_in_its_own_where_there_are_any(
    on: bool, own: TraceParent | None
) -> None:
    made = Traces()
    made.on = on
    assert str(made.of(PARENT, MESSAGE)) == PARENT
    assert made.of(None, MESSAGE) == own
    assert made.of("none", str(MESSAGE)) == own
    assert made.of(None, "none") is None
    assert made.of(None, None) is None
