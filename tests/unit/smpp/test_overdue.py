"""What a session does when nothing comes: expiry, probes, the end of a dead link. Time is arithmetic."""

import pytest

from ghasi.smpp.events import (
    LateResponse,
    LinkDead,
    RequestExpired,
    RequestLost,
    UnexpectedResponse,
)
from ghasi.smpp.pdu import (
    DeliverSm,
    EnquireLink,
    EnquireLinkResp,
    GenericNack,
    SubmitSm,
    SubmitSmResp,
    encode_pdu,
)
from tests.unit.smpp.pair import bound_esme, bound_smsc, feed, kinds, sent


class TestResponseTimer:
    def test_expiry_frees_the_window_and_a_late_answer_is_known(self):
        session = bound_esme(response_timeout=30.0, window_size=1)
        session.send(SubmitSm(), now=1.0, context="a")
        session.handle_timer(now=30.9)
        assert session.events() == []
        session.handle_timer(now=31.0)
        assert session.events() == [RequestExpired(2, "a")]
        assert session.window_free == 1
        answer = SubmitSmResp(sequence_number=2, message_id="late")
        assert feed(session, answer, now=40.0) == [LateResponse("a", answer)]
        assert feed(session, answer, now=41.0) == [UnexpectedResponse(answer)]

    def test_the_next_timer_is_the_earliest(self):
        session = bound_esme(response_timeout=5.0)
        assert session.next_timer() == 30.0
        session.send(SubmitSm(), now=1.0)
        session.send(SubmitSm(), now=2.0)
        assert session.next_timer() == 6.0
        feed(session, SubmitSmResp(sequence_number=2), now=3.0)
        assert session.next_timer() == 7.0


class TestLinkTimers:
    def test_enquire_link_every_thirty_seconds(self):
        session = bound_esme()
        for moment in (30.0, 60.0, 90.0):
            assert session.next_timer() == moment
            session.handle_timer(now=moment)
            (probe,) = sent(session)
            assert isinstance(probe, EnquireLink)
            assert feed(session, EnquireLinkResp(sequence_number=probe.sequence_number), now=moment + 1) == []

    def test_it_goes_out_while_traffic_flows_one_way(self):
        session = bound_esme()
        for second in range(1, 30):
            feed(session, DeliverSm(sequence_number=second), now=float(second))
        session.handle_timer(now=30.0)
        assert [type(pdu) for pdu in sent(session)] == [EnquireLink]

    def test_silence_after_it_is_death(self):
        session = bound_esme(enquire_link_timeout=10.0)
        session.send(SubmitSm(), now=25.0, context="a")
        session.handle_timer(now=30.0)
        assert session.next_timer() == 40.0
        session.handle_timer(now=40.0)
        assert session.events() == [LinkDead(40.0), RequestLost(2, "a")]
        assert session.closing
        assert session.abort

    @pytest.mark.parametrize("life", [DeliverSm(), GenericNack(), EnquireLinkResp(sequence_number=77), EnquireLink()])
    def test_any_pdu_is_life(self, life):
        session = bound_esme()
        session.handle_timer(now=30.0)
        feed(session, life, now=39.0)
        session.handle_timer(now=40.0)
        assert not session.closing

    def test_part_of_a_pdu_is_no_life(self):
        session = bound_esme(read_timeout=None)
        session.handle_timer(now=30.0)
        feed(session, encode_pdu(EnquireLink())[:15], now=39.0)
        session.handle_timer(now=40.0)
        assert session.closing

    def test_a_generic_nack_for_it_is_life_too(self):
        session = bound_esme()
        session.handle_timer(now=30.0)
        (probe,) = sent(session)
        assert feed(session, GenericNack(sequence_number=probe.sequence_number), now=31.0) == []

    def test_it_can_be_off(self):
        session = bound_esme(enquire_link_interval=None)
        assert session.next_timer() is None

    def test_both_roles_probe(self):
        session = bound_smsc()
        session.handle_timer(now=30.0)
        assert [type(pdu) for pdu in sent(session)] == [EnquireLink]

    def test_an_inactive_peer(self):
        session = bound_smsc(inactivity_timeout=60.0, enquire_link_interval=None)
        feed(session, SubmitSm(), now=20.0)
        assert session.next_timer() == 80.0
        session.handle_timer(now=80.0)
        assert session.events() == [LinkDead(60.0)]

    def test_the_rest_of_a_pdu_has_ten_seconds(self):
        session = bound_esme(read_timeout=10.0)
        frame = encode_pdu(DeliverSm(short_message=b"x" * 50))
        feed(session, frame[:3], now=1.0)
        feed(session, frame[3:20], now=9.0)
        assert session.next_timer() == 11.0
        session.handle_timer(now=11.0)
        assert kinds(session.events()) == ["ProtocolFault"]
        assert session.abort

    def test_each_pdu_has_its_own_ten_seconds(self):
        session = bound_esme(read_timeout=10.0)
        frame = encode_pdu(DeliverSm())
        feed(session, frame[:20], now=1.0)
        feed(session, frame[20:] + frame[:20], now=10.0)
        assert session.next_timer() == 20.0
        feed(session, frame[20:], now=19.0)
        assert session.next_timer() == 30.0

    def test_a_timer_that_comes_early_does_nothing(self):
        session = bound_esme()
        session.handle_timer(now=29.0)
        assert (session.events(), session.data_to_send()) == ([], b"")
