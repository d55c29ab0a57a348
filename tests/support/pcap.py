"""Reads a capture file packet by packet and holds it to its own checksums, knowing nothing of who wrote it."""

from __future__ import annotations

import ipaddress
import struct
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Packet:
    at_us: int
    source: tuple[str, int]
    destination: tuple[str, int]
    sequence: int
    acknowledged: int
    payload: bytes


def read_pcap(data: bytes) -> Iterator[Packet]:
    """Every packet of a little-endian capture of Ethernet, IP and TCP; anything else in it fails the test."""
    magic, major, minor, _, _, snaplen, network = struct.unpack_from("<IHHiIII", data)
    assert (magic, major, minor, network) == (0xA1B2C3D4, 2, 4, 1)
    at = 24
    while at < len(data):
        seconds, micros, kept, length = struct.unpack_from("<IIII", data, at)
        assert kept == length <= snaplen
        assert micros < 1_000_000
        at += 16
        yield _packet(seconds * 1_000_000 + micros, data[at : at + kept])
        at += kept
    assert at == len(data)


def streams(packets: list[Packet]) -> dict[tuple[tuple[str, int], tuple[str, int]], bytes]:
    """Octets by source and destination, put together by their sequence numbers; a gap or an overlap fails."""
    found: dict[tuple[tuple[str, int], tuple[str, int]], bytes] = {}
    following: dict[tuple[tuple[str, int], tuple[str, int]], int] = {}
    for packet in packets:
        way = packet.source, packet.destination
        assert packet.sequence == following.get(way, packet.sequence)
        assert packet.acknowledged == following.get((packet.destination, packet.source), 1)
        following[way] = (packet.sequence + len(packet.payload)) & 0xFFFFFFFF
        found[way] = found.get(way, b"") + packet.payload
    return found


def _packet(at_us: int, frame: bytes) -> Packet:
    kind, packet = struct.unpack_from(">H", frame, 12)[0], frame[14:]
    if kind == 0x0800:
        assert packet[0] == 0x45
        assert packet[9] == 6
        assert struct.unpack_from(">H", packet, 2)[0] == len(packet)
        assert _sum(packet[:20]) == 0xFFFF
        addresses, segment = packet[12:20], packet[20:]
        pseudo = addresses + struct.pack(">HH", 6, len(segment))
    else:
        assert kind == 0x86DD
        assert (packet[0] >> 4, packet[6]) == (6, 6)
        addresses, segment = packet[8:40], packet[40:]
        assert struct.unpack_from(">H", packet, 4)[0] == len(segment)
        pseudo = addresses + struct.pack(">II", len(segment), 6)
    assert _sum(pseudo + segment) == 0xFFFF
    half = len(addresses) // 2
    source, destination = (str(ipaddress.ip_address(one)) for one in (addresses[:half], addresses[half:]))
    here, there, sequence, acknowledged, offset = struct.unpack_from(">HHIIB", segment)
    return Packet(at_us, (source, here), (destination, there), sequence, acknowledged, segment[(offset >> 4) * 4 :])


def _sum(octets: bytes) -> int:
    total = sum(struct.unpack(f">{len(octets) // 2}H", octets[: len(octets) // 2 * 2]))
    total += octets[-1] << 8 if len(octets) % 2 else 0
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total
