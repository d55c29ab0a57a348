from __future__ import annotations

from ghasi.smpp.pdu import DeliverSm, EnquireLink, EnquireLinkResp, SubmitSm, SubmitSmResp, encode_pdu
from sessions_gateway.trace_requests import MAX_WAITING, Requests


def submit(sequence: int) -> bytes:
    return encode_pdu(SubmitSm(sequence_number=sequence, destination_addr="93701234567"))


def answer(sequence: int) -> bytes:
    return encode_pdu(SubmitSmResp(sequence_number=sequence, message_id="7"))


def test_a_response_finds_its_request_once_and_on_its_own_link() -> None:
    requests = Requests()
    assert requests.heard(True, 1, submit(5)) == b""
    assert requests.heard(False, 2, answer(5)) == b""
    assert requests.heard(True, 1, answer(5)) == b""
    assert requests.heard(False, 1, answer(5)) == submit(5)
    assert requests.heard(False, 1, answer(5)) == b""


def test_what_gives_no_id_is_not_remembered() -> None:
    requests = Requests()
    for frame in (encode_pdu(EnquireLink(sequence_number=5)), encode_pdu(DeliverSm(sequence_number=5)), b"short"):
        assert requests.heard(True, 1, frame) == b""
    assert requests.heard(False, 1, encode_pdu(EnquireLinkResp(sequence_number=5))) == b""


def test_the_oldest_are_forgotten() -> None:
    requests = Requests()
    for sequence in range(1, MAX_WAITING + 2):
        requests.heard(True, 1, submit(sequence))
    assert requests.heard(False, 1, answer(1)) == b""
    assert requests.heard(False, 1, answer(2)) == submit(2)
