from __future__ import annotations

from ghasi.smpp.pdu import (
    AlertNotification,
    DeliverSm,
    DeliverSmResp,
    EnquireLink,
    SubmitSm,
    SubmitSmResp,
    encode_pdu,
)
from sessions_gateway.trace_choice import MAX_FOLLOWED, Choice


def submit(number: str, sequence: int = 1) -> bytes:
    return encode_pdu(SubmitSm(sequence_number=sequence, destination_addr=number, short_message=b"4567\0 is none"))


def answer(sequence: int = 1) -> bytes:
    return encode_pdu(SubmitSmResp(sequence_number=sequence, message_id="7"))


def test_everything_without_a_choice() -> None:
    choice = Choice(frozenset(), "")
    for frame in (submit("1"), answer(), b"short"):
        assert choice.wants(True, 1, frame)


def test_commands() -> None:
    choice = Choice(frozenset({0x15, 0x80000004}), "")
    assert choice.wants(True, 1, encode_pdu(EnquireLink(sequence_number=1)))
    assert choice.wants(False, 1, answer())
    assert not choice.wants(True, 1, submit("1"))
    assert not choice.wants(True, 1, b"short")


def test_a_number_and_the_answers_to_its_pdus() -> None:
    choice = Choice(frozenset(), "4567")
    assert not choice.wants(True, 1, submit("93701234568", 1)), "it stands in the text only"
    assert not choice.wants(True, 1, submit("45671", 1))
    assert choice.wants(True, 1, submit("93701234567", 1))
    assert not choice.wants(False, 2, answer(1)), "another connection"
    assert not choice.wants(True, 1, answer(1)), "another direction"
    assert choice.wants(False, 1, answer(1))
    assert not choice.wants(False, 1, answer(1)), "it was answered"
    receipt = encode_pdu(DeliverSm(sequence_number=5, source_addr="93701234567"))
    assert choice.wants(False, 1, receipt)
    assert choice.wants(True, 1, encode_pdu(DeliverSmResp(sequence_number=5)))
    assert choice.wants(False, 1, encode_pdu(AlertNotification(sequence_number=6, esme_addr="4567")))
    assert not choice.wants(True, 1, encode_pdu(EnquireLink(sequence_number=1)))


def test_only_so_many_answers_are_awaited() -> None:
    choice = Choice(frozenset(), "4567")
    for sequence in range(1, MAX_FOLLOWED + 2):
        assert choice.wants(True, 1, submit("4567", sequence))
    assert not choice.wants(False, 1, answer(1))
    assert choice.wants(False, 1, answer(MAX_FOLLOWED + 1))


def test_a_choice_of_both() -> None:
    choice = Choice(frozenset({0x80000004}), "4567")
    assert not choice.wants(True, 1, submit("93701234567"))
    assert choice.wants(False, 1, answer())
