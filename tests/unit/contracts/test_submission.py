"""ghasi.contracts.submission: the hand-over between worker and gateway."""

from __future__ import annotations

import msgspec
import pytest

from ghasi.contracts.publication import Publication
from ghasi.contracts.submission import (
    AskRequest,
    Fate,
    LateResponse,
    PartFate,
    SubmitAnswer,
    SubmitRequest,
    decode_answer,
    decode_late,
    decode_request,
    encode,
)

REQUEST = SubmitRequest("epoch", 1_000, ["k1", "k2"], [7, 7], b"\x00\x01")


def test_requests_are_told_apart() -> None:
    assert decode_request(encode(REQUEST)) == REQUEST
    question = AskRequest("epoch", ["k1"])
    assert decode_request(encode(question)) == question


def test_answers_and_late_responses_come_back_whole() -> None:
    answer = SubmitAnswer(
        [PartFate("k1", Fate.ACCEPTED, "id", sent_ms=5), PartFate("k2", Fate.NOT_SENT, reason="x")], 9
    )
    assert decode_answer(encode(answer)) == answer
    late = LateResponse("k", "id", 0, 5)
    assert decode_late(encode(late)) == late


def test_a_newer_neighbour_may_add_fields() -> None:
    data = msgspec.msgpack.encode({"epoch": "e", "ask": ["k"], "new": 1})
    assert decode_request(data) == AskRequest("e", ["k"])


@pytest.mark.parametrize("data", [b"", b"\xc1", msgspec.msgpack.encode([1]), msgspec.msgpack.encode({"epoch": 1})])
def test_anything_else_raises_one_kind_of_error(data: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        decode_request(data)


def test_no_repr_tells_what_is_sent() -> None:
    assert "Salam" not in repr(SubmitRequest("e1", 1, ["k"], [0], b"Salam"))
    assert "Salam" not in repr(Publication("subject", b"Salam"))
