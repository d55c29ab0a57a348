from __future__ import annotations

from ghasi.contracts.trace import TraceBatch, TracedPdu
from ghasi.trace.merge import HOLD_SECONDS, Item, Merge, Missed


def pdu(at_us: int) -> TracedPdu:
    return TracedPdu(at_us, True, 0, 1, "", "", b"")


def shown(items: list[Item]) -> list[object]:
    return [item.what if isinstance(item.what, Missed) else (item.replica, item.at_us) for item in items]


def test_replicas_are_merged_in_the_order_of_time() -> None:
    merge = Merge()
    merge.add(TraceBatch("a", 1, [pdu(10), pdu(30)]), now=0.0)
    merge.add(TraceBatch("b", 1, [pdu(20), pdu(40)]), now=0.2)
    assert merge.ready(HOLD_SECONDS - 0.01) == []
    assert shown(merge.ready(HOLD_SECONDS)) == [("a", 10), ("b", 20), ("a", 30)]
    assert shown(merge.rest()) == [("b", 40)]
    assert merge.rest() == []


def test_what_was_dropped_stands_where_it_is_missing() -> None:
    merge = Merge()
    merge.add(TraceBatch("a", 1, [pdu(10)]), now=0.0)
    merge.add(TraceBatch("a", 2, [pdu(20)], dropped=7), now=0.0)
    merge.add(TraceBatch("a", 3, dropped=2, ended="stopped"), now=0.0)
    assert shown(merge.rest()) == [("a", 10), Missed("a", 7), ("a", 20), Missed("a", 2)]
    assert merge.ended == {"a": "stopped"}


def test_a_batch_that_was_lost_shows() -> None:
    merge = Merge()
    merge.add(TraceBatch("a", 4, [pdu(10)]), now=0.0)
    merge.add(TraceBatch("a", 6, [pdu(20)]), now=0.0)
    merge.add(TraceBatch("b", 1, [pdu(15)]), now=0.0)
    assert shown(merge.rest()) == [("a", 10), ("b", 15), Missed("a", 0), ("a", 20)]


def test_clocks_that_differ_lose_nothing() -> None:
    merge = Merge()
    merge.add(TraceBatch("a", 1, [pdu(1000)]), now=0.0)
    assert shown(merge.ready(1.0)) == [("a", 1000)]
    merge.add(TraceBatch("b", 1, [pdu(10)]), now=1.0)
    assert shown(merge.ready(2.0)) == [("b", 10)]
