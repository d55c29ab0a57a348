"""The arithmetic of the benchmarks."""

import struct

import pytest

from benchmarks import smsclog, tps
from benchmarks.load import Load, cost, figures, percentile, ratios, spread
from benchmarks.usage import Stat, parse_pss, parse_stat, trees


def test_cpu_per_ten_thousand_leaves_the_instruments_out() -> None:
    found = cost({"gateway": 1.0, "smsc": 1.0}, {"gateway": 3.0, "smsc": 1.5, "late": 1.0}, 20_000)
    assert found["cpuPer10k"] == {"gateway": 1.0, "smsc": 0.25, "late": 0.5}
    assert found["cpuPer10kTogether"] == 1.5


@pytest.mark.parametrize(("share", "value"), [(0.5, 5), (0.99, 10), (0.999, 10), (0.1, 1), (0.11, 2)])
def test_percentile(share: float, value: int) -> None:
    assert percentile(list(range(1, 11)), share) == value


def test_figures_in_milliseconds() -> None:
    found = figures(number / 1000 for number in range(1000, 0, -1))
    assert found == {"count": 1000, "p50": 500.0, "p99": 990.0, "p999": 999.0, "most": 1000.0}
    assert figures([]) == {"count": 0}


def test_ratios_are_of_pairs() -> None:
    rounds = [
        {"a": {"x": 4.0}, "b": {"x": 2.0}},
        {"a": {"x": 3.0}, "b": {"x": 6.0}},
        {"a": {"x": 1.0}, "b": {"x": 1.0}},
    ]
    assert ratios(rounds, "a", "b", "x") == {"median": 1.0, "low": 0.5, "high": 2.0}


def test_spread() -> None:
    assert spread([3.0, 1.0, 2.0]) == {"median": 2.0, "low": 1.0, "high": 3.0}


def test_names_of_loads() -> None:
    assert Load(operators=1).name == "with receipts, 1 operator"
    assert Load(operators=4, receipts=False).name == "no receipts, 4 operators"


def test_stat_of_a_command_with_parentheses() -> None:
    rest = "7 1 1 0 -1 0 0 0 0 0 150 50 30 20 20 0 1 0 1 1 1"
    found = parse_stat(f"42 (evil) name (x)) S {rest}")
    assert (found.pid, found.parent) == (42, 7)
    assert found.cpu == pytest.approx(250 / 100)


def test_memory_of_a_rollup() -> None:
    assert parse_pss("Rss:  9000 kB\nPss:  2048 kB\nPss_Dirty: 1 kB\n") == 2.0
    assert parse_pss("") == 0.0


def test_a_tree_is_a_process_and_all_below_it() -> None:
    stats = [Stat(1, 0, 1.0), Stat(2, 1, 2.0), Stat(3, 2, 3.0), Stat(4, 1, 4.0), Stat(5, 9, 5.0)]
    found = trees(stats, {"two": 2, "one": 1, "gone": 77})
    assert {name: sorted(stat.pid for stat in tree) for name, tree in found.items()} == {
        "two": [2, 3],
        "one": [1, 2, 3, 4],
        "gone": [],
    }


def test_the_smsc_log_is_read_as_it_is_written() -> None:
    def record(at: float, number: int, to: int, port: int, kind: int) -> bytes:
        return struct.pack("=QQQHB5x", int(at * 1e9), number, to, port, kind)

    content = b"".join(
        [
            record(1.0, 11, 937, 0, 1),
            record(1.5, 11, 937, 0, 2),
            record(2.0, 11, 937, 0, 3),
            record(2.5, 11, 937, 0, 4),
        ]
    )
    times = smsclog.read(content + record(3.0, 12, 938, 1, 1))
    assert times.arrivals == {937: 1.0, 938: 3.0}
    assert times.numbers == {937: 11, 938: 12}
    assert (times.responses, times.receipts, times.acked) == ({11: 1.5}, {11: 2.0}, {11: 2.5})
    assert times.by_port == {0: [1.0], 1: [3.0]}


def test_use_of_a_limit() -> None:
    burst = [0.001 * number for number in range(9)]
    evenly = [tps.RUN_IN + number * 0.125 for number in range(200)]
    found = tps.figures(burst + evenly, 8, 10.0)
    assert found["worst"] == 9
    assert (found["arrivals"], found["use"], found["second"]) == (80, 1.0, 1.0)
