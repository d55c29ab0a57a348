"""The session as its owner and its driver use it: binding, windows, the end. Time is arithmetic."""

import pytest

from ghasi.smpp.errors import FieldError, StateError, WindowFull
from ghasi.smpp.events import (
    Answered,
    BindRefused,
    BindRequested,
    BindTimedOut,
    Bound,
    Closed,
    LateResponse,
    LinkDead,
    ProtocolFault,
    RequestExpired,
    RequestLost,
    RequestReceived,
    UnbindReceived,
    Unbound,
    UnexpectedResponse,
)
from ghasi.smpp.pdu import (
    AlertNotification,
    BindReceiver,
    BindTransceiver,
    BindTransceiverResp,
    BindTransmitter,
    BindTransmitterResp,
    DataSm,
    DeliverSm,
    DeliverSmResp,
    EnquireLink,
    EnquireLinkResp,
    GenericNack,
    Outbind,
    QuerySm,
    QuerySmResp,
    SubmitSm,
    SubmitSmResp,
    Unbind,
    UnbindResp,
    encode_pdu,
)
from ghasi.smpp.session import Role, Session, SessionConfig, SessionState
from ghasi.smpp.tlv import Tlv
from tests.unit.smpp.pair import BINDS, VERSION, bound_esme, bound_smsc, feed, kinds, sent


def esme(**settings) -> Session:
    return Session(SessionConfig(**settings), now=0.0)


def smsc(**settings) -> Session:
    return Session(SessionConfig(role=Role.SMSC, **settings), now=0.0)


class TestBindingAsEsme:
    @pytest.mark.parametrize("mode", BINDS)
    def test_a_bind_that_is_accepted(self, mode):
        session = esme()
        number = session.send(BINDS[mode](system_id="ghasi", password="pw"), now=0.0)
        assert sent(session) == [BINDS[mode](sequence_number=number, system_id="ghasi", password="pw")]
        assert session.state is SessionState.BINDING
        response = BINDS[mode].command_id | 0x80000000
        octets = bytes.fromhex(f"00000015{response:08x}0000000000000001") + b"smsc\0"
        (event,) = feed(session, octets)
        assert isinstance(event, Bound)
        assert event.mode is session.state is SessionState[f"BOUND_{mode}"]
        assert session.is_bound
        assert session.can_submit == (mode != "RX")

    @pytest.mark.parametrize(
        ("tlvs", "version", "takes"),
        [
            ((), None, False),
            (VERSION, 0x34, True),
            ((Tlv(0x210, b"\x33"),), 0x33, False),
            ((Tlv(0x210),), None, False),
        ],
    )
    def test_what_the_smsc_can(self, tlvs, version, takes):
        session = esme()
        session.send(BindTransceiver(), now=0.0)
        (event,) = feed(session, BindTransceiverResp(sequence_number=1, tlvs=tlvs))
        assert (event.peer_version, event.takes_tlvs) == (version, takes)

    @pytest.mark.parametrize(
        "answer",
        [
            BindTransceiverResp(sequence_number=1, command_status=0x0E),
            BindTransceiverResp(sequence_number=1, command_status=0x0E, system_id="smsc"),
            GenericNack(sequence_number=1, command_status=0x0E),
            GenericNack(sequence_number=0, command_status=0x0E),
            BindTransmitterResp(sequence_number=1, command_status=0x0E),
            SubmitSmResp(sequence_number=1, command_status=0x0E),
        ],
    )
    def test_a_bind_that_is_refused_ends_the_session(self, answer):
        session = esme()
        session.send(BindTransceiver(), now=0.0)
        assert feed(session, answer) == [BindRefused(0x0E, answer)]
        assert session.closing
        assert not session.abort
        assert session.next_timer() is None

    def test_another_commands_ok_is_no_bind(self):
        session = esme()
        session.send(BindTransceiver(), now=0.0)
        assert kinds(feed(session, SubmitSmResp(sequence_number=1))) == ["BindRefused"]

    def test_a_bind_response_for_another_number_is_not_ours(self):
        session = esme()
        session.send(BindTransceiver(), now=0.0)
        assert kinds(feed(session, BindTransceiverResp(sequence_number=2))) == ["UnexpectedResponse"]
        assert session.state is SessionState.BINDING

    def test_no_answer(self):
        session = esme(bind_timeout=10.0)
        session.send(BindTransceiver(), now=5.0)
        assert session.next_timer() == 15.0
        session.handle_timer(now=15.0)
        assert session.events() == [BindTimedOut()]
        assert session.closing
        assert session.abort

    def test_long_credentials_are_a_matter_of_settings(self):
        session = esme()
        session.send(BindTransceiver(password="p" * 16), now=0.0)
        assert b"p" * 16 in session.data_to_send()
        strict = esme(long_credentials=False)
        with pytest.raises(FieldError, match="password"):
            strict.send(BindTransceiver(password="p" * 16), now=0.0)
        assert strict.state is SessionState.OPEN
        assert strict.data_to_send() == b""

    def test_the_password_does_not_stay(self):
        session = esme()
        session.send(BindTransceiver(password="s3cret"), now=0.0)
        session.data_to_send()
        assert session._core.bind_request is not None
        assert session._core.bind_request.password == ""

    def test_nothing_but_a_bind_before_the_bind(self):
        session = esme()
        for pdu in (SubmitSm(), Unbind(), EnquireLink(), DataSm(), Outbind()):
            with pytest.raises(StateError):
                session.send(pdu, now=0.0)
        session.send(BindReceiver(), now=0.0)
        with pytest.raises(StateError):
            session.send(BindTransmitter(), now=0.0)


