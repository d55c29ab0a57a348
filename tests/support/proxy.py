"""A TCP proxy whose faults are switched at run time, to stand between any two processes of a test.

It lives on a thread of its own: a test may block, or run a loop, as it likes. Each method returns when the change
stands. Nothing is kept in the proxy: what it does not carry waits in the kernels' buffers, as behind a broken line.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import threading
from collections.abc import Coroutine
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self, TypeVar

from ghasi.devstack.ports import free_port, release

T = TypeVar("T")
PATIENCE = 10.0
PIECE = 64 * 1024
PIECES_UNDER_WAY = 64
_LINGER_NOTHING = struct.pack("ii", 1, 0)


@dataclass(eq=False)
class _Way:
    """One direction of all connections: `up` is from the client to the target, `down` the answers."""

    open: asyncio.Event = field(default_factory=asyncio.Event)
    delay: float = 0.0
    pause: float | None = None
    """Between octets that go one by one; None: they do not."""
    octets: int = 0


@dataclass(eq=False)
class _Connection:
    client: socket.socket
    target: socket.socket | None = None
    tasks: set[asyncio.Task[None]] = field(default_factory=set)
    orphan: bool = False
    """One end is gone and the other does not know."""


class Proxy:
    """`with Proxy(target_port) as proxy:` listens on 127.0.0.1:`proxy.port` and carries octets both ways.

    A fault holds for the connections that are there and for those to come, until `heal` or the next fault of its
    kind; `reset` and `half_open` hurt what is there at that moment and nothing else.
    """

    def __init__(self, target: int, *, host: str = "127.0.0.1") -> None:
        self.target = (host, target)
        self.port = free_port()
        self.accepted = 0
        """Connections taken so far."""
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name=f"proxy-{self.port}", daemon=True)
        self._connections: set[_Connection] = set()
        self._listener: socket.socket | None = None
        self._accepting: asyncio.Task[None] | None = None
        self._up = _Way()
        self._down = _Way()

    # -- life

    def __enter__(self) -> Self:
        self._thread.start()
        self._do(self._heal())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Ends every connection with a reset and the listener with them."""
        self._do(self._cut(reset=True))
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(PATIENCE)
        self._loop.close()
        release(self.port)

    # -- what stands

    @property
    def connections(self) -> int:
        """Connections of clients that are open now."""
        return len(self._connections)

    @property
    def octets(self) -> tuple[int, int]:
        """Octets carried so far, up and down."""
        return self._up.octets, self._down.octets

    # -- faults

    def heal(self) -> None:
        """Carries again, what was held first. An end that was left half-open is reset now, as by its peer."""
        self._do(self._heal())

    def cut(self) -> None:
        """Ends every connection in order and refuses new ones."""
        self._do(self._cut(reset=False))

    def reset(self) -> None:
        """Ends every connection with a reset; new ones are carried."""
        self._do(self._end_all(reset=True))

    def black_hole(self, *, up: bool = True, down: bool = True) -> None:
        """Takes connections and carries nothing, or nothing one way: the ends see silence, then full buffers."""
        self._do(self._hold(up, down))

    def half_open(self, *, keep: str = "client") -> None:
        """One end vanishes with a reset, the other (`keep`: client or target) is told nothing."""
        self._do(self._orphan(keep))

    def delay(self, seconds: float) -> None:
        """Everything takes so much longer, each way; order and rate stay."""
        self._do(self._slow(seconds))

    def byte_by_byte(self, pause: float = 0.0005) -> None:
        """Each octet goes in a segment of its own, `pause` seconds after the one before."""
        self._do(self._single(pause))

    # -- on the loop of the proxy

    def _do(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(PATIENCE)

    async def _heal(self) -> None:
        self._up.delay = self._down.delay = 0.0
        self._up.pause = self._down.pause = None
        for one in [one for one in self._connections if one.orphan]:
            await self._end(one, reset=True)
        self._up.open.set()
        self._down.open.set()
        if self._listener is None:
            self._listener = socket.create_server(("127.0.0.1", self.port), backlog=128)
            self._listener.setblocking(False)
            self._accepting = self._loop.create_task(self._accept(self._listener))

    async def _cut(self, *, reset: bool) -> None:
        if self._listener is not None and self._accepting is not None:
            self._accepting.cancel()
            await asyncio.wait({self._accepting})
            self._listener.close()
            self._listener = self._accepting = None
        await self._end_all(reset=reset)

    async def _end_all(self, *, reset: bool) -> None:
        for one in list(self._connections):
            await self._end(one, reset=reset)

    async def _hold(self, up: bool, down: bool) -> None:
        for way, held in ((self._up, up), (self._down, down)):
            if held:
                way.open.clear()
            else:
                way.open.set()

    async def _slow(self, seconds: float) -> None:
        self._up.delay = self._down.delay = seconds

    async def _single(self, pause: float) -> None:
        self._up.pause = self._down.pause = pause

    async def _orphan(self, keep: str) -> None:
        if keep not in ("client", "target"):
            raise ValueError("keep: client or target")
        for one in [one for one in self._connections if not one.orphan]:
            one.orphan = True
            await _end_tasks(one)
            gone = one.target if keep == "client" else one.client
            if gone is not None:
                _close(gone, reset=True)

    # -- connections

    async def _accept(self, listener: socket.socket) -> None:
        while True:
            client, _ = await self._loop.sock_accept(listener)
            client.setblocking(False)
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.accepted += 1
            one = _Connection(client)
            self._connections.add(one)
            self._spawn(one, self._serve(one))

    def _spawn(self, one: _Connection, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = self._loop.create_task(work)
        one.tasks.add(task)
        task.add_done_callback(one.tasks.discard)
        return task

    async def _serve(self, one: _Connection) -> None:
        """Carries until both ways have ended, or one of them broke."""
        await self._up.open.wait()
        one.target = target = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        target.setblocking(False)
        target.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        broken = False
        try:
            await self._loop.sock_connect(target, self.target)
            ways = ((one.client, target, self._up), (target, one.client, self._down))
            tasks = [self._spawn(one, self._carry(*way)) for way in ways]
            await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
            broken = any(task.done() and task.exception() is not None for task in tasks)
        except OSError:
            broken = True
        one.tasks.discard(asyncio.current_task())
        await self._end(one, reset=broken)

    async def _carry(self, source: socket.socket, sink: socket.socket, way: _Way) -> None:
        """One way of one connection; raises OSError where it breaks."""
        under_way: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(PIECES_UNDER_WAY)
        writing = self._loop.create_task(self._write(under_way, sink, way))
        try:
            while True:
                await way.open.wait()
                piece = await self._read(source, way)
                put = self._loop.create_task(under_way.put((self._loop.time() + way.delay, piece)))
                await asyncio.wait({put, writing}, return_when=asyncio.FIRST_COMPLETED)
                if not put.done():
                    put.cancel()
                if writing.done() or not piece:
                    break
            await writing
        finally:
            writing.cancel()
            await asyncio.wait({writing})

    async def _read(self, source: socket.socket, way: _Way) -> bytes:
        """Octets, b"" at the end; leaves them in the kernel while the way is held."""
        while True:
            await _readable(self._loop, source)
            if not way.open.is_set():
                await way.open.wait()
                continue
            with contextlib.suppress(BlockingIOError):
                return source.recv(PIECE)

    async def _write(self, under_way: asyncio.Queue[tuple[float, bytes]], sink: socket.socket, way: _Way) -> None:
        while True:
            due, piece = await under_way.get()
            if (left := due - self._loop.time()) > 0:
                await asyncio.sleep(left)
            await way.open.wait()
            if not piece:
                with contextlib.suppress(OSError):
                    sink.shutdown(socket.SHUT_WR)
                return
            while piece:
                part = piece if way.pause is None else piece[:1]
                await self._loop.sock_sendall(sink, part)
                way.octets += len(part)
                piece = piece[len(part) :]
                if way.pause is not None:
                    await asyncio.sleep(way.pause)

    async def _end(self, one: _Connection, *, reset: bool) -> None:
        self._connections.discard(one)
        await _end_tasks(one)
        for end in (one.client, one.target):
            if end is not None:
                _close(end, reset=reset)


async def _readable(loop: asyncio.AbstractEventLoop, source: socket.socket) -> None:
    ready = loop.create_future()
    number = source.fileno()
    if number < 0:
        raise OSError("closed")
    loop.add_reader(number, lambda: None if ready.done() else ready.set_result(None))
    try:
        await ready
    finally:
        loop.remove_reader(number)


async def _end_tasks(one: _Connection) -> None:
    tasks = [task for task in one.tasks if task is not asyncio.current_task()]
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks)


def _close(end: socket.socket, *, reset: bool) -> None:
    with contextlib.suppress(OSError):
        if reset:
            end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NOTHING)
        end.close()
