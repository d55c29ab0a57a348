"""The fault proxy of the tests does what its faults are named for."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from tests.support.proxy import Proxy


class Echo:
    """Gives back what it gets; remembers how each connection ended."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.pieces: list[bytes] = []
        self.ends: list[str] = []
        self.ended = threading.Event()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection:
            try:
                while piece := connection.recv(65536):
                    self.pieces.append(piece)
                    connection.sendall(piece)
                self.ends.append("closed")
            except ConnectionResetError:
                self.ends.append("reset")
            self.ended.set()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


@pytest.fixture
def echo() -> Iterator[Echo]:
    made = Echo()
    yield made
    made.close()


@pytest.fixture
def proxy(echo: Echo) -> Iterator[Proxy]:
    with Proxy(echo.port) as made:
        yield made


@pytest.fixture
def client(proxy: Proxy) -> Iterator[socket.socket]:
    with connect(proxy) as made:
        yield made


def connect(proxy: Proxy) -> socket.socket:
    made = socket.create_connection(("127.0.0.1", proxy.port), timeout=60.0)
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return made


def read(client: socket.socket, count: int) -> bytes:
    got = b""
    while len(got) < count and (piece := client.recv(65536)):
        got += piece
    return got


def wait_until(true: Callable[[], bool]) -> None:
    until = time.monotonic() + 60.0
    while not true():
        assert time.monotonic() < until, "did not come true"
        time.sleep(0.01)


def says_nothing(client: socket.socket, seconds: float = 0.2) -> bool:
    client.settimeout(seconds)
    try:
        client.recv(1, socket.MSG_PEEK)
    except TimeoutError:
        return True
    finally:
        client.settimeout(60.0)
    return False


def test_carries_both_ways_and_counts(proxy: Proxy, client: socket.socket) -> None:
    client.sendall(b"x" * 300_000)
    assert read(client, 300_000) == b"x" * 300_000
    # The last octets may be here before the proxy has counted them.
    wait_until(lambda: proxy.octets == (300_000, 300_000))
    assert (proxy.accepted, proxy.connections) == (1, 1)


def test_a_black_hole_holds_octets_until_it_heals(proxy: Proxy, client: socket.socket, echo: Echo) -> None:
    client.sendall(b"before")
    assert read(client, 6) == b"before"
    proxy.black_hole()
    client.sendall(b"within")
    with connect(proxy) as other:
        other.sendall(b"other")
        assert says_nothing(client)
        assert echo.pieces == [b"before"]
        proxy.heal()
        assert read(client, 6) == b"within"
        assert read(other, 5) == b"other"


def test_a_black_hole_may_lie_on_the_way_back_only(proxy: Proxy, client: socket.socket, echo: Echo) -> None:
    client.sendall(b"a")
    assert read(client, 1) == b"a"
    proxy.black_hole(up=False)
    client.sendall(b"b")
    assert says_nothing(client)
    wait_until(lambda: echo.pieces == [b"a", b"b"])
    assert says_nothing(client, 0.01)
    proxy.heal()
    assert read(client, 1) == b"b"


def test_what_a_black_hole_held_is_gone_when_the_sender_gives_up(
    proxy: Proxy, client: socket.socket, echo: Echo
) -> None:
    client.sendall(b"a")
    assert read(client, 1) == b"a"
    proxy.black_hole()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    client.close()
    proxy.heal()
    assert echo.ended.wait(60.0)
    assert echo.ends == ["reset"]


def test_a_cut_ends_in_order_and_refuses_until_it_heals(proxy: Proxy, client: socket.socket, echo: Echo) -> None:
    client.sendall(b"a")
    assert read(client, 1) == b"a"
    proxy.cut()
    assert client.recv(1) == b""
    assert echo.ended.wait(60.0)
    assert echo.ends == ["closed"]
    with pytest.raises(ConnectionRefusedError):
        connect(proxy)
    proxy.heal()
    with connect(proxy) as again:
        again.sendall(b"b")
        assert read(again, 1) == b"b"


def test_a_reset_hurts_what_is_there_and_nothing_later(proxy: Proxy, client: socket.socket, echo: Echo) -> None:
    client.sendall(b"a")
    assert read(client, 1) == b"a"
    proxy.reset()
    with pytest.raises(ConnectionResetError):
        client.recv(1)
    assert echo.ended.wait(60.0)
    assert echo.ends == ["reset"]
    with connect(proxy) as again:
        again.sendall(b"b")
        assert read(again, 1) == b"b"


def test_a_client_left_half_open_hears_nothing_until_it_heals(
    proxy: Proxy, client: socket.socket, echo: Echo
) -> None:
    client.sendall(b"a")
    assert read(client, 1) == b"a"
    proxy.half_open()
    assert echo.ended.wait(60.0)
    client.sendall(b"b")
    assert says_nothing(client)
    with connect(proxy) as other:
        other.sendall(b"c")
        assert read(other, 1) == b"c"
    proxy.heal()
    with pytest.raises(ConnectionResetError):
        client.recv(1)


def test_a_target_left_half_open_hears_nothing(proxy: Proxy, client: socket.socket, echo: Echo) -> None:
    client.sendall(b"a")
    assert read(client, 1) == b"a"
    proxy.half_open(keep="target")
    with pytest.raises(ConnectionResetError):
        client.recv(1)
    assert not echo.ended.wait(0.2)
    proxy.heal()
    assert echo.ended.wait(60.0)


def test_a_delay_keeps_order_and_rate(proxy: Proxy, client: socket.socket) -> None:
    def lag(*pieces: bytes) -> float:
        began = time.monotonic()
        for piece in pieces:
            client.sendall(piece)
            time.sleep(0.02)
        assert read(client, len(pieces)) == b"".join(pieces)
        return time.monotonic() - began

    # The fastest of some: a machine that stands still in between adds to the rest.
    proxy.delay(0.2)
    assert 0.55 < min(lag(*[b"%d" % number for number in range(10)]) for _ in range(3)) < 1.2
    proxy.heal()
    assert min(lag(b"x") for _ in range(3)) < 0.15


def test_byte_by_byte_cuts_everything_small(proxy: Proxy, client: socket.socket, echo: Echo) -> None:
    proxy.byte_by_byte()
    client.sendall(b"0123456789" * 20)
    assert read(client, 200) == b"0123456789" * 20
    assert len(echo.pieces) > 50


def test_an_end_in_order_passes_through(proxy: Proxy, client: socket.socket, echo: Echo) -> None:
    client.sendall(b"last words")
    client.shutdown(socket.SHUT_WR)
    assert read(client, 10) == b"last words"
    assert client.recv(1) == b""
    assert echo.ends == ["closed"]
