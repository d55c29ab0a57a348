"""A collector of OpenTelemetry spans for tests: takes what the OTLP exporter posts and keeps it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


@dataclass(frozen=True, slots=True)
class Told:
    """One span as it was sent; ids in hexadecimal, times in Unix seconds."""

    service: str
    name: str
    trace_id: str
    span_id: str
    parent: str
    begin: float
    end: float
    attributes: dict[str, Any]


@dataclass(eq=False)
class Collector:
    """`async with Collector() as collector`; `raw` is all that came, as octets."""

    spans: list[Told] = field(default_factory=list)
    raw: list[bytes] = field(default_factory=list)

    async def __aenter__(self) -> Collector:
        app = web.Application()
        app.router.add_post("/v1/traces", self._take)
        self._runner = web.AppRunner(app)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.port = self._runner.addresses[0][1]
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    def env(self) -> dict[str, str]:
        """What makes a process send its spans here, soon."""
        return {
            "TRACING": "1",
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{self.port}",
            "OTEL_BSP_SCHEDULE_DELAY": "200",
        }

    async def until(self, condition: Callable[[], bool], timeout: float = 60.0) -> None:
        end = time.monotonic() + timeout
        while not condition():
            assert time.monotonic() < end, [(span.service, span.name) for span in self.spans]
            await asyncio.sleep(0.05)

    def of(self, trace_id: str) -> list[Told]:
        return [span for span in self.spans if span.trace_id == trace_id]

    async def _take(self, request: web.Request) -> web.Response:
        body = await request.read()
        self.raw.append(body)
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            service = next(
                one.value.string_value for one in resource.resource.attributes if one.key == "service.name"
            )
            for scope in resource.scope_spans:
                self.spans += [_told(service, span) for span in scope.spans]
        return web.Response()


def _told(service: str, span: Any) -> Told:
    values = {one.key: getattr(one.value, str(one.value.WhichOneof("value"))) for one in span.attributes}
    begin, end = span.start_time_unix_nano / 1e9, span.end_time_unix_nano / 1e9
    ids = span.trace_id.hex(), span.span_id.hex(), span.parent_span_id.hex()
    return Told(service, span.name, *ids, begin, end, values)
