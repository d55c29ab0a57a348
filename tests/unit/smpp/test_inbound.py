"""Every row of "Malformed input": what goes back, what the owner hears, and whether the session stays."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ghasi.smpp.codec import HEADER, PDU_CLASSES, encode_pdu
from ghasi.smpp.constants import CommandId
from ghasi.smpp.errors import DecodeError, FramingError, StateViolation, UnknownCommand
from ghasi.smpp.events import AlertReceived, OutbindReceived, ProtocolFault, RequestReceived
from ghasi.smpp.pdu import (
    AlertNotification,
    BindTransceiver,
    BindTransceiverResp,
    CancelSm,
    DataSm,
    DeliverSm,
    DeliverSmResp,
    EnquireLink,
    EnquireLinkResp,
    GenericNack,
    Outbind,
    SubmitSm,
    SubmitSmResp,
    Unbind,
    UnbindResp,
)
from ghasi.smpp.session import Role, Session, SessionConfig, SessionState
from tests.unit.smpp.pair import bound_esme, bound_smsc, feed, kinds, sent
from tests.unit.smpp.strategies import ANY_PDU

DELIVERY = bytes.fromhex("00 0000 00 0000 00 000000 00 00 00000000 00")


def raw(command_id: int, body: bytes = b"", number: int = 7) -> bytes:
    return HEADER.pack(16 + len(body), command_id, 0, number) + body


def esme() -> Session:
    session = bound_esme()
    session.data_to_send()
    return session


@pytest.mark.parametrize(
    "octets",
    [
        bytes.fromhex("00000000"),
        bytes.fromhex("00000004"),
        bytes.fromhex("0000000f"),
        bytes.fromhex("7fffffff"),
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        b"GET / HTTP/1.1\r\n",
        bytes.fromhex("16030100a5010000a10303"),
        (70 * 1024 + 1).to_bytes(4, "big"),
        bytes.fromhex("00000000") * 100,
    ],
)
def test_lost_framing_is_answered_once_and_closes(octets):
    session = esme()
    (fault,) = feed(session, octets)
    assert isinstance(fault, ProtocolFault)
    assert isinstance(fault.error, FramingError)
    assert fault.answered
    assert session.data_to_send().hex() == "00000010800000000000000200000000"
    assert session.closing
    assert not session.abort
    assert feed(session, encode_pdu(EnquireLink())) == []


def test_lost_framing_hands_over_what_is_in_flight():
    session = esme()
    session.send(SubmitSm(), now=0.0, context="a")
    assert kinds(feed(session, bytes(4))) == ["ProtocolFault", "RequestLost"]


def test_pdus_before_lost_framing_count():
    session = esme()
    session.send(SubmitSm(), now=0.0, context="a")
    assert kinds(feed(session, SubmitSmResp(sequence_number=2), bytes(4))) == ["Answered", "ProtocolFault"]


@pytest.mark.parametrize("command_id", [0x00000000, 0x0000000A, 0x00000099, 0x7FFFFFFF, 0x00000104])
def test_an_unknown_request_is_nacked_with_its_number_and_the_session_stays(command_id):
    session = esme()
    (fault, probe) = feed(session, raw(command_id, b"whatever", 0xFFFFFFFE), DeliverSm(sequence_number=1))
    assert isinstance(fault, ProtocolFault)
    assert isinstance(fault.error, UnknownCommand)
    assert fault.answered
    assert isinstance(probe, RequestReceived)
    assert sent(session) == [GenericNack(command_status=3, sequence_number=0xFFFFFFFE)]
    assert not session.closing


def test_an_unknown_response_is_ignored():
    session = esme()
    session.send(SubmitSm(), now=0.0, context="a")
    session.data_to_send()
    (fault,) = feed(session, raw(0x80000099, b"x", 2))
    assert isinstance(fault, ProtocolFault)
    assert not fault.answered
    assert session.data_to_send() == b""
    assert session.window_used == 1
    assert not session.closing


BROKEN_DELIVERIES = {
    "header only": (b"", 0x02),
    "cut in the first string": (b"CM", 0x02),
    "cut in the integers": (b"\0\1", 0x02),
    "cut before sm_length": (DELIVERY[:-1], 0x02),
    "message shorter than sm_length": (DELIVERY[:-1] + b"\x05ab", 0x01),
    "TLV longer than the PDU": (DELIVERY + bytes.fromhex("0427000502"), 0xC0),
    "half a TLV": (DELIVERY + bytes.fromhex("0427"), 0xC0),
}


@pytest.mark.parametrize("name", BROKEN_DELIVERIES)
def test_a_broken_body_gets_the_error_response_and_exactly_that_pdu_is_skipped(name):
    body, status = BROKEN_DELIVERIES[name]
    session = esme()
    whole = DeliverSm(sequence_number=8, short_message=b"next")
    (fault, following) = feed(session, raw(CommandId.DELIVER_SM, body), whole)
    assert isinstance(fault, ProtocolFault)
    assert isinstance(fault.error, DecodeError)
    assert fault.answered
    assert following == RequestReceived(whole, encode_pdu(whole))
    assert sent(session) == [DeliverSmResp(sequence_number=7, command_status=status)]
    assert not session.closing


@pytest.mark.parametrize("value", ["", "02", "0002", "000002"])
def test_a_message_state_of_any_length_is_fine(value):
    session = esme()
    tlv = bytes.fromhex("0427") + (len(value) // 2).to_bytes(2, "big") + bytes.fromhex(value)
    (event,) = feed(session, raw(CommandId.DELIVER_SM, DELIVERY + tlv))
    assert isinstance(event, RequestReceived)
    assert event.request.tlvs[0].value.hex() == value


def test_known_and_unknown_tlvs_of_other_commands_are_fine():
    session = esme()
    tlvs = bytes.fromhex("0425000101 1400000141 ffff0000")
    (event,) = feed(session, raw(CommandId.DELIVER_SM, DELIVERY + tlvs))
    assert isinstance(event, RequestReceived)
    assert [tlv.tag for tlv in event.request.tlvs] == [0x425, 0x1400, 0xFFFF]


@pytest.mark.parametrize("command", [CommandId.OUTBIND, CommandId.ALERT_NOTIFICATION])
def test_a_broken_pdu_without_a_response_is_not_answered(command):
    session = esme()
    (fault,) = feed(session, raw(command, b"x"))
    assert isinstance(fault, ProtocolFault)
    assert not fault.answered
    assert session.data_to_send() == b""
    assert not session.closing


RESPONSES = [command for command in CommandId if command & 0x80000000]


@pytest.mark.parametrize("command", RESPONSES, ids=lambda command: command.name)
@pytest.mark.parametrize("body", [b"", b"\0", b"no nul", bytes(3), b"\xff" * 40])
def test_a_response_is_never_answered(command, body):
    for session in (esme(), bound_smsc()):
        feed(session, raw(command, body, 0x55))
        assert session.data_to_send() == b""
        assert not session.closing


def test_a_broken_response_still_settles_its_request():
    session = esme()
    session.send(SubmitSm(), now=0.0, context="a")
    (event,) = feed(session, raw(CommandId.SUBMIT_SM_RESP, b"no nul", 2))
    assert event.context == "a"
    assert event.response == SubmitSmResp(sequence_number=2, message_id="no nul")


@pytest.mark.parametrize("mode", ["TX", "RX", "TRX"])
def test_enquire_link_is_answered_by_the_session(mode):
    session = bound_esme(mode)
    session.data_to_send()
    assert feed(session, EnquireLink(sequence_number=0x80000001)) == []
    assert sent(session) == [EnquireLinkResp(sequence_number=0x80000001)]


def test_enquire_link_before_the_bind_is_answered():
    session = Session(SessionConfig(), now=0.0)
    assert feed(session, EnquireLink(sequence_number=1)) == []
    session.send(BindTransceiver(), now=0.0)
    assert feed(session, EnquireLink(sequence_number=2)) == []
    assert [type(pdu) for pdu in sent(session)] == [EnquireLinkResp, BindTransceiver, EnquireLinkResp]


def test_an_enquire_link_with_a_broken_body_is_answered_with_an_error():
    session = esme()
    feed(session, raw(CommandId.ENQUIRE_LINK, b"xyz"))
    assert sent(session) == [EnquireLinkResp(sequence_number=7, command_status=0xC0)]


def test_unbind_before_the_bind():
    session = Session(SessionConfig(role=Role.SMSC), now=0.0)
    assert kinds(feed(session, Unbind(sequence_number=3))) == ["UnbindReceived"]
    assert sent(session) == [UnbindResp(sequence_number=3)]
    assert session.closing


class TestOutOfPlace:
    def test_a_delivery_before_the_bind(self):
        session = Session(SessionConfig(), now=0.0)
        (fault,) = feed(session, DeliverSm(sequence_number=3))
        assert isinstance(fault.error, StateViolation)
        assert fault.answered
        assert sent(session) == [DeliverSmResp(sequence_number=3, command_status=0x04)]
        assert session.state is SessionState.OPEN

    def test_a_delivery_to_a_transmitter(self):
        session = bound_esme("TX")
        session.data_to_send()
        assert kinds(feed(session, DeliverSm(sequence_number=3))) == ["ProtocolFault"]
        assert sent(session) == [DeliverSmResp(sequence_number=3, command_status=0x04)]

    def test_data_sm_is_welcome_in_every_bind(self):
        for mode in ("TX", "RX", "TRX"):
            assert kinds(feed(bound_esme(mode), DataSm())) == ["RequestReceived"]
            assert kinds(feed(bound_smsc(mode), DataSm())) == ["RequestReceived"]

    def test_a_submission_from_a_receiver(self):
        session = bound_smsc("RX")
        feed(session, SubmitSm(sequence_number=3))
        assert sent(session) == [SubmitSmResp(sequence_number=3, command_status=0x04)]

    def test_a_second_bind(self):
        session = bound_smsc()
        assert kinds(feed(session, BindTransceiver(sequence_number=3))) == ["ProtocolFault"]
        assert sent(session) == [BindTransceiverResp(sequence_number=3, command_status=0x05)]
        assert session.is_bound

    @pytest.mark.parametrize("pdu", [SubmitSm(sequence_number=3), CancelSm(sequence_number=3)])
    def test_what_only_an_smsc_takes(self, pdu):
        session = esme()
        (fault,) = feed(session, pdu)
        assert fault.answered
        assert sent(session) == [GenericNack(sequence_number=3, command_status=0x03)]

    def test_what_only_an_smsc_takes_broken(self):
        session = esme()
        feed(session, raw(CommandId.SUBMIT_SM, b"x"))
        assert sent(session) == [GenericNack(sequence_number=7, command_status=0x03)]

    @pytest.mark.parametrize("pdu", [Outbind(), AlertNotification()])
    def test_what_is_never_answered(self, pdu):
        for session in (bound_smsc(), bound_esme("TX")):
            session.data_to_send()
            (fault,) = feed(session, pdu)
            assert not fault.answered
            assert session.data_to_send() == b""

    def test_in_place_they_are_told(self):
        alert = AlertNotification(source_addr="93", sequence_number=1)
        assert feed(bound_esme("RX"), alert) == [AlertReceived(alert)]
        outbind = Outbind(system_id="smsc", sequence_number=1)
        assert feed(Session(SessionConfig(), now=0.0), outbind) == [OutbindReceived(outbind)]


def alive(session: Session) -> bool:
    return session.state is not SessionState.CLOSED


@pytest.mark.parametrize("make", [bound_esme, bound_smsc, lambda: Session(SessionConfig(), now=0.0)])
@given(chunks=st.lists(st.binary(max_size=60), max_size=6))
def test_no_octets_of_a_peer_raise(make, chunks):
    session = make()
    for chunk in chunks:
        session.receive_data(chunk, now=0.0)
    session.handle_timer(now=100.0)
    session.connection_lost(now=101.0)
    assert kinds(session.events())[-1] == "Closed"


@pytest.mark.parametrize("make", [bound_esme, bound_smsc, lambda: Session(SessionConfig(), now=0.0)])
@given(many=st.lists(ANY_PDU, max_size=6), data=st.data())
def test_no_pdus_of_a_peer_raise_and_framing_is_kept(make, many, data):
    session = make()
    for pdu in many:
        frame = bytearray(encode_pdu(pdu))
        for _ in range(data.draw(st.integers(0, 3))):
            # Any octet behind command_length may be wrong: the boundaries still hold.
            frame[data.draw(st.integers(4, len(frame) - 1))] = data.draw(st.integers(0, 255))
        session.receive_data(bytes(frame), now=0.0)
    assert "FramingError" not in str([event for event in session.events() if isinstance(event, ProtocolFault)])
    if alive(session):
        session.data_to_send()
        feed(session, EnquireLink(sequence_number=0x7777))
        assert sent(session) == [EnquireLinkResp(sequence_number=0x7777)]


def test_there_is_an_answer_or_an_event_for_every_command():
    for pdu_class in PDU_CLASSES.values():
        for session in (bound_esme(), bound_smsc(), Session(SessionConfig(), now=0.0)):
            session.data_to_send()
            events = feed(session, encode_pdu(pdu_class(sequence_number=1234)))
            assert events or session.data_to_send()
