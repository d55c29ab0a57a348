from __future__ import annotations

import io

from hypothesis import given
from hypothesis import strategies as st

from ghasi.contracts.trace import TracedPdu
from ghasi.smpp.masking import masked
from ghasi.smpp.pdu import EnquireLink, EnquireLinkResp, SubmitSm, encode_pdu, frames
from ghasi.smpp.tlv import Tag, Tlv
from ghasi.trace.pcap import MAX_SEGMENT, PcapWriter
from tests.support.pcap import read_pcap, streams

OURS, THEIRS = ("10.0.0.1", 51000), ("198.51.100.7", 2775)
AT = 1_770_000_000_123_456


def traced(
    octets: bytes, *, sent: bool = True, local: str = "10.0.0.1:51000", remote: str = "198.51.100.7:2775"
) -> TracedPdu:
    return TracedPdu(AT, sent, 0, 1, local, remote, octets)


def captured(*pdus: TracedPdu) -> bytes:
    file = io.BytesIO()
    writer = PcapWriter(file.write)
    for pdu in pdus:
        writer.add("gw-1", pdu)
    return file.getvalue()


def test_a_conversation() -> None:
    asked, answered = encode_pdu(EnquireLink(sequence_number=1)), encode_pdu(EnquireLinkResp(sequence_number=1))
    packets = list(read_pcap(captured(traced(asked), traced(answered, sent=False), traced(asked))))
    assert [(packet.source, packet.destination) for packet in packets] == [
        (OURS, THEIRS),
        (THEIRS, OURS),
        (OURS, THEIRS),
    ]
    assert {packet.at_us for packet in packets} == {AT}
    assert streams(packets) == {(OURS, THEIRS): asked * 2, (THEIRS, OURS): answered}


def test_a_long_pdu_takes_several_packets() -> None:
    frame = masked(encode_pdu(SubmitSm(tlvs=(Tlv(Tag.MESSAGE_PAYLOAD, b"x" * 40_000),))))
    packets = list(read_pcap(captured(traced(frame))))
    assert [len(packet.payload) for packet in packets] == [MAX_SEGMENT, MAX_SEGMENT, len(frame) - 2 * MAX_SEGMENT]
    assert streams(packets) == {(OURS, THEIRS): frame}


def test_addresses_of_other_kinds() -> None:
    frame = encode_pdu(EnquireLink(sequence_number=1))
    six = traced(frame, local="[2001:db8::1]:4000", remote="[2001:db8::2]:2775")
    scoped = traced(frame, local="[fe80::1%eth0]:4000", remote="[fe80::2]:2775")
    unknown = traced(frame, local="", remote="")
    half = traced(frame, local="[2001:db8::1]:4000", remote="")
    shown = [(packet.source[0], packet.destination[0]) for packet in read_pcap(captured(six, scoped, unknown, half))]
    assert shown == [
        ("2001:db8::1", "2001:db8::2"),
        ("fe80::1", "fe80::2"),
        ("192.0.2.1", "192.0.2.2"),
        ("2001:db8::1", "::ffff:c000:202"),
    ]


def test_sequence_numbers_go_round() -> None:
    writer = PcapWriter(lambda _: None)
    writer._next["gw-1", OURS, THEIRS] = 0xFFFFFFFE
    writer.add("gw-1", traced(b"abcd"))
    assert writer._next["gw-1", OURS, THEIRS] == 2


@given(st.lists(st.tuples(st.booleans(), st.binary(min_size=1, max_size=300)), max_size=20))
def test_every_octet_comes_back_in_its_direction(passed: list[tuple[bool, bytes]]) -> None:
    found = streams(list(read_pcap(captured(*(traced(octets, sent=sent) for sent, octets in passed)))))
    for sent, way in ((True, (OURS, THEIRS)), (False, (THEIRS, OURS))):
        assert found.get(way, b"") == b"".join(octets for one, octets in passed if one is sent)


def test_masked_pdus_are_pdus() -> None:
    frame = encode_pdu(SubmitSm(sequence_number=1, destination_addr="93701234567", short_message=b"secret"))
    (packet,) = read_pcap(captured(traced(masked(frame))))
    assert len(frames(packet.payload)) == 1
    assert b"secret" not in packet.payload