class TestBindingAsSmsc:
    @pytest.mark.parametrize("mode", BINDS)
    def test_accepting(self, mode):
        session = smsc(system_id="simulator")
        request = BINDS[mode](system_id="ghasi", password="pw", sequence_number=9)
        (event,) = feed(session, request)
        assert event == BindRequested(request)
        assert session.state is SessionState.BINDING
        session.respond(event.request, now=0.0)
        (response,) = sent(session)
        assert (response.sequence_number, response.system_id, response.tlvs) == (9, "simulator", VERSION)
        assert session.state is SessionState[f"BOUND_{mode}"]
        assert session.can_submit == (mode != "TX")

    def test_an_old_client_gets_no_tlv(self):
        session = smsc()
        (event,) = feed(session, BindTransceiver(interface_version=0x33))
        session.respond(event.request, now=0.0)
        assert sent(session)[0].tlvs == ()

    def test_an_smsc_without_version(self):
        session = smsc(interface_version=None)
        (event,) = feed(session, BindTransceiver())
        session.respond(event.request, now=0.0)
        assert sent(session)[0].tlvs == ()

    def test_the_owner_decides_what_the_response_says(self):
        session = smsc(system_id="simulator")
        (event,) = feed(session, BindTransceiver())
        session.respond(event.request, now=0.0, system_id="other", tlvs=[Tlv(0x1400, b"x")])
        (response,) = sent(session)
        assert (response.system_id, response.tlvs) == ("other", (Tlv(0x1400, b"x"),))

    def test_refusing_lets_the_client_try_again(self):
        session = smsc()
        (event,) = feed(session, BindTransceiver(sequence_number=1), now=3.0)
        session.respond(event.request, now=4.0, command_status=0x0E)
        assert session.data_to_send().hex() == "00000010800000090000000e00000001"
        assert session.state is SessionState.OPEN
        assert not session.closing
        assert session.next_timer() == 14.0
        assert kinds(feed(session, BindTransmitter(sequence_number=2), now=5.0)) == ["BindRequested"]

    def test_a_bind_is_answered_once(self):
        session = smsc()
        (event,) = feed(session, BindTransceiver())
        session.respond(event.request, now=0.0)
        with pytest.raises(StateError):
            session.respond(event.request, now=0.0)

    def test_a_client_that_never_binds(self):
        session = smsc(bind_timeout=10.0)
        assert session.next_timer() == 10.0
        session.handle_timer(now=10.0)
        assert session.events() == [BindTimedOut()]
        assert session.closing

    def test_outbind_asks_for_a_bind(self):
        session, client = smsc(), esme()
        session.send(Outbind(system_id="smsc"), now=0.0)
        assert kinds(feed(client, session.data_to_send())) == ["OutbindReceived"]
        client.send(BindReceiver(), now=0.0)
        assert kinds(feed(session, client.data_to_send())) == ["BindRequested"]


