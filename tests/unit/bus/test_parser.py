"""ghasi.bus.parser: what nats-py's parser reads, read as it would, however the octets are cut."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nats.errors import ProtocolError
from nats.protocol.parser import Parser

from ghasi.bus.parser import LeanParser, Taker

PLAIN, TAKEN = 1, 2


class Client:
    """Notes what either parser hands on; subscription TAKEN has a taker."""

    def __init__(self) -> None:
        self.heard: list[Any] = []
        self.stats = {"in_msgs": 0, "in_bytes": 0}
        self.takers: dict[int, Taker] = {TAKEN: self._take}
        self.parser: Parser = Parser(self)
        self.lost_at: bytes | None = None

    def _take(self, reply: bytes, data: bytes, headers: bytes) -> None:
        self.heard.append((TAKEN, reply, data, headers))

    async def _process_msg(self, sid: int, subject: bytes, reply: bytes, data: bytes, headers: bytes | None) -> None:
        if sid == TAKEN:
            self._take(reply, data, headers or b"")
        else:
            self.heard.append((sid, subject, reply, data, headers or b""))
        if data == self.lost_at:
            self.parser.reset()

    async def _process_ping(self) -> None:
        self.heard.append("ping")

    async def _process_pong(self) -> None:
        self.heard.append("pong")

    async def _process_err(self, error: str) -> None:
        self.heard.append(error)


def _msg(sid: int, subject: str, reply: str, payload: bytes, headers: bytes) -> bytes:
    words = [subject, str(sid), *([reply] if reply else [])]
    if headers:
        block = b"NATS/1.0" + headers + b"\r\n\r\n"
        line = " ".join(["HMSG", *words, str(len(block)), str(len(block) + len(payload))])
        return line.encode() + b"\r\n" + block + payload + b"\r\n"
    return " ".join(["MSG", *words, str(len(payload))]).encode() + b"\r\n" + payload + b"\r\n"


messages = st.builds(
    _msg,
    st.sampled_from([PLAIN, TAKEN]),
    st.sampled_from(["a", "a.b.c"]),
    st.sampled_from(["", "_INBOX.x", "$JS.ACK.S.c.1.42.7.1776508200123456789.3"]),
    st.one_of(st.binary(max_size=40), st.sampled_from([b"MSG a 1 3\r\n", b"\r\n", b"PING\r\n"])),
    st.sampled_from([b"", b"\r\nOne: 1", b" 404 No Messages"]),
)
lines = st.one_of(messages, st.sampled_from([b"PING\r\n", b"PONG\r\n", b"+OK\r\n", b"-ERR 'slow'\r\n"]))


def _read(lean: bool, pieces: list[bytes]) -> Client:
    client = Client()
    if lean:
        client.parser = LeanParser(client)

    async def feed() -> None:
        for piece in pieces:
            await client.parser.parse(piece)

    asyncio.run(feed())
    return client


@given(st.lists(lines, max_size=8), st.lists(st.integers(0, 400), max_size=6))
def test_it_reads_what_nats_py_reads(written: list[bytes], cuts: list[int]) -> None:
    octets = b"".join(written)
    places = sorted({0, len(octets), *(cut % (len(octets) + 1) for cut in cuts)})
    pieces = [octets[start:end] for start, end in pairwise(places)]
    lean, usual = _read(True, pieces), _read(False, pieces)
    assert lean.heard == usual.heard
    assert not lean.parser.buf


def test_what_is_taken_is_counted() -> None:
    client = _read(True, [_msg(TAKEN, "a", "r", b"four", b"") * 3])
    assert client.stats == {"in_msgs": 3, "in_bytes": 12}


def test_a_message_that_is_not_whole_waits_for_the_rest() -> None:
    whole = _msg(TAKEN, "a", "r", b"four", b"\r\nOne: 1")
    client = _read(True, [whole + whole[:-1]])
    assert len(client.heard) == 1
    asyncio.run(client.parser.parse(whole[-1:]))
    assert len(client.heard) == 2


def test_after_a_lost_connection_the_rest_of_its_octets_is_forgotten() -> None:
    client = Client()
    client.parser = LeanParser(client)
    client.lost_at = b"last"
    asyncio.run(client.parser.parse(_msg(PLAIN, "a", "", b"last", b"") + _msg(TAKEN, "a", "r", b"x", b"")))
    assert [data for *_, data, _ in client.heard] == [b"last"]
    assert not client.parser.buf


def test_what_no_server_says_is_an_error() -> None:
    with pytest.raises(ProtocolError):
        _read(True, [b"MSG a b c d e f\r\n"])
