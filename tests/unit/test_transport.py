"""Two real sockets on loopback with a session at each end, and raw peers that misbehave."""

import asyncio
import contextlib
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
import trustme

from ghasi import transport
from ghasi.smpp import events as ev
from ghasi.smpp.codec import decode_pdu, encode_pdu
from ghasi.smpp.pdu import BindTransceiver, DeliverSm, EnquireLink, SubmitSm, Unbind, frames
from ghasi.smpp.session import Role, SessionConfig, SessionState
from ghasi.transport import SessionProtocol


class Owner:
    """Keeps what a protocol tells and lets a test wait for it."""

    def __init__(self, react: Callable[[SessionProtocol, ev.Event], None] | None = None) -> None:
        self.events: list[ev.Event] = []
        self.sent = self.received = 0
        self.allowed = True
        self.writable = 0
        self.react = react
        self._news = asyncio.Event()

    def __call__(self, protocol: SessionProtocol, event: ev.Event) -> None:
        self.events.append(event)
        self._news.set()
        if self.react is not None:
            self.react(protocol, event)

    def count(self, sent: int, received: int) -> None:
        self.sent += sent
        self.received += received
        self._news.set()

    def may_write(self) -> bool:
        return self.allowed

    def on_writable(self, protocol: SessionProtocol) -> None:
        self.writable += 1
        self._news.set()

    def of(self, kind: type) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]

    async def wait(self, kind: type, count: int = 1) -> Any:
        await self.until(lambda: len(self.of(kind)) >= count)
        return self.of(kind)[count - 1]

    async def until(self, done: Callable[[], bool]) -> None:
        async with asyncio.timeout(60):
            while not done():
                self._news.clear()
                await self._news.wait()


def accept_everything(protocol: SessionProtocol, event: ev.Event) -> None:
    """What a friendly SMSC does."""
    now = asyncio.get_running_loop().time()
    if isinstance(event, ev.BindRequested):
        protocol.session.respond(event.request, now=now)
    elif isinstance(event, ev.RequestReceived):
        fields = {"message_id": "id"} if isinstance(event.request, SubmitSm) else {}
        protocol.session.respond(event.request, now=now, **fields)


def make(owner: Owner, **settings: Any) -> SessionProtocol:
    return SessionProtocol(
        SessionConfig(**settings),
        owner,
        on_bytes=owner.count,
        may_write=owner.may_write,
        on_writable=owner.on_writable,
    )


class Pair:
    """An ESME and an SMSC on one connection."""

    def __init__(self) -> None:
        self.esme_owner, self.smsc_owner = Owner(accept_everything), Owner(accept_everything)
        self.esme: SessionProtocol
        self.smsc: SessionProtocol
        self.server: asyncio.Server

    async def connect(self, tls: bool = False, **settings: Any) -> None:
        loop = asyncio.get_running_loop()
        server_tls = client_tls = None
        if tls:
            authority = trustme.CA()
            server_tls, client_tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
            authority.issue_cert("localhost").configure_cert(server_tls)
            authority.configure_trust(client_tls)

        def accept() -> SessionProtocol:
            self.smsc = make(self.smsc_owner, role=Role.SMSC)
            return self.smsc

        self.server = await loop.create_server(accept, "127.0.0.1", 0, ssl=server_tls)
        port = self.server.sockets[0].getsockname()[1]
        _, self.esme = await loop.create_connection(
            lambda: make(self.esme_owner, **settings),
            "127.0.0.1",
            port,
            ssl=client_tls,
            server_hostname="localhost" if tls else None,
        )

    async def bind(self) -> None:
        self.esme.session.send(BindTransceiver(system_id="ghasi"), now=self.now())
        self.esme.pump()
        await self.esme_owner.wait(ev.Bound)

    def now(self) -> float:
        return asyncio.get_running_loop().time()

    def submit(self, pdu: Any = None, context: Any = None) -> None:
        self.esme.session.send(pdu or SubmitSm(short_message=b"hello"), now=self.now(), context=context)
        self.esme.pump()