class TestSending:
    def test_numbers_and_answers(self):
        session = bound_esme()
        numbers = [session.send(SubmitSm(short_message=b"x"), now=1.0, context=name) for name in "ab"]
        assert numbers == [2, 3]
        assert [pdu.sequence_number for pdu in sent(session)] == [2, 3]
        answers = [SubmitSmResp(sequence_number=3, message_id="B"), SubmitSmResp(sequence_number=2, message_id="A")]
        assert feed(session, *answers, now=1.5) == [
            Answered(3, "b", answers[0], 0.5),
            Answered(2, "a", answers[1], 0.5),
        ]
        assert session.window_used == 0

    @pytest.mark.parametrize(
        "answer",
        [
            SubmitSmResp(sequence_number=2, command_status=0x58),
            GenericNack(sequence_number=2, command_status=0x03),
            DeliverSmResp(sequence_number=2, command_status=0x45),
        ],
    )
    def test_any_response_settles_by_its_number(self, answer):
        session = bound_esme()
        session.send(SubmitSm(), now=0.0, context="a")
        assert feed(session, answer) == [Answered(2, "a", answer, 0.0)]

    @pytest.mark.parametrize(
        "answer", [SubmitSmResp(sequence_number=99), GenericNack(sequence_number=0), GenericNack(sequence_number=2)]
    )
    def test_nobodys_response(self, answer):
        session = bound_esme()
        assert feed(session, answer) == [UnexpectedResponse(answer)]
        assert not session.closing

    def test_a_second_response_is_unexpected(self):
        session = bound_esme()
        session.send(SubmitSm(), now=0.0)
        answer = SubmitSmResp(sequence_number=2)
        assert kinds(feed(session, answer, answer)) == ["Answered", "UnexpectedResponse"]

    def test_the_window_is_never_exceeded(self):
        session = bound_esme(window_size=2)
        session.send(SubmitSm(), now=0.0)
        session.send(QuerySm(message_id="x"), now=0.0)
        session.data_to_send()
        with pytest.raises(WindowFull):
            session.send(SubmitSm(), now=0.0)
        assert session.data_to_send() == b""
        assert session.window_free == 0
        feed(session, QuerySmResp(sequence_number=3))
        assert session.send(SubmitSm(), now=0.0) == 4

    def test_the_window_can_change(self):
        session = bound_esme(window_size=1)
        session.window_size = 2
        session.send(SubmitSm(), now=0.0)
        session.send(SubmitSm(), now=0.0)
        assert (session.window_size, session.window_used, session.window_free) == (2, 2, 0)

    def test_enquire_link_is_outside_the_window(self):
        session = bound_esme(window_size=1)
        session.send(SubmitSm(), now=0.0)
        session.send(EnquireLink(), now=0.0, context="probe")
        assert session.window_used == 1
        (event,) = feed(session, EnquireLinkResp(sequence_number=3))
        assert (event.context, kinds([event])) == ("probe", ["Answered"])

    def test_an_owners_enquire_link_expires(self):
        session = bound_esme(enquire_link_timeout=10.0)
        session.send(EnquireLink(), now=0.0, context="probe")
        session.handle_timer(now=10.0)
        assert session.events() == [RequestExpired(2, "probe")]
        answer = EnquireLinkResp(sequence_number=2)
        assert feed(session, answer, now=11.0) == [LateResponse("probe", answer)]

    def test_a_field_that_does_not_fit_uses_no_number(self):
        session = bound_esme()
        session.data_to_send()
        with pytest.raises(FieldError):
            session.send(SubmitSm(source_addr="1" * 21), now=0.0)
        assert session.data_to_send() == b""
        assert session.window_used == 0
        assert session.send(SubmitSm(), now=0.0) == 2

    @pytest.mark.parametrize("pdu", [SubmitSmResp(), GenericNack(), DeliverSm(), AlertNotification()])
    def test_what_an_esme_does_not_send(self, pdu):
        with pytest.raises(StateError, match=pdu.command_name):
            bound_esme().send(pdu, now=0.0)

    def test_a_receiver_does_not_submit(self):
        with pytest.raises(StateError, match="BOUND_RX"):
            bound_esme("RX").send(SubmitSm(), now=0.0)

    def test_an_smsc_delivers_and_alerts(self):
        session = bound_smsc("RX")
        assert session.send(DeliverSm(), now=0.0, context="d") == 1
        assert session.send(AlertNotification(), now=0.0) == 2
        assert session.window_used == 1
        answer = DeliverSmResp(sequence_number=1)
        assert feed(session, answer) == [Answered(1, "d", answer, 0.0)]

    def test_numbers_wrap_and_leave_out_those_in_use(self):
        session = bound_esme(first_sequence_number=0x7FFFFFFE)
        first = session.send(SubmitSm(), now=0.0)
        assert first == 0x7FFFFFFF
        assert session.send(SubmitSm(), now=0.0) == 1
        session._core._numbers._next = 0x7FFFFFFF
        assert session.send(SubmitSm(), now=0.0) == 2


