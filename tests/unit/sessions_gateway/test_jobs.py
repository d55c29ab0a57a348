from __future__ import annotations

import pytest

from ghasi.contracts.submission import Fate, PartFate
from ghasi.smpp.pdu import DataSmResp, GenericNack, Pdu, SubmitSmResp
from sessions_gateway.jobs import Job, Part, fact_of, fate_of_fact, fate_of_response, not_sent


def make(done: list[Job]) -> tuple[Job, Part]:
    job = Job("reply", "operator", 2, done.append)
    return job, Part("ab", b"\xab", b"pdu", 7, 1000, job, 0)


@pytest.mark.parametrize(
    ("response", "fate", "message_id", "status"),
    [
        (SubmitSmResp(message_id="x1"), Fate.ACCEPTED, "x1", 0),
        (SubmitSmResp(), Fate.ACCEPTED, "", 0),
        (SubmitSmResp(command_status=0x58), Fate.REJECTED, "", 0x58),
        (DataSmResp(command_status=0x0B), Fate.REJECTED, "", 0x0B),
        (DataSmResp(message_id="x1"), Fate.UNANSWERED, "", 0),
        (GenericNack(command_status=0x03), Fate.REJECTED, "", 0x03),
        (GenericNack(), Fate.REJECTED, "", 0xFF),
    ],
)
def test_what_an_answer_means(response: Pdu, fate: Fate, message_id: str, status: int) -> None:
    _, part = make([])
    part.sent_ms = 5
    got = fate_of_response(part, response, 9)
    assert (got.fate, got.operator_message_id, got.command_status) == (fate, message_id, status)
    assert (got.key, got.sent_ms, got.answered_ms) == ("ab", 5, 9)


def test_a_job_is_done_once_all_its_parts_are() -> None:
    done: list[Job] = []
    job, part = make(done)
    job.settle(1, not_sent("cd", "deadline"))
    assert not done
    part.settle(PartFate("ab", Fate.ACCEPTED, "x1"))
    assert done == [job]
    assert [fate.key for fate in job.answer(3).fates] == ["ab", "cd"]
    assert job.answer(3).window_free == 3


def test_all_who_wait_for_a_part_hear_of_it() -> None:
    done: list[Job] = []
    _, part = make(done)
    other = Job("elsewhere", "operator", 1, done.append)
    part.waiters.append((other, 0))
    part.settle(PartFate("ab", Fate.REJECTED, "", 11))
    assert done == [other]
    part.settle(PartFate("ab", Fate.ACCEPTED))
    assert other.fates[0] is not None
    assert other.fates[0].command_status == 11


@pytest.mark.parametrize(
    "fate",
    [PartFate("ab", Fate.ACCEPTED, "x1"), PartFate("ab", Fate.REJECTED, "", 11), PartFate("ab", Fate.UNANSWERED)],
)
def test_the_memory_tells_the_same_fate(fate: PartFate) -> None:
    again = fate_of_fact("ab", fact_of(fate))
    assert (again.fate, again.operator_message_id, again.command_status) == (
        fate.fate,
        fate.operator_message_id,
        fate.command_status,
    )


def test_a_part_shows_its_key_only() -> None:
    _, part = make([])
    assert repr(part) == "Part(ab)"