@pytest.fixture
async def pair() -> AsyncIterator[Pair]:
    made = Pair()
    yield made
    for protocol in (made.esme, made.smsc):
        protocol.abort()
        await asyncio.wait_for(protocol.closed.wait(), 60)
    made.server.close()
    await made.server.wait_closed()


@contextlib.asynccontextmanager
async def raw_peer(owner: Owner, **settings: Any) -> AsyncIterator[tuple[SessionProtocol, socket.socket]]:
    """A protocol connected to a plain socket of the test."""
    listener = socket.create_server(("127.0.0.1", 0))
    loop = asyncio.get_running_loop()
    _, protocol = await loop.create_connection(
        lambda: make(owner, **settings), "127.0.0.1", listener.getsockname()[1]
    )
    peer, _ = listener.accept()
    peer.setblocking(False)
    try:
        yield protocol, peer
    finally:
        protocol.abort()
        await asyncio.wait_for(protocol.closed.wait(), 60)
        peer.close()
        listener.close()


async def read_to_end(peer: socket.socket, octets: bytearray | None = None) -> bytes:
    """Everything until the peer's end; `octets` keeps what came before a reset."""
    octets = bytearray() if octets is None else octets
    async with asyncio.timeout(60):
        while chunk := await asyncio.get_running_loop().sock_recv(peer, 1 << 20):
            octets += chunk
    return bytes(octets)


async def bound_to(peer: socket.socket, protocol: SessionProtocol, owner: Owner) -> None:
    """Bind by hand against a raw peer."""
    loop = asyncio.get_running_loop()
    protocol.session.send(BindTransceiver(), now=loop.time())
    protocol.pump()
    await loop.sock_recv(peer, 100)
    await loop.sock_sendall(peer, bytes.fromhex("00000011800000090000000000000001 00"))
    await owner.wait(ev.Bound)


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
async def test_a_whole_session(pair, tls):
    await pair.connect(tls)
    assert pair.esme.peername[0] == "127.0.0.1"
    await pair.bind()
    assert pair.smsc.session.state is SessionState.BOUND_TRX
    for number in range(5):
        pair.submit(context=number)
    await pair.esme_owner.wait(ev.Answered, 5)
    assert sorted(event.context for event in pair.esme_owner.of(ev.Answered)) == [0, 1, 2, 3, 4]
    pair.smsc.session.send(DeliverSm(), now=pair.now(), context="d")
    pair.smsc.pump()
    assert (await pair.smsc_owner.wait(ev.Answered)).context == "d"
    pair.esme.session.unbind(now=pair.now())
    pair.esme.pump()
    await asyncio.wait_for(pair.esme.closed.wait(), 60)
    await asyncio.wait_for(pair.smsc.closed.wait(), 60)
    assert [type(event).__name__ for event in pair.esme_owner.events[-2:]] == ["Unbound", "Closed"]
    assert [type(event).__name__ for event in pair.smsc_owner.events[-2:]] == ["UnbindReceived", "Closed"]
    assert pair.esme_owner.sent == pair.smsc_owner.received > 0
    assert pair.smsc_owner.sent == pair.esme_owner.received > 0
    assert not pair.esme.congested


class Heard:
    """A tap that keeps what it hears."""

    def __init__(self) -> None:
        self.sent_octets, self.frames = b"", []

    def sent(self, octets: bytes) -> None:
        self.sent_octets += octets

    def received(self, frame: bytes) -> None:
        self.frames.append(frame)


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
async def test_a_tap_hears_both_directions_until_it_is_taken_off(pair, tls):
    await pair.connect(tls)
    ours, theirs = Heard(), Heard()
    pair.esme.listen(ours)
    pair.smsc.listen(theirs)
    await pair.bind()
    pair.submit()
    await pair.esme_owner.wait(ev.Answered)
    assert pair.esme.sockname == pair.smsc.peername
    assert frames(ours.sent_octets) == theirs.frames
    assert frames(theirs.sent_octets) == ours.frames
    assert [decode_pdu(frame).command_name for frame in ours.frames] == ["bind_transceiver_resp", "submit_sm_resp"]
    pair.esme.listen(None)
    pair.submit()
    await pair.esme_owner.wait(ev.Answered, 2)
    assert len(ours.frames) == 2
    assert len(theirs.frames) == 3


