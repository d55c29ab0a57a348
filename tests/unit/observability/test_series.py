"""tests.observability.series: files, time bases, and the documents for promtool."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.observability import series as module
from tests.observability.series import Recording, Replay, load, promtool_test, relative, save

RECORDING = Recording(
    "one",
    "about it",
    ("first",),
    True,
    (Replay(1, (("SmppConnectorX", "first"), ("SmppConnectorY", ""))), Replay(10, ())),
    {
        'up{instance="g",job="smpp-gateway"}': "1+0x9",
        'smpp_connector_lane_oldest_timestamp_seconds{operator_id="first"}': "0+0x4 3+0x4",
        "smpp_connector_ledger_until_timestamp_seconds": "300000+0x9",
    },
)


def test_a_file_holds_what_was_recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FOLDER", tmp_path)
    assert load(save(RECORDING)) == RECORDING


def test_times_within_a_recording_are_stretched_with_it_and_those_ahead_are_not() -> None:
    (test,) = promtool_test(RECORDING, RECORDING.replays[1])["tests"]
    assert [one["values"] for one in test["input_series"]] == ["1+0x9", "0+0x4 30+0x4", "300000+0x9"]
    assert test["interval"] == "10s"
    (expected,) = test["promql_expr_test"]
    assert (expected["eval_time"], expected["exp_samples"]) == ("100s", [])


def test_ages_stay_as_they_were_where_they_are_not_stretched() -> None:
    recording = replace(RECORDING, stretched=False)
    (test,) = promtool_test(recording, recording.replays[1])["tests"]
    # 3 at second 5 is two seconds ago, 50 s into the replay too.
    assert test["input_series"][1]["values"] == "0+0x4 48+9x4"


def test_what_fires_is_expected_by_name() -> None:
    (test,) = promtool_test(RECORDING, RECORDING.replays[0])["tests"]
    (expected,) = test["promql_expr_test"]
    assert [one["labels"] for one in expected["exp_samples"]] == [
        '{alertname="SmppConnectorX", operator_id="first"}',
        '{alertname="SmppConnectorY"}',
    ]


def test_times_count_from_the_start_and_none_stays_none() -> None:
    assert relative("x_timestamp_seconds", [0.0, 990.0, 1012.34, None], 1000.0) == [0.0, 1.0, 12.3, None]
    assert relative("x_seconds", [990.0], 1000.0) == [990.0]
