"""`python -m tests.observability.check`: promtool on configuration, rules, metrics and every recording.

Fails where promtool is missing. The exit code is 0 where all holds.
"""

from __future__ import annotations

import re
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import yaml

from tests.observability.dashboards.files import ALL
from tests.observability.exposition import pages
from tests.observability.planned import planned
from tests.observability.promtool import Missing, promtool, replayed
from tests.observability.rules import OBSERVABILITY, alerts, rule_files
from tests.observability.series import Recording, recordings

CONTRACT = {
    'smpp_connector_sessions_total non-counter metrics should not have "_total" suffix',
    'smpp_connector_sessions_total counter metrics should not have "_total" suffix',
}
"""What the linter says of a name that the platform gave."""
HEALTHY = ("healthy", "upgrade")
_LINT = re.compile(r"^smpp_connector_\w+ .*$", re.MULTILINE)


def problems() -> Iterator[str]:
    """What does not hold. Raises Missing."""
    yield from _said("check", "config", str(OBSERVABILITY / "prometheus.yml"))
    yield from _said("check", "rules", *map(str, rule_files()))
    yield from lint()
    yield from unreadable()
    found = recordings()
    for recording in found:
        code, said = replayed(recording, recording.replays)
        if code:
            yield f"{recording.name}: {said}"
    yield from planned(found)
    yield from uncovered(found)


def _said(*argv: str) -> Iterator[str]:
    code, said = promtool(*argv)
    if code:
        yield said


def unreadable() -> Iterator[str]:
    """Queries of the dashboards that Prometheus does not parse, each given to it as a rule."""
    rules = [
        {"record": f"panel:{board.uid.replace('-', '_')}:{number}", "expr": _without_variables(query)}
        for board in ALL
        for number, query in enumerate(query for panel in board.panels for query, _ in panel.queries)
    ]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "panels.yml"
        path.write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]}), encoding="utf-8")
        yield from _said("check", "rules", str(path))


def _without_variables(query: str) -> str:
    return query.replace("$operator", ".*").replace("$__rate_interval", "1m")


def lint() -> Iterator[str]:
    """What promtool finds in our metrics' names, but for those of the contract."""
    for page in pages():
        _, said = promtool("check", "metrics", given=page)
        yield from (one for one in _LINT.findall(said) if one not in CONTRACT)
        if "error" in said and not _LINT.search(said):
            yield said


def uncovered(found: list[Recording]) -> Iterator[str]:
    """Alerts that no recording fires, and alerts in a run in which nothing was wrong."""
    fired = {alert for one in found for replay in one.replays for alert, _ in replay.fires}
    for alert in alerts():
        if alert.name not in fired:
            yield f"{alert.name}: no recorded series fire it"
    for one in found:
        if one.name in HEALTHY:
            yield from (f"{one.name}: {alert} fires" for replay in one.replays for alert, _ in replay.fires)
    for name in HEALTHY:
        if name not in {one.name for one in found}:
            yield f"{name}: not recorded"


def main() -> int:
    try:
        found = list(problems())
    except Missing as error:
        print(error, file=sys.stderr)
        return 1
    for one in found:
        print(one, file=sys.stderr)
    replays = sum(len(one.replays) for one in recordings())
    print(f"{len(alerts())} alerts, {len(recordings())} recordings, {replays} replays, {len(found)} problems")
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