async def test_socket_options(pair):
    await pair.connect()
    sock = pair.esme._socket
    assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
    assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
    assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 20_000


async def test_the_timer_is_armed_and_fires(pair):
    await pair.connect(enquire_link_interval=0.05)
    await pair.bind()
    before = pair.smsc_owner.received
    three_probes = 3 * 16
    await pair.smsc_owner.until(lambda: pair.smsc_owner.received >= before + three_probes)
    assert pair.esme.session.is_bound


async def test_one_timer_only(pair):
    await pair.connect()
    await pair.bind()
    for _ in range(3):
        pair.submit()
    timer = pair.esme._timer
    assert timer is not None
    assert timer.when() <= pair.esme.session.next_timer()
    await pair.esme_owner.wait(ev.Answered, 3)
    assert pair.esme._timer is timer


async def test_a_silent_peer_is_reset():
    owner = Owner()
    async with raw_peer(owner, enquire_link_interval=0.05, enquire_link_timeout=0.05) as (protocol, peer):
        await bound_to(peer, protocol, owner)
        await owner.wait(ev.LinkDead)
        await asyncio.wait_for(protocol.closed.wait(), 60)
        assert owner.of(ev.Closed) == [ev.Closed("link dead")]
        with pytest.raises(ConnectionResetError):
            await read_to_end(peer)


async def test_a_connection_the_peer_closes_hands_over_what_is_in_flight():
    owner = Owner()
    async with raw_peer(owner) as (protocol, peer):
        await bound_to(peer, protocol, owner)
        loop = asyncio.get_running_loop()
        protocol.session.send(SubmitSm(), now=loop.time(), context="a")
        protocol.pump()
        await loop.sock_recv(peer, 1000)
        peer.close()
        await owner.wait(ev.Closed)
        assert owner.events[-2:] == [ev.RequestLost(2, "a"), ev.Closed("closed by the peer")]
        assert protocol.closed.is_set()


async def test_a_reset_by_the_peer_is_named():
    owner = Owner()
    async with raw_peer(owner) as (protocol, peer):
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        peer.close()
        assert "ConnectionResetError" in (await owner.wait(ev.Closed)).reason
        assert protocol.closed.is_set()


async def test_lost_framing_is_answered_then_closed():
    owner = Owner()
    async with raw_peer(owner) as (_, peer):
        await asyncio.get_running_loop().sock_sendall(peer, b"HTTP/1.1 400 Bad Request\r\n\r\n")
        assert (await read_to_end(peer)).hex() == "00000010800000000000000200000000"
        await owner.wait(ev.Closed)


async def test_abort_resets():
    owner = Owner()
    async with raw_peer(owner) as (protocol, peer):
        await bound_to(peer, protocol, owner)
        protocol.session.send(SubmitSm(), now=asyncio.get_running_loop().time(), context="a")
        protocol.abort("lease lost")
        # Sent in the same turn but after the reset was asked for: nothing of it leaves.
        with pytest.raises(ConnectionResetError):
            await read_to_end(peer)
        await owner.wait(ev.Closed)
        assert owner.events[-2:] == [ev.RequestLost(2, "a"), ev.Closed("lease lost")]


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
async def test_without_the_right_to_write_nothing_is_written(pair, tls):
    await pair.connect(tls)
    await pair.bind()
    received = pair.smsc_owner.received
    pair.esme_owner.allowed = False
    pair.submit(context="a")
    assert pair.esme_owner.events[-1] == ev.RequestLost(2, "a")
    await pair.esme_owner.wait(ev.Closed)
    await pair.smsc_owner.wait(ev.Closed)
    assert pair.smsc_owner.received == received
    assert "not allowed" in pair.esme_owner.of(ev.Closed)[0].reason


async def test_the_right_is_asked_for_answers_too():
    owner = Owner(accept_everything)
    async with raw_peer(owner) as (protocol, peer):
        await bound_to(peer, protocol, owner)
        owner.allowed = False
        await asyncio.get_running_loop().sock_sendall(peer, encode_pdu(EnquireLink(sequence_number=1)))
        with pytest.raises(ConnectionResetError):
            await read_to_end(peer)
        await owner.wait(ev.Closed)


