"""The Grafana dashboards: as generated, of metrics that exist, and with all that matter on one of them."""

from __future__ import annotations

import json
import re
from itertools import combinations
from typing import Any

import pytest

from tests.observability.dashboards.files import ALL, files, main
from tests.observability.dashboards.panels import Dashboard, document
from tests.observability.exposition import families
from tests.observability.rules import metrics_in

_SUFFIX = re.compile(r"_(bucket|count|sum|total)$")


def expressions(dashboard: Dashboard) -> list[str]:
    return [query for panel in dashboard.panels for query, _ in panel.queries]


def shown() -> set[str]:
    found = {one for board in ALL for query in expressions(board) for one in metrics_in(query)}
    return {_SUFFIX.sub("", one) for one in found - {"up"}}


def test_the_files_are_what_is_generated() -> None:
    assert main(["--check"]) == 0
    for text in files().values():
        assert json.loads(text)


def test_panels_read_what_the_code_counts_and_nothing_that_it_counts_is_on_no_panel() -> None:
    counted = {_SUFFIX.sub("", one) for one in families()}
    assert shown() <= counted
    assert counted - shown() == set()


@pytest.mark.parametrize("dashboard", ALL, ids=lambda one: one.uid)
def test_a_dashboard_works_with_any_source_of_data(dashboard: Dashboard) -> None:
    made = document(dashboard)
    variables = {one["name"] for one in made["templating"]["list"]}
    assert "datasource" in variables
    assert ("operator" in variables) == any("$operator" in one for one in expressions(dashboard))
    for panel in made["panels"]:
        assert panel["datasource"]["uid"] == "${datasource}"
        assert {one["datasource"]["uid"] for one in panel["targets"]} == {"${datasource}"}
        assert len({one["refId"] for one in panel["targets"]}) == len(panel["targets"])


@pytest.mark.parametrize("dashboard", ALL, ids=lambda one: one.uid)
def test_panels_do_not_lie_on_each_other(dashboard: Dashboard) -> None:
    places = [one["gridPos"] for one in document(dashboard)["panels"]]
    assert all(one["x"] + one["w"] <= 24 for one in places)
    assert not [pair for pair in combinations(places, 2) if _overlap(*pair)]


def _overlap(one: dict[str, Any], other: dict[str, Any]) -> bool:
    beside = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
    apart = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
    return not (beside or apart)
