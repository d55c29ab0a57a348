"""When PDUs reached the SMSC's host, by the kernel's own clock.

An SMSC that shares two cores with everything it measures notes an arrival when it gets to run, milliseconds late now
and then. The kernel stamps each segment as it passes the loop-back interface; this reads them there (Linux, root).
"""

from __future__ import annotations

import os
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_ALL = 0x0003
_TIMESTAMPNS = 35
_RCVBUFFORCE = 33
_BUFFER = 64 * 1024 * 1024
_SUBMIT_SM = 0x0000_0004
_HEADER = struct.Struct(">II")
_PORTS = struct.Struct(">HHI")
_SYN = 0x02


class Wiretap:
    """Arrival times, in Unix seconds, of the submit_sm on their way to one TCP port of the loop-back interface."""

    def __init__(self, port: int) -> None:
        self.arrivals: list[float] = []
        self._port = port
        self._streams: dict[int, tuple[int, bytearray]] = {}
        """By source port: the next sequence number, and octets of a PDU that is not complete."""
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ALL))
        self._socket.setsockopt(socket.SOL_SOCKET, _RCVBUFFORCE, _BUFFER)
        self._socket.setsockopt(socket.SOL_SOCKET, _TIMESTAMPNS, 1)
        self._socket.bind(("lo", 0))
        self._socket.settimeout(0.2)
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._read, name="wiretap")

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> list[float]:
        """The arrivals, in order."""
        self._ending.set()
        self._thread.join()
        self._socket.close()
        return self.arrivals

    def _read(self) -> None:
        while True:
            try:
                packet, extra, _, address = self._socket.recvmsg(65_600, 128)
            except TimeoutError:
                if self._ending.is_set():
                    return
                continue
            # The loop-back interface shows each packet twice: as it leaves, and as it comes.
            if address[2] != socket.PACKET_OUTGOING:
                self._packet(packet, _stamp(extra))

    def _packet(self, packet: bytes, at: float) -> None:
        ip = packet[14:]
        if len(ip) < 40 or ip[0] >> 4 != 4 or ip[9] != socket.IPPROTO_TCP:
            return
        tcp = ip[(ip[0] & 0x0F) * 4 : int.from_bytes(ip[2:4], "big") or len(ip)]
        source, destination, sequence = _PORTS.unpack_from(tcp)
        if destination != self._port:
            return
        payload = tcp[(tcp[12] >> 4) * 4 :]
        if tcp[13] & _SYN:
            self._streams[source] = ((sequence + 1) & 0xFFFF_FFFF, bytearray())
        elif payload and source in self._streams:
            self._payload(source, sequence, payload, at)

    def _payload(self, source: int, sequence: int, payload: bytes, at: float) -> None:
        expected, rest = self._streams[source]
        if sequence != expected:
            return  # sent again: it was seen the first time
        rest += payload
        self._streams[source] = ((sequence + len(payload)) & 0xFFFF_FFFF, rest)
        while len(rest) >= _HEADER.size:
            length, command = _HEADER.unpack_from(rest)
            if len(rest) < length:
                return
            if command == _SUBMIT_SM:
                self.arrivals.append(at)
            del rest[:length]


def _stamp(extra: list[tuple[int, int, bytes]]) -> float:
    for level, kind, data in extra:
        if level == socket.SOL_SOCKET and kind == _TIMESTAMPNS:
            seconds, nanoseconds = struct.unpack("qq", data[:16])
            return float(seconds) + float(nanoseconds) / 1e9
    raise OSError("the kernel gave no time")


@contextmanager
def wiretap(port: int) -> Iterator[Wiretap | None]:
    """A running wiretap; None where this process may not have one."""
    if not hasattr(socket, "AF_PACKET") or os.geteuid() != 0:
        yield None
        return
    tap = Wiretap(port)
    tap.start()
    try:
        yield tap
    finally:
        tap.stop()