async def test_nothing_to_write_asks_for_nothing():
    asked = []
    owner = Owner()
    async with raw_peer(owner) as (protocol, peer):
        protocol._may_write = lambda: asked.append(1) is None
        await asyncio.get_running_loop().sock_sendall(peer, bytes.fromhex("00000010800000150000000000000009"))
        await owner.wait(ev.UnexpectedResponse)
        protocol.pump()
        assert asked == []


def fill(protocol: SessionProtocol, at_once: int = 200) -> int:
    """Submit until the kernel takes no more; how many were submitted."""
    loop = asyncio.get_running_loop()
    protocol.session.window_size = 1_000_000
    count = 0
    while not protocol.congested:
        pdus = [encode_pdu(SubmitSm(short_message=b"x" * 254))] * at_once
        protocol.session.send_encoded(pdus, range(count, count + at_once), now=loop.time())
        protocol.pump()
        count += at_once
    return count


async def test_nothing_waits_behind_a_busy_socket():
    owner = Owner()
    async with raw_peer(owner) as (protocol, peer):
        await bound_to(peer, protocol, owner)
        sent_before = fill(protocol)
        in_transport = protocol._waits_in_transport()
        sent = owner.sent
        protocol.session.send(SubmitSm(short_message=b"last"), now=asyncio.get_running_loop().time(), context="last")
        protocol.pump()
        assert protocol._waits_in_transport() == in_transport
        assert owner.sent == sent
        # The peer reads again: what was held back follows, whole and in order.
        octets = b""
        loop = asyncio.get_running_loop()
        total = sent + len(encode_pdu(SubmitSm(short_message=b"last"))) - 23
        async with asyncio.timeout(60):
            while len(octets) < total:
                octets += await loop.sock_recv(peer, 1 << 20)
        last = decode_pdu(octets[-len(encode_pdu(SubmitSm(short_message=b"last"))) :])
        assert last == SubmitSm(sequence_number=sent_before + 2, short_message=b"last")
        assert not protocol.congested
        await owner.until(lambda: owner.writable == 1)


async def test_the_right_is_asked_again_when_the_socket_is_free():
    owner = Owner()
    async with raw_peer(owner) as (protocol, peer):
        await bound_to(peer, protocol, owner)
        fill(protocol)
        protocol.session.send(SubmitSm(short_message=b"last"), now=asyncio.get_running_loop().time())
        protocol.pump()
        owner.allowed = False
        octets = bytearray()
        with pytest.raises(ConnectionResetError):
            await read_to_end(peer, octets)
        assert len(octets) > 0
        assert b"last" not in octets
        await owner.wait(ev.Closed)


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
async def test_what_the_kernel_would_not_take_does_not_leave_without_the_right_to_write(pair, tls):
    await pair.connect(tls=tls, window_size=100_000)
    await pair.bind()
    pair.smsc_owner.react = None
    pair.smsc._lowest.pause_reading()
    fill(pair.esme, 200)
    assert pair.esme._waits_in_transport()
    before = pair.esme_owner.sent
    # As if the process had been stopped just now and had come to itself when its lease was another's.
    pair.esme_owner.allowed = False
    pair.smsc._lowest.resume_reading()
    await pair.esme_owner.wait(ev.Closed)
    assert pair.esme_owner.of(ev.Closed)[0].reason == "not allowed to write"
    assert pair.esme_owner.sent == before
    await pair.smsc_owner.wait(ev.Closed)
    assert len(pair.smsc_owner.of(ev.RequestReceived)) < len(pair.esme_owner.of(ev.RequestLost))


