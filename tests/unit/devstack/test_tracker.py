"""The tracker's judgement: only the expected story passes."""

from typing import Any

import pytest

from ghasi.devstack.samples import Outcome, Sample
from ghasi.devstack.tracker import Track, Tracker


def sample(outcome: Outcome = Outcome.DELIVERED, *, parts: int = 2, reaches: bool = True) -> Sample:
    return Sample(
        message_id="m1",
        operator_id="o1",
        operator="Roshan-AF",
        language="English",
        what="test",
        outcome=outcome,
        parts=parts,
        coding="GSM7",
        reaches_operator=reaches,
        destination="+93790000001",
        payload=b"{}",
    )


def submit(part: int, coding: int = 0) -> dict[str, Any]:
    return {"destination_addr": "93790000001", "part": part, "data_coding": coding, "at": 100.5 + part}


def result(word: str = "ACCEPTED", segments: int = 2) -> dict[str, Any]:
    return {"messageId": "m1", "result": word, "segments": segments}


def receipt(segment: int, status: str = "DELIVERED", *, final: bool = True) -> dict[str, Any]:
    return {"messageId": "m1", "segment": segment, "status": status, "final": final}


def told(
    expected: Sample, *, wire: int = 2, word: str = "ACCEPTED", status: str = "DELIVERED", receipts: int = 2
) -> Track:
    tracker = Tracker([expected])
    tracker.published(expected, 100.0)
    for part in range(1, wire + 1):
        tracker.submit_seen(submit(part))
    tracker.submit_result(result(word))
    for segment in range(1, receipts + 1):
        tracker.delivery(receipt(segment, status))
    return tracker.tracks[0]


def test_the_expected_story_is_settled_without_problems() -> None:
    track = told(sample())
    assert track.settled
    assert track.problems == []
    assert (track.state, track.receipts, track.coding) == ("ACCEPTED", "DELIVERED", "GSM7")


@pytest.mark.parametrize(
    ("story", "problem"),
    [
        ({"receipts": 1}, "not finished"),
        ({"status": "UNDELIVERABLE"}, "expected DELIVERED"),
        ({"wire": 1}, "1 parts on the wire, expected 2"),
        ({"wire": 3}, "3 parts on the wire, expected 2"),
    ],
)
def test_another_story_is_a_problem(story: dict[str, Any], problem: str) -> None:
    assert problem in "; ".join(told(sample(), **story).problems)


def test_a_wrong_coding_is_a_problem() -> None:
    tracker = Tracker([sample(parts=1)])
    tracker.submit_seen(submit(1, coding=8))
    tracker.submit_result(result(segments=1))
    tracker.delivery(receipt(1))
    assert tracker.tracks[0].problems == ["coding UCS2, expected GSM7"]


def test_a_part_sent_again_counts_once() -> None:
    tracker = Tracker([sample(parts=1)])
    for _ in range(3):
        tracker.submit_seen(submit(1))
    assert len(tracker.tracks[0].on_wire) == 1


def test_an_intermediate_receipt_settles_nothing() -> None:
    tracker = Tracker([sample(parts=1)])
    tracker.submit_seen(submit(1))
    tracker.submit_result(result(segments=1))
    tracker.delivery(receipt(1, "ACCEPTED", final=False))
    assert not tracker.settled


def test_accepted_wants_no_receipt() -> None:
    assert told(sample(Outcome.ACCEPTED), receipts=0).problems == []
    assert told(sample(Outcome.ACCEPTED), receipts=1).problems == ["expected ACCEPTED and no receipt"]


def test_an_expired_one_must_not_be_sent() -> None:
    expected = sample(Outcome.EXPIRED, reaches=False)
    assert told(expected, wire=0, word="EXPIRED", status="EXPIRED").problems == []
    assert told(expected, wire=1, word="EXPIRED", status="EXPIRED").problems == ["was sent"]


def test_a_dead_one_needs_its_letter() -> None:
    tracker = Tracker([sample(Outcome.DEAD, parts=0, reaches=False)])
    tracker.submit_result(result("DEAD"))
    assert tracker.failed
    tracker.dead_letter(b"{}", "malformed")
    assert tracker.settled
    assert not tracker.failed
    assert tracker.states() == {"DEAD": 1}


def test_kept_bytes_of_a_rejected_command_are_no_dead_letter() -> None:
    tracker = Tracker([sample(Outcome.REJECTED)])
    tracker.dead_letter(b"{}", "rejected")
    assert tracker.tracks[0].dead_reason is None


def test_what_is_not_ours_is_ignored() -> None:
    tracker = Tracker([sample()])
    tracker.submit_result({**result(), "messageId": None})
    tracker.delivery({**receipt(1), "messageId": "another"})
    tracker.submit_seen({**submit(1), "destination_addr": "4711"})
    tracker.dead_letter(b"other", "malformed")
    assert tracker.states() == {"queued": 1}


def test_delay_counts_from_the_stream_to_the_first_part() -> None:
    tracker = Tracker([sample()])
    tracker.published(tracker.tracks[0].sample, 100.0)
    tracker.submit_seen(submit(1))
    tracker.submit_seen(submit(2))
    assert tracker.wire_delays() == [1.5]
