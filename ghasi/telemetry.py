"""Traces by OpenTelemetry: the only module that knows it, and only where TRACING is 1
(docs/decisions/0028-traces.md).

Every span is told once it is over, with the times that were taken anyway. While tracing is off, which is the default,
whoever asks pays one look at `TRACES.on`; the package is not even imported.

Attributes are a fixed set of names (`ALLOWED`): numbers, texts and what an operator writes freely have no place
there. Spans are made on one thread of a process, its event loop.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

from ghasi.contracts.traceparent import TraceParent, derived, parse
from ghasi.env import Env, SettingsError

ALLOWED: Final = frozenset(
    """
    messaging.system messaging.operation.type messaging.message.id smpp.operator_id smpp.outcome smpp.command_status
    smpp.segment smpp.segments smpp.attempt smpp.replica dlr.status dlr.final error.type
    """.split()  # noqa: SIM905 - a page of words reads better than a page of quotes
)
FLUSH_MS: Final = 3000
Value = str | int | bool


class Traces:
    """`TRACES` is the one of the process. Ask `on` before anything else."""

    def __init__(self) -> None:
        self.on = False
        self.ratio = 1.0
        """Of messages whose command names no trace: how many get one."""
        self._provider: Any = None
        self._tracer: Any = None
        self._api: Any = None
        self._ids: Any = None

    def start(self, service: str, env: Env | None = None, exporter: Any = None) -> None:
        """Reads TRACING and TRACING_RATIO; where to send is OpenTelemetry's to read (OTEL_EXPORTER_OTLP_ENDPOINT and
        its other variables). Call it in the process that makes the spans, not in one that forks. Raises
        SettingsError."""
        env = env or Env()
        self.ratio = env.number("TRACING_RATIO", 1.0, low=0.0, high=1.0)
        if not env.flag("TRACING"):
            return
        try:
            self._open(service, exporter)
        except ImportError:
            raise SettingsError("TRACING: needs the packages of requirements-otel.txt") from None
        self.on = True

    def _open(self, service: str, exporter: Any) -> None:
        sdk = importlib.import_module("opentelemetry.sdk.trace")
        self._api = importlib.import_module("opentelemetry.trace")
        resource = importlib.import_module("opentelemetry.sdk.resources").Resource({"service.name": service})
        sampling = importlib.import_module("opentelemetry.sdk.trace.sampling")
        batch = importlib.import_module("opentelemetry.sdk.trace.export").BatchSpanProcessor
        if exporter is None:
            otlp = importlib.import_module("opentelemetry.exporter.otlp.proto.http.trace_exporter")
            exporter = otlp.OTLPSpanExporter()
        self._ids = _Ids(importlib.import_module("opentelemetry.sdk.trace.id_generator").RandomIdGenerator())
        self._provider = sdk.TracerProvider(
            # Whether a trace is recorded was decided at its root, and stands in its flags.
            sampler=sampling.ParentBased(sampling.ALWAYS_ON),
            resource=resource,
            id_generator=self._ids,
            shutdown_on_exit=False,
        )
        self._provider.add_span_processor(batch(exporter))
        self._tracer = self._provider.get_tracer("ghasi")

    def of(self, traceparent: str | None, message_id: str | UUID | None) -> TraceParent | None:
        """The context of a message: the platform's, else, while traces are made, the message's own."""
        given = parse(traceparent)
        if given is not None or not self.on or message_id is None:
            return given
        try:
            return derived(UUID(str(message_id)), self.ratio)
        except ValueError:
            return None

    def span(
        self,
        name: str,
        kind: str,
        traceparent: str | TraceParent | None,
        begin: float,
        end: float,
        attributes: Mapping[str, Value],
        *,
        failed: bool = False,
        root: bool = False,
    ) -> None:
        """One span that is over, child of `traceparent`; `begin` and `end` in Unix seconds. `root`: it is that span
        itself. Nothing where there is no such trace or it is not sampled. Never raises for what the operator said."""
        parent = traceparent if isinstance(traceparent, TraceParent) else parse(traceparent)
        if parent is None or not parent.sampled:
            return
        api = self._api
        context = None if root else api.set_span_in_context(api.NonRecordingSpan(self._context(parent)))
        self._ids.wanted = parent if root else None
        try:
            made = self._tracer.start_span(
                name,
                context=api.set_span_in_context(api.INVALID_SPAN) if context is None else context,
                kind=api.SpanKind[kind],
                start_time=int(begin * 1e9),
                attributes={key: value for key, value in attributes.items() if key in ALLOWED},
            )
        finally:
            self._ids.wanted = None
        if failed:
            made.set_status(api.StatusCode.ERROR)
        made.end(int(max(begin, end) * 1e9))

    def _context(self, parent: TraceParent) -> Any:
        return self._api.SpanContext(
            parent.trace_id, parent.span_id, is_remote=True, trace_flags=self._api.TraceFlags(parent.flags)
        )

    def stop(self) -> None:
        """Sends what is left, for a few seconds at most."""
        if self.on:
            self.on = False
            self._provider.force_flush(FLUSH_MS)
            self._provider.shutdown()


class _Ids:
    """Random ids, but for the root of a derived trace, whose ids are the message's."""

    def __init__(self, random: Any) -> None:
        self._random = random
        self.wanted: TraceParent | None = None

    def generate_trace_id(self) -> int:
        return self.wanted.trace_id if self.wanted else int(self._random.generate_trace_id())

    def generate_span_id(self) -> int:
        return self.wanted.span_id if self.wanted else int(self._random.generate_span_id())

    def is_trace_id_random(self) -> bool:
        return False


TRACES: Final = Traces()
