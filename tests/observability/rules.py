"""The alert rules as files: names, expressions, and the metrics they read."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
OBSERVABILITY = ROOT / "docker" / "observability"
RULES = OBSERVABILITY / "alerts"
_METRIC = re.compile(r"\b(?:smpp_connector_\w+|up)\b")


@dataclass(frozen=True, slots=True)
class Alert:
    name: str
    expression: str
    severity: str
    annotations: dict[str, str]


def rule_files() -> list[Path]:
    return sorted(RULES.glob("*.yml"))


@cache
def alerts() -> tuple[Alert, ...]:
    """All of them, in the order of the files."""
    return tuple(
        Alert(rule["alert"], rule["expr"], rule["labels"]["severity"], rule["annotations"])
        for path in rule_files()
        for group in yaml.safe_load(path.read_text(encoding="utf-8"))["groups"]
        for rule in group["rules"]
    )


def metrics_in(expression: str) -> frozenset[str]:
    """Names of series in a PromQL expression; of a histogram its buckets."""
    return frozenset(_METRIC.findall(expression))


def metrics_of_rules() -> frozenset[str]:
    return frozenset().union(*(metrics_in(one.expression) for one in alerts()))
