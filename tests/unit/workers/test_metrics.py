"""workers.metrics: what a process shows from its beginning on."""

from __future__ import annotations

import time
import uuid

from prometheus_client import REGISTRY

from workers import metrics


def sample(name: str, **labels: str) -> float | None:
    return REGISTRY.get_sample_value(f"smpp_connector_{name}", labels)


def test_counters_of_seldom_events_begin_at_zero() -> None:
    dispatch, receipts = str(uuid.uuid4()), str(uuid.uuid4())
    assert sample("in_doubt_total", operator_id=dispatch) is None
    metrics.begin_dispatch(dispatch)
    metrics.begin_receipts(receipts)
    for name in ("in_doubt_total", "duplicates_total", "tps_throttle_total", "tps_slowed_total"):
        assert sample(name, operator_id=dispatch) == 0, name
    for name in ("in_doubt_total", "dlr_correlation_not_found_total", "receipts_given_up_total"):
        assert sample(name, operator_id=receipts) == 0, name


def test_what_one_process_shows_for_all_is_hidden_when_another_does() -> None:
    operator_id = str(uuid.uuid4())
    metrics.lane_backlog.labels(operator_id, "dispatch").set(7)
    metrics.ledger_until.set(5.0)
    metrics.hide(metrics.COMMON_OF_CHORES)
    assert sample("lane_backlog", operator_id=operator_id, pool="dispatch") == 0
    assert sample("ledger_until_timestamp_seconds") == 5.0
    metrics.hide(metrics.COMMON_OF_UPKEEP)
    assert sample("ledger_until_timestamp_seconds") == 0


def test_a_process_says_when_it_began() -> None:
    metrics.begin_process()
    assert abs((sample("started_timestamp_seconds") or 0.0) - time.time()) < 60
    assert sample("ledger_failures_total", kind="away") is not None
    assert sample("ledger_failures_total", kind="fault") is not None