class TestSendingEncoded:
    def test_one_write_with_patched_numbers(self):
        session = bound_esme()
        pdus = [encode_pdu(SubmitSm(short_message=text)) for text in (b"one", b"three", b"")]
        assert session.send_encoded(pdus, ["a", "b", "c"], now=1.0) == [2, 3, 4]
        assert sent(session) == [
            SubmitSm(sequence_number=2, short_message=b"one"),
            SubmitSm(sequence_number=3, short_message=b"three"),
            SubmitSm(sequence_number=4),
        ]
        (event,) = feed(session, SubmitSmResp(sequence_number=3), now=2.0)
        assert (event.context, event.elapsed) == ("b", 1.0)

    def test_all_or_nothing(self):
        session = bound_esme(window_size=2)
        with pytest.raises(WindowFull):
            session.send_encoded([encode_pdu(SubmitSm())] * 3, "abc", now=0.0)
        assert session.window_used == 0
        assert session.data_to_send() == b""

    def test_nothing_is_nothing(self):
        session = bound_esme()
        assert session.send_encoded([], [], now=0.0) == []
        assert session.data_to_send() == b""

    @pytest.mark.parametrize(
        "pdu",
        [
            b"",
            bytes(15),
            encode_pdu(SubmitSm())[:-1],
            encode_pdu(SubmitSm()) + b"\0",
            encode_pdu(SubmitSm()) * 2,
            encode_pdu(EnquireLink()),
            encode_pdu(Unbind()),
            encode_pdu(SubmitSmResp()),
        ],
    )
    def test_only_whole_requests_of_the_window(self, pdu):
        session = bound_esme()
        with pytest.raises(FieldError):
            session.send_encoded([encode_pdu(SubmitSm()), pdu], ["a", "b"], now=0.0)
        assert session.window_used == 0

    def test_a_context_for_each(self):
        with pytest.raises(FieldError, match="contexts"):
            bound_esme().send_encoded([encode_pdu(SubmitSm())], [], now=0.0)

    def test_state_and_role_count(self):
        with pytest.raises(StateError):
            bound_esme("RX").send_encoded([encode_pdu(SubmitSm())], ["a"], now=0.0)
        with pytest.raises(StateError):
            bound_esme().send_encoded([encode_pdu(DeliverSm())], ["a"], now=0.0)


