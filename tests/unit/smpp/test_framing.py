import pytest
from hypothesis import given
from hypothesis import strategies as st

from ghasi.smpp.errors import FramingError
from ghasi.smpp.framing import FrameBuffer
from ghasi.smpp.pdu import EnquireLink, SubmitSm, encode_pdu
from tests.unit.smpp.strategies import ANY_PDU

LINK = encode_pdu(EnquireLink(sequence_number=1))


def drain(buffer: FrameBuffer) -> list[bytes]:
    found = []
    while (frame := buffer.next_frame()) is not None:
        found.append(frame)
    return found


@given(st.lists(ANY_PDU, max_size=4), st.data())
def test_pdus_come_out_however_they_were_cut(many, data):
    encoded = [encode_pdu(pdu) for pdu in many]
    stream = b"".join(encoded)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=8)))
    buffer = FrameBuffer()
    found = []
    for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        buffer.feed(stream[start:end])
        found += drain(buffer)
    assert found == encoded
    assert buffer.pending == 0


def test_octet_by_octet():
    buffer = FrameBuffer()
    for position, octet in enumerate(LINK):
        assert buffer.next_frame() is None
        assert buffer.pending == position
        buffer.feed(bytes((octet,)))
    assert buffer.next_frame() == LINK


@pytest.mark.parametrize(
    "start", ["00000000", "00000004", "0000000f", "7fffffff", "ffffffff", b"HTTP".hex(), "16030100"]
)
def test_an_impossible_length_is_seen_in_its_four_octets(start):
    buffer = FrameBuffer()
    buffer.feed(bytes.fromhex(start[:6]))
    assert buffer.next_frame() is None
    buffer.feed(bytes.fromhex(start[6:]))
    with pytest.raises(FramingError):
        buffer.next_frame()


def test_the_limit_itself_is_legal():
    frame = encode_pdu(SubmitSm(short_message=b"x" * 100))
    buffer = FrameBuffer(len(frame))
    buffer.feed(frame)
    assert buffer.next_frame() == frame
    tight = FrameBuffer(len(frame) - 1)
    tight.feed(frame)
    with pytest.raises(FramingError, match=str(len(frame))):
        tight.next_frame()


def test_pdus_before_the_fault_come_out():
    buffer = FrameBuffer()
    buffer.feed(LINK + bytes(4))
    assert buffer.next_frame() == LINK
    with pytest.raises(FramingError):
        buffer.next_frame()