@pytest.mark.parametrize("at_once", [1, 200])
async def test_congestion_ends_under_tls_too(pair, at_once):
    """Also when nothing comes back from the peer that would wake the sender by itself."""
    await pair.connect(tls=True)
    await pair.bind()
    pair.smsc_owner.react = None
    pair.smsc._lowest.pause_reading()
    sent = fill(pair.esme, at_once)
    pair.submit(SubmitSm(short_message=b"last"))
    assert pair.esme.congested
    one_write = at_once * len(encode_pdu(SubmitSm(short_message=b"x" * 254)))
    assert 0 < pair.esme._transport._ssl_protocol._transport.get_write_buffer_size() < one_write + 100 * at_once
    pair.smsc._lowest.resume_reading()
    last = await pair.smsc_owner.wait(ev.RequestReceived, sent + 1)
    assert last.request.short_message == b"last"
    await pair.esme_owner.until(lambda: pair.esme_owner.writable >= 1)
    assert not pair.esme.congested


async def test_pumping_inside_an_event_is_harmless():
    depth = deepest = 0

    def pump_again(protocol: SessionProtocol, event: ev.Event) -> None:
        nonlocal depth, deepest
        depth += 1
        deepest = max(depth, deepest)
        protocol.pump()
        depth -= 1

    owner = Owner(pump_again)
    async with raw_peer(owner) as (_, peer):
        await asyncio.get_running_loop().sock_sendall(peer, bytes.fromhex("00000010800000150000000000000009") * 5)
        await owner.wait(ev.UnexpectedResponse, 5)
    assert deepest == 1


async def test_a_peer_that_never_reads_its_answers_is_given_up(monkeypatch):
    monkeypatch.setattr(transport, "MAX_HELD", 1000)
    owner = Owner()
    async with raw_peer(owner) as (protocol, peer):
        await bound_to(peer, protocol, owner)
        fill(protocol)
        await asyncio.get_running_loop().sock_sendall(peer, encode_pdu(EnquireLink(sequence_number=1)) * 100)
        assert (await owner.wait(ev.Closed)).reason == "the peer does not read"


@pytest.mark.parametrize("held", [False, True])
async def test_a_closing_connection_has_little_time(monkeypatch, held):
    monkeypatch.setattr(transport, "CLOSE_TIMEOUT", 0.1)
    owner = Owner()
    async with raw_peer(owner) as (protocol, peer):
        await bound_to(peer, protocol, owner)
        fill(protocol)
        if held:
            await asyncio.get_running_loop().sock_sendall(peer, encode_pdu(Unbind(sequence_number=1)))
            await owner.wait(ev.UnbindReceived)
        else:
            protocol.session.close("enough")
            protocol.pump()
        await asyncio.wait_for(protocol.closed.wait(), 60)


async def test_events_survive_an_owner_that_fails():
    failures = []

    def fail_once(protocol: SessionProtocol, event: ev.Event) -> None:
        if isinstance(event, ev.UnexpectedResponse) and not failures:
            failures.append(event)
            raise RuntimeError("a fault of the owner")

    owner = Owner(fail_once)
    async with raw_peer(owner) as (_, peer):
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: None)
        await asyncio.get_running_loop().sock_sendall(peer, bytes.fromhex("00000010800000150000000000000009") * 2)
        await owner.wait(ev.Closed)
    assert [type(event).__name__ for event in owner.events] == [
        "UnexpectedResponse",
        "UnexpectedResponse",
        "Closed",
    ]


async def test_an_owner_that_fails_at_one_lost_request_hears_of_the_others():
    told = []

    def fail_at_the_first(protocol: SessionProtocol, event: ev.Event) -> None:
        if isinstance(event, ev.RequestLost) and event.context == "a":
            raise RuntimeError("a fault of the owner")

    owner = Owner(fail_at_the_first)
    async with raw_peer(owner) as (protocol, peer):
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: told.append(context["exception"]))
        await bound_to(peer, protocol, owner)
        for context in "abc":
            protocol.session.send(SubmitSm(), now=asyncio.get_running_loop().time(), context=context)
        protocol.pump()
        peer.close()
        await asyncio.wait_for(protocol.closed.wait(), 60)
    assert [event.context for event in owner.of(ev.RequestLost)] == ["a", "b", "c"]
    assert isinstance(owner.events[-1], ev.Closed)
    assert [type(error) for error in told] == [RuntimeError]


async def test_abort_before_the_connection_is_harmless():
    owner = Owner()
    protocol = make(owner)
    assert not protocol.congested
    protocol.abort()
    assert owner.events == []
    assert protocol.session.closing
