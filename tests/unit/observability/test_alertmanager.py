"""docker/observability/alertmanager.yml: of alerts that exist, whom they reach, and what is silent beside what."""

from __future__ import annotations

import re
from typing import Any

import yaml

from tests.observability.rules import OBSERVABILITY, alerts

CONFIG: dict[str, Any] = yaml.safe_load((OBSERVABILITY / "alertmanager.yml").read_text(encoding="utf-8"))
DOCUMENT = (OBSERVABILITY.parents[1] / "docs" / "observability.md").read_text(encoding="utf-8")
_MATCHER = re.compile(r'(\w+)(=~|=)"([^"]*)"')


def matches(matchers: list[str], labels: dict[str, str]) -> bool:
    """As Alertmanager reads them: all must hold, expressions over the whole value."""
    found = [match.groups() for one in matchers if (match := _MATCHER.fullmatch(one))]
    assert len(found) == len(matchers), matchers
    return all(
        re.fullmatch(value, labels.get(name, "")) if how == "=~" else labels.get(name, "") == value
        for name, how, value in found
    )


def test_every_severity_reaches_somebody() -> None:
    receivers = {one["name"] for one in CONFIG["receivers"]}
    route = CONFIG["route"]
    assert {route["receiver"], *(one["receiver"] for one in route["routes"])} == receivers
    reached = {
        severity: next(
            (one["receiver"] for one in route["routes"] if matches(one["matchers"], {"severity": severity})),
            route["receiver"],
        )
        for severity in {one.severity for one in alerts()}
    }
    assert reached == {"critical": "on-call", "warning": "working-hours"}


def test_a_cause_silences_what_it_does_to_operators_and_nothing_else() -> None:
    (rule,) = CONFIG["inhibit_rules"]
    causes = {one.name for one in alerts() if matches(rule["source_matchers"], {"alertname": one.name})}
    assert causes == {"SmppConnectorLedgerAway", "SmppConnectorNatsAway", "SmppConnectorAllSessionsDown"}
    assert all(f"`{name}`" in DOCUMENT for name in causes)
    for one in alerts():
        assert matches(rule["target_matchers"], {"alertname": one.name, "operator_id": "x"}), one.name
        assert not matches(rule["target_matchers"], {"alertname": one.name}), one.name
        assert one.name not in causes or "operator_id" not in str(one.annotations), "a cause is nobody's alone"
    assert not matches(rule["target_matchers"], {"alertname": "DiskFull", "operator_id": "x"})
