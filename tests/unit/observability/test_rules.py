"""The alert rules: each has a runbook and recorded series and reads what the code counts; the contract's exist."""

from __future__ import annotations

import re

import pytest
import yaml

from tests.check_docs import anchors, read
from tests.observability.check import uncovered
from tests.observability.exposition import families
from tests.observability.labels import FIXED, KNOWN
from tests.observability.rules import OBSERVABILITY, ROOT, Alert, alerts, metrics_of_rules
from tests.observability.scraping import parsed
from tests.observability.series import recordings

_SUFFIX = re.compile(r"_(bucket|count|sum|total)$")
_CONTRACT = re.compile(r"^\| (?:\*\*\+\*\* )?`(SmppConnector\w+)` \|.*\| (\w+) \|$", re.MULTILINE)


def counted() -> set[str]:
    return set(families())


@pytest.mark.parametrize("alert", alerts(), ids=lambda one: one.name)
def test_an_alert_says_what_it_is_about_and_where_to_read_on(alert: Alert) -> None:
    assert alert.severity in ("critical", "warning")
    assert {"summary", "description", "runbook_url"} == alert.annotations.keys()
    document, _, anchor = alert.annotations["runbook_url"].partition("#")
    assert anchor == alert.name.lower()
    assert anchor in anchors(read(ROOT / document))


def test_no_name_is_used_twice() -> None:
    names = [one.name for one in alerts()]
    assert len(set(names)) == len(names)


def test_rules_read_what_the_code_counts() -> None:
    read_by_rules = {_SUFFIX.sub("", one) for one in metrics_of_rules() - {"up"}}
    known = {_SUFFIX.sub("", one) for one in counted()}
    assert read_by_rules <= known


def test_alerts_of_the_contract_are_there_with_their_severity() -> None:
    wanted = dict(_CONTRACT.findall(read(ROOT / "docs" / "contract.md")))
    found = {one.name: one.severity for one in alerts()}
    assert wanted
    assert {name: found.get(name) for name in wanted} == wanted


def test_every_alert_has_series_that_fire_it_and_healthy_runs_fire_none() -> None:
    assert list(uncovered(recordings())) == []


def test_every_label_is_bounded() -> None:
    for name, family in families().items():
        assert set(family._labelnames) <= KNOWN, name


def test_recorded_values_of_labels_are_those_that_are_allowed() -> None:
    found = recordings()
    assert found
    for recording in found:
        for series in recording.series:
            ((_, labels),) = parsed(f"{series} 0").keys()
            for label, value in labels:
                assert value in FIXED.get(label, {value}), series
                if label == "operator_id":
                    assert value in {*recording.operators, "other"}, series


def test_the_scrape_configuration_names_the_jobs_that_the_rules_ask_for() -> None:
    raw = yaml.safe_load((OBSERVABILITY / "prometheus.yml").read_text(encoding="utf-8"))
    jobs = {one["job_name"] for one in raw["scrape_configs"]}
    named = {job for alert in alerts() for job in re.findall(r'job="([\w-]+)"', alert.expression)}
    assert named <= jobs
    assert jobs == {"smpp-gateway", "smpp-dispatch", "smpp-receipts", "smpp-web"}
