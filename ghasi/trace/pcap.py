"""Traced PDUs as a capture file that Wireshark, tshark and tcpdump read.

The packets never were on a wire: each PDU is wrapped in a TCP segment of the connection it passed on, with Ethernet
and IP headers made for it, so that a dissector sees whole conversations, also where the connection itself is
encrypted. Sequence numbers go on from PDU to PDU; what was not copied leaves no gap. Format: libpcap 2.4 in
microseconds, link type Ethernet.
"""

from __future__ import annotations

import ipaddress
import struct
from collections.abc import Callable
from typing import Final

from ghasi.contracts.trace import TracedPdu

_FILE: Final = struct.Struct("<IHHiIII")
_RECORD: Final = struct.Struct("<IIII")
_TCP: Final = struct.Struct(">HHIIBBHHH")
_IPV4: Final = struct.Struct(">BBHHHBBH4s4s")
_IPV6: Final = struct.Struct(">IHBB16s16s")
_MAGIC: Final = 0xA1B2C3D4
_ETHERNET: Final = 1
_SNAPLEN: Final = 262_144
_ETHERTYPES: Final = {4: b"\x08\x00", 6: b"\x86\xdd"}
_OURS: Final = b"\x02\x00\x00\x00\x00\x01"
_THEIRS: Final = b"\x02\x00\x00\x00\x00\x02"
"""Locally administered addresses: nobody's card."""
_PROTOCOL_TCP: Final = 6
_PUSH_ACK: Final = 0x18
_TTL: Final = 64
_WINDOW: Final = 65_535
MAX_SEGMENT: Final = 16_384
"""Octets of a PDU in one packet; a longer one takes several, as it would on a wire."""
_UNKNOWN: Final = {True: ("192.0.2.1", 0), False: ("192.0.2.2", 2775)}
"""Ours and theirs where a socket told no address (RFC 5737)."""

Address = tuple[str, int]


class PcapWriter:
    """Writes the file's header at once and a packet or more for each PDU. `write` takes octets."""

    def __init__(self, write: Callable[[bytes], object]) -> None:
        self._write = write
        self._next: dict[tuple[str, Address, Address], int] = {}
        """By replica, source and destination: the sequence number of the next octet."""
        write(_FILE.pack(_MAGIC, 2, 4, 0, 0, _SNAPLEN, _ETHERNET))

    def add(self, replica: str, pdu: TracedPdu) -> None:
        """The PDU as it passed between `local` and `remote`. Whatever the addresses are, it is written."""
        ours, theirs = _address(pdu.local, _UNKNOWN[True]), _address(pdu.remote, _UNKNOWN[False])
        source, destination = (ours, theirs) if pdu.sent else (theirs, ours)
        there, back = (replica, source, destination), (replica, destination, source)
        for start in range(0, len(pdu.octets), MAX_SEGMENT):
            payload = pdu.octets[start : start + MAX_SEGMENT]
            sequence = self._next.get(there, 1)
            self._next[there] = (sequence + len(payload)) & 0xFFFFFFFF
            packet = _packet(source, destination, sequence, self._next.get(back, 1), payload)
            macs = _THEIRS + _OURS if pdu.sent else _OURS + _THEIRS
            self._record(pdu.at_us, macs + packet)

    def _record(self, at_us: int, frame: bytes) -> None:
        seconds, micros = divmod(at_us, 1_000_000)
        self._write(_RECORD.pack(seconds & 0xFFFFFFFF, micros, len(frame), len(frame)) + frame)


def _address(text: str, unknown: Address) -> Address:
    host, _, port = text.rpartition(":")
    try:
        return str(ipaddress.ip_address(host.strip("[]").partition("%")[0])), int(port) & 0xFFFF
    except ValueError:
        return unknown


def _packet(source: Address, destination: Address, sequence: int, acknowledged: int, payload: bytes) -> bytes:
    """EtherType, IP header, TCP header and payload."""
    here, there = ipaddress.ip_address(source[0]), ipaddress.ip_address(destination[0])
    if here.version != there.version:
        # One side of the two told no address: both in one family, IPv4 within IPv6.
        here, there = _as_ipv6(here), _as_ipv6(there)
    pseudo = here.packed + there.packed
    length = _TCP.size + len(payload)
    pseudo += struct.pack(">HH", _PROTOCOL_TCP, length) if here.version == 4 else struct.pack(">II", length, 6)
    ports = (source[1], destination[1], sequence, acknowledged, _TCP.size // 4 << 4, _PUSH_ACK, _WINDOW)
    checksum = _checksum(pseudo + _TCP.pack(*ports, 0, 0) + payload)
    segment = _TCP.pack(*ports, checksum, 0) + payload
    return _ETHERTYPES[here.version] + _ip_header(here.packed, there.packed, length) + segment


def _ip_header(here: bytes, there: bytes, length: int) -> bytes:
    if len(here) == 16:
        return _IPV6.pack(6 << 28, length, _PROTOCOL_TCP, _TTL, here, there)
    fields = (0x45, 0, _IPV4.size + length, 0, 0x4000, _TTL, _PROTOCOL_TCP)
    checksum = _checksum(_IPV4.pack(*fields, 0, here, there))
    return _IPV4.pack(*fields, checksum, here, there)


def _as_ipv6(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> ipaddress.IPv6Address:
    if isinstance(address, ipaddress.IPv6Address):
        return address
    return ipaddress.IPv6Address(b"\0" * 10 + b"\xff\xff" + address.packed)


def _checksum(octets: bytes) -> int:
    """The internet checksum, RFC 1071."""
    if len(octets) % 2:
        octets += b"\0"
    total: int = sum(struct.unpack(f">{len(octets) // 2}H", octets))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF
