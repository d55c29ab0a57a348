"""Recorded series as files, and the rule tests of promtool that replay them (docs/observability.md)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tests.observability.notation import Sample, expanded, shortened
from tests.observability.rules import rule_files

FOLDER = Path(__file__).with_name("series")
TIMESTAMP = "_timestamp_seconds"
AGES = ("smpp_connector_accounting_checked_timestamp_seconds", "smpp_connector_lane_oldest_timestamp_seconds")
"""Times of day that rules look at for how long ago they are."""
STRETCHED = "stretched"
HEAD = "# Scraped from the running product by `make record-alerts`. Not edited by hand.\n"

FIRED = 'group by (alertname, operator_id) (count_over_time(ALERTS{{alertstate="firing"}}[{}s]))'

Firing = tuple[str, str]
"""Alert and operator, which is empty where the alert is not about one."""


@dataclass(frozen=True, slots=True)
class Replay:
    """The same series with `interval` seconds between two samples: what took a second then takes so long."""

    interval: int
    fires: tuple[Firing, ...]


@dataclass(frozen=True, slots=True)
class Recording:
    """`series` by name and labels as Prometheus writes them; times in it are seconds since its start."""

    name: str
    about: str
    operators: tuple[str, ...] = ()
    stretched: bool = False
    """Whether a replay with more seconds between two samples makes ages longer as well."""
    replays: tuple[Replay, ...] = ()
    series: dict[str, str] = field(default_factory=dict)

    @property
    def seconds(self) -> int:
        return max(len(expanded(one)) for one in self.series.values())


def recordings() -> list[Recording]:
    return [load(path) for path in sorted(FOLDER.glob("*.yml"))]


def load(path: Path) -> Recording:
    raw = yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
    replays = tuple(
        Replay(one["interval"], tuple((alert, operator) for alert, operator in map(_firing, one["fires"])))
        for one in raw["replays"]
    )
    return Recording(
        raw["name"], raw["about"], tuple(raw["operators"]), raw["ages"] == STRETCHED, replays, raw["series"]
    )


def save(recording: Recording) -> Path:
    raw = {
        "name": recording.name,
        "about": recording.about,
        "operators": list(recording.operators),
        "ages": STRETCHED if recording.stretched else "as recorded",
        "replays": [
            {"interval": one.interval, "fires": [" ".join(firing).strip() for firing in one.fires]}
            for one in recording.replays
        ],
        "series": recording.series,
    }
    path = FOLDER / f"{recording.name}.yml"
    path.write_text(HEAD + yaml.dump(raw, Dumper=yaml.CSafeDumper, sort_keys=False, width=110), encoding="utf-8")
    return path


def _firing(text: str) -> Firing:
    alert, _, operator = text.partition(" ")
    return alert, operator


def relative(name: str, samples: Sequence[Sample], began: float) -> list[Sample]:
    """Times of day as seconds since the start of the recording, at least 1: 0 means that there is none."""
    if not name.endswith(TIMESTAMP):
        return list(samples)
    return [max(1.0, round(one - began, 1)) if isinstance(one, float) and one else one for one in samples]


def promtool_test(recording: Recording, replay: Replay) -> dict[str, Any]:
    """The document that `promtool test rules` takes: exactly the alerts of `replay` fire at some time of it."""
    interval, end = replay.interval, recording.seconds * replay.interval
    return {
        "rule_files": [str(path) for path in rule_files()],
        "evaluation_interval": f"{max(5, interval)}s",
        "tests": [
            {
                "name": f"{recording.name}, {interval} s a sample",
                "interval": f"{interval}s",
                "input_series": list(_stretched(recording, interval)),
                "promql_expr_test": [
                    {
                        "expr": FIRED.format(end),
                        "eval_time": f"{end}s",
                        "exp_samples": [{"labels": _labels(one), "value": 1} for one in sorted(replay.fires)],
                    }
                ],
            }
        ],
    }


def _labels(firing: Firing) -> str:
    alert, operator = firing
    return f'{{alertname="{alert}"' + (f', operator_id="{operator}"}}' if operator else "}")


def _stretched(recording: Recording, interval: int) -> Iterable[dict[str, str]]:
    end = recording.seconds
    for series, values in recording.series.items():
        name = series.partition("{")[0]
        if interval > 1 and name.endswith(TIMESTAMP):
            aging = recording.stretched or name not in AGES
            samples = expanded(values)
            values = shortened([_later(one, at, interval, end, aging) for at, one in enumerate(samples)])
        yield {"series": series, "values": values}


def _later(sample: Sample, at: int, interval: int, end: int, aging: bool) -> Sample:
    """A time within the recording is moved with it: as many times as long ago where ages grow, else as long ago as it
    was. What lies ahead of the recording, days as a rule, is as far ahead."""
    if not isinstance(sample, float) or not 0.0 < sample <= end:
        return sample
    return sample * interval if aging else max(1.0, round(at * interval - (at - sample), 1))
