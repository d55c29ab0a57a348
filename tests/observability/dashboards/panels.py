"""Panels and dashboards as values, and what Grafana wants around them (docs/observability.md)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

SOURCE: Final = {"type": "prometheus", "uid": "${datasource}"}
OPERATOR: Final = 'operator_id=~"$operator"'
WIDTH: Final = 24
PREFIX: Final = "smpp_connector_"


@dataclass(frozen=True, slots=True)
class Panel:
    """One panel; `queries` are PromQL with their legends. `unit` is one of Grafana's."""

    title: str
    queries: tuple[tuple[str, str], ...]
    unit: str = "short"
    kind: str = "timeseries"
    width: int = 12
    height: int = 8
    about: str = ""


@dataclass(frozen=True, slots=True)
class Dashboard:
    """`by_operator`: with a variable that chooses operators."""

    uid: str
    title: str
    panels: tuple[Panel, ...]
    by_operator: bool = True


def line(title: str, expression: str, legend: str = "{{operator_id}}", **more: Any) -> Panel:
    return Panel(title, ((expression, legend),), **more)


def rate(metric: str, by: str = "operator_id", where: str = OPERATOR) -> str:
    return f"sum by ({by}) (rate({metric}{{{where}}}[$__rate_interval]))"


def rises(title: str, metric: str, by: str = "operator_id", legend: str = "", **more: Any) -> Panel:
    """A counter, as a rate a second."""
    shown = legend or " ".join(f"{{{{{name.strip()}}}}}" for name in by.split(","))
    return line(title, rate(metric, by), shown, unit=more.pop("unit", "ops"), **more)


def quantiles(title: str, metric: str, about: str = "") -> Panel:
    """Median, 95 % and 99 % of a histogram, over all chosen operators."""
    buckets = f"sum by (le) (rate({metric}_bucket{{{OPERATOR}}}[$__rate_interval]))"
    found = tuple((f"histogram_quantile({share}, {buckets})", f"{share:.0%}") for share in (0.5, 0.95, 0.99))
    return Panel(title, found, "s", about=about)


def level(title: str, metric: str, function: str = "sum", by: str = "operator_id", **more: Any) -> Panel:
    return line(title, f"{function} by ({by}) ({metric}{{{OPERATOR}}})", f"{{{{{by}}}}}", **more)


def stat(title: str, expression: str, unit: str = "short", about: str = "") -> Panel:
    return Panel(title, ((expression, ""),), unit, "stat", width=4, height=4, about=about)


def document(dashboard: Dashboard) -> dict[str, Any]:
    """What Grafana imports."""
    return {
        "uid": dashboard.uid,
        "title": dashboard.title,
        "tags": ["smpp-connector"],
        "schemaVersion": 39,
        "version": 1,
        "editable": True,
        "refresh": "30s",
        "time": {"from": "now-3h", "to": "now"},
        "templating": {"list": _variables(dashboard)},
        "links": [_link()],
        "annotations": {"list": []},
        "panels": _placed(dashboard.panels),
    }


def _variables(dashboard: Dashboard) -> list[dict[str, Any]]:
    source = {"name": "datasource", "label": "Prometheus", "type": "datasource", "query": "prometheus", "hide": 0}
    operator = {
        "name": "operator",
        "label": "Operator",
        "type": "query",
        "datasource": SOURCE,
        "query": {"query": f"label_values({PREFIX}sessions_total, operator_id)", "refId": "operator"},
        "refresh": 2,
        "multi": True,
        "includeAll": True,
        "allValue": ".*",
        "current": {"text": "All", "value": "$__all"},
        "sort": 1,
    }
    return [source, operator] if dashboard.by_operator else [source]


def _link() -> dict[str, Any]:
    return {"type": "dashboards", "tags": ["smpp-connector"], "title": "", "includeVars": True, "keepTime": True}


def _placed(panels: Sequence[Panel]) -> list[dict[str, Any]]:
    """From left to right, a new line where one does not fit."""
    made: list[dict[str, Any]] = []
    x = y = tallest = 0
    for number, panel in enumerate(panels, 1):
        if x + panel.width > WIDTH:
            x, y, tallest = 0, y + tallest, 0
        made.append(_panel(panel, number, x, y))
        x, tallest = x + panel.width, max(tallest, panel.height)
    return made


def _panel(panel: Panel, number: int, x: int, y: int) -> dict[str, Any]:
    table = panel.kind == "table"
    return {
        "id": number,
        "type": panel.kind,
        "title": panel.title,
        "description": panel.about,
        "datasource": SOURCE,
        "gridPos": {"x": x, "y": y, "w": panel.width, "h": panel.height},
        "fieldConfig": {"defaults": {"unit": panel.unit, "min": 0} if not table else {}, "overrides": []},
        "options": {} if table else {"reduceOptions": {"calcs": ["lastNotNull"]}} if panel.kind == "stat" else {},
        "targets": [
            {
                "refId": chr(ord("A") + place),
                "datasource": SOURCE,
                "expr": expression,
                "legendFormat": legend,
                **({"instant": True, "format": "table"} if table else {}),
            }
            for place, (expression, legend) in enumerate(panel.queries)
        ],
    }
