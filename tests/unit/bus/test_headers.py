"""ghasi.bus.headers: the same headers as nats-py finds, and it is ours that a client uses."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st
from nats.aio.client import Client

from ghasi.bus import Bus, BusSettings
from ghasi.bus.headers import parse_headers
from ghasi.bus.lean_client import LeanClient

_pieces = st.sampled_from(
    [b"\r\n", b":", b" ", b"\t", b"\x1c", b"Nats-Msg-Id", b"a", b"\xff", b"\xc3\xa9", b"\n", b"\x0b"]
)


@given(st.lists(_pieces | st.binary(max_size=3), max_size=30).map(b"".join))
@example(b"Nats-Sequence: 7\r\nSmpp-Replay:1\r\n\r\n")
@example(b": nameless\r\na b: c\r\nlate:\tx \r\n")
def test_it_finds_what_nats_py_finds(raw: bytes) -> None:
    assert parse_headers(raw) == Client._parse_header_lines(raw)


async def test_a_bus_reads_headers_by_it(nats_url: str) -> None:
    bus = await Bus.connect(BusSettings((nats_url,)), "test")
    try:
        assert isinstance(bus.nc, LeanClient)
        subscription = await bus.nc.subscribe("headers.test")
        await bus.nc.publish("headers.test", b"x", headers={"One": "1", "Two": "zwei é"})
        assert (await subscription.next_msg(5)).headers == {"One": "1", "Two": "zwei é"}
    finally:
        await bus.close()