class TestResponding:
    def test_with_status_and_fields(self):
        session = bound_smsc()
        (event,) = feed(session, SubmitSm(sequence_number=0xFFFFFFFF))
        assert isinstance(event, RequestReceived)
        assert event.frame == encode_pdu(event.request)
        session.respond(event.request, now=0.0, message_id="abc", tlvs=[Tlv(0x1D, b"ok\0")])
        assert sent(session) == [
            SubmitSmResp(sequence_number=0xFFFFFFFF, message_id="abc", tlvs=(Tlv(0x1D, b"ok\0"),))
        ]

    def test_a_delivery_is_answered_with_seventeen_octets(self):
        session = bound_esme()
        (event,) = feed(session, DeliverSm(sequence_number=5))
        session.data_to_send()
        session.respond(event.request, now=0.0)
        assert session.data_to_send().hex() == "0000001180000005000000000000000500"

    def test_a_field_that_does_not_fit(self):
        session = bound_smsc()
        (event,) = feed(session, SubmitSm())
        with pytest.raises(FieldError):
            session.respond(event.request, now=0.0, message_id="x" * 65)
        assert session.data_to_send() == b""

    def test_what_has_no_response(self):
        with pytest.raises(StateError):
            bound_esme().respond(AlertNotification(), now=0.0)

    def test_a_bind_nobody_asked(self):
        with pytest.raises(StateError):
            bound_smsc().respond(BindTransceiver(), now=0.0)

    def test_after_the_end(self):
        session = bound_esme()
        session.close("enough")
        with pytest.raises(StateError, match="enough"):
            session.respond(DeliverSm(), now=0.0)


