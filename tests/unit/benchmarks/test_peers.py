"""benchmarks.peers: what rounds with different peers come to."""

from __future__ import annotations

from typing import Any

from benchmarks.peers import summary


def run(rate: float) -> dict[str, Any]:
    return {"messagesPerSecond": rate, "cpuPer10kTogether": 5.0}


def test_each_system_counts_in_the_rounds_it_took_part_in() -> None:
    rounds = [
        {"ours": run(200.0), "kannel": run(100.0)},
        {"ours": run(300.0), "kannel": run(100.0)},
        {"ours": run(100.0), "jasmin": run(10.0)},
    ]
    found = summary(rounds)
    assert found["systems"]["ours"]["messagesPerSecond"]["median"] == 200.0
    assert found["systems"]["kannel"]["messagesPerSecond"]["median"] == 100.0
    assert found["oursAgainst"]["kannel"]["messagesPerSecond"] == {"median": 2.5, "low": 2.0, "high": 3.0}
    assert found["oursAgainst"]["jasmin"]["messagesPerSecond"]["median"] == 10.0
    assert "toLastDlrPerSecond" not in found["systems"]["ours"], "nobody was asked for receipts"
