"""Every metric of the code with one child each, as a page for promtool's linter."""

from __future__ import annotations

from prometheus_client import REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.metrics import MetricWrapperBase

from sessions_gateway.metrics import Metrics
from workers import metrics as pools

PREFIX = "smpp_connector_"


def registries() -> tuple[CollectorRegistry, ...]:
    """The gateway's and the pools'."""
    return Metrics().registry, REGISTRY


def families() -> dict[str, MetricWrapperBase]:
    """Our metrics by the name they are registered under; the gateway's where both sides have one of that name."""
    assert pools is not None
    found: dict[str, MetricWrapperBase] = {}
    for registry in reversed(registries()):
        for collector in list(registry._collector_to_names):
            if isinstance(collector, MetricWrapperBase) and collector._name.startswith(PREFIX):
                found[collector._name] = collector
    return found


def pages() -> list[str]:
    """Of each registry one page."""
    made = []
    for registry in registries():
        for collector in list(registry._collector_to_names):
            if isinstance(collector, MetricWrapperBase) and collector._labelnames:
                collector.labels(*("x" for _ in collector._labelnames))
        text = generate_latest(registry).decode()
        made.append("".join(_without_created(_ours(text.splitlines(keepends=True)))))
    return made


def _ours(lines: list[str]) -> list[str]:
    return [line for line in lines if PREFIX in line]


def _without_created(lines: list[str]) -> list[str]:
    """When a counter began is prometheus_client's own addition."""
    return [line for line in lines if "_created" not in line]