class TestTheEnd:
    def test_unbind_and_its_answer(self):
        session = bound_esme()
        session.unbind(now=1.0)
        (request,) = sent(session)
        assert request == Unbind(sequence_number=2)
        assert session.state is SessionState.UNBINDING
        assert not session.can_submit
        with pytest.raises(StateError):
            session.send(SubmitSm(), now=1.0)
        assert feed(session, UnbindResp(sequence_number=2)) == [Unbound()]
        assert session.closing
        assert not session.abort

    def test_deliveries_are_still_answered_while_unbinding(self):
        session = bound_esme()
        session.unbind(now=0.0)
        (event,) = feed(session, DeliverSm(sequence_number=8))
        session.respond(event.request, now=0.0)
        assert sent(session)[-1] == DeliverSmResp(sequence_number=8)

    def test_answers_still_count_while_unbinding(self):
        session = bound_esme()
        session.send(SubmitSm(), now=0.0, context="a")
        session.unbind(now=0.0)
        events = feed(session, SubmitSmResp(sequence_number=2), UnbindResp(sequence_number=3))
        assert kinds(events) == ["Answered", "Unbound"]

    def test_unbind_without_answer(self):
        session = bound_esme(unbind_timeout=5.0)
        session.send(SubmitSm(), now=0.0, context="a")
        session.unbind(now=1.0)
        assert session.next_timer() == 6.0
        session.handle_timer(now=6.0)
        assert session.events() == [RequestLost(2, "a")]
        assert session.abort

    def test_only_a_bound_session_unbinds(self):
        with pytest.raises(StateError):
            esme().unbind(now=0.0)

    def test_the_peer_unbinds(self):
        session = bound_esme()
        session.send(SubmitSm(), now=0.0, context="a")
        session.data_to_send()
        assert feed(session, Unbind(sequence_number=4)) == [UnbindReceived(), RequestLost(2, "a")]
        assert sent(session) == [UnbindResp(sequence_number=4)]
        assert session.closing
        assert not session.abort
        assert session.state is SessionState.CLOSED

    def test_both_unbind_at_once(self):
        session = bound_esme()
        session.unbind(now=0.0)
        session.data_to_send()
        assert kinds(feed(session, Unbind(sequence_number=1))) == ["UnbindReceived"]
        assert sent(session) == [UnbindResp(sequence_number=1)]

    def test_an_smsc_unbinds(self):
        session = bound_smsc()
        session.unbind(now=0.0)
        assert kinds(feed(session, UnbindResp(sequence_number=1))) == ["Unbound"]

    def test_a_lost_connection_hands_over_everything_once(self):
        session = bound_esme()
        for name in "abc":
            session.send(SubmitSm(), now=0.0, context=name)
        feed(session, SubmitSmResp(sequence_number=3))
        session.connection_lost(now=1.0, reason="reset")
        assert session.events() == [RequestLost(2, "a"), RequestLost(4, "c"), Closed("reset")]
        session.connection_lost(now=2.0, reason="again")
        assert session.events() == []
        assert session.state is SessionState.CLOSED
        assert session.next_timer() is None

    def test_its_own_reason_comes_first(self):
        session = bound_esme()
        session.close("lease lost", abort=True)
        session.connection_lost(now=0.0, reason="reset")
        assert session.events() == [Closed("lease lost")]

    def test_closing_twice_can_only_become_harder(self):
        session = bound_esme()
        session.close("politely")
        assert not session.abort
        session.close("at once", abort=True)
        assert session.abort
        session.close("politely again")
        assert session.abort

    def test_no_probes_while_unbinding(self):
        session = bound_esme(unbind_timeout=50.0)
        session.unbind(now=0.0)
        session.data_to_send()
        session.handle_timer(now=30.0)
        assert session.data_to_send() == b""
        assert session.next_timer() == 50.0

    def test_after_the_end_nothing_is_heard_or_sent(self):
        session = bound_esme()
        feed(session, Unbind(), SubmitSmResp(sequence_number=5), bytes(50))
        session.data_to_send()
        assert feed(session, EnquireLink()) == []
        session.handle_timer(now=1000.0)
        assert (session.events(), session.data_to_send()) == ([], b"")
        with pytest.raises(StateError, match="over"):
            session.send(SubmitSm(), now=0.0)

    def test_a_connection_that_ends_during_the_bind(self):
        session = esme()
        session.send(BindTransceiver(), now=0.0)
        session.connection_lost(now=1.0, reason="closed by the peer")
        assert session.events() == [Closed("closed by the peer")]

    def test_expiry_and_death_in_one_late_timer(self):
        session = bound_esme(response_timeout=30.0)
        session.handle_timer(now=30.0)
        session.send(SubmitSm(), now=30.0, context="a")
        session.handle_timer(now=60.0)
        events = session.events()
        assert kinds(events) == ["RequestExpired", "LinkDead"]
        assert isinstance(events[1], LinkDead)


def test_what_is_told_by_faults_names_no_secret():
    session = bound_esme()
    events = feed(session, SubmitSm(destination_addr="93700000001", short_message=b"s3cret", sequence_number=1))
    (fault,) = events
    assert isinstance(fault, ProtocolFault)
    assert "93700000001" not in str(fault)
    assert "s3cret" not in repr(fault)


def test_settings_are_seen():
    assert bound_esme(window_size=7).config.window_size == 7


def test_who_listens_hears_whole_pdus_from_the_next_one_on_broken_ones_too():
    session = bound_esme()
    heard: list[bytes] = []
    first, second = encode_pdu(DeliverSm(sequence_number=1)), encode_pdu(DeliverSm(sequence_number=2))
    session.receive_data(first[:20], now=0.0)
    session.listen(heard.append)
    session.receive_data(first[20:] + second[:5], now=0.0)
    assert heard == [first]
    broken = encode_pdu(DeliverSm(short_message=b"hello", sequence_number=3))[:-2]
    broken = len(broken).to_bytes(4, "big") + broken[4:]
    session.receive_data(second[5:] + broken, now=0.0)
    assert heard == [first, second, broken]
    session.listen(None)
    session.receive_data(first, now=0.0)
    assert len(heard) == 3
