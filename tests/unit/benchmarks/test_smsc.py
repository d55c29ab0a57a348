"""The SMSC for load, against smpplib and bare octets."""

import re
import shutil
import socket
import struct
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import smpplib.client

from benchmarks import smsclog
from benchmarks.smsc_process import Smsc, SmscOptions
from ghasi.devstack.rundir import RunDir

ESM_RECEIPT = 0x04
HEADER = struct.Struct(">IIII")


@pytest.fixture
def run(tmp_path: Path) -> Iterator[RunDir]:
    assert shutil.which("cc") or shutil.which("gcc") or shutil.which("clang"), "the SMSC needs a C compiler"
    made = RunDir(tmp_path / "run")
    made.claim()
    yield made
    made.release()


def pdu(command: int, sequence: int, body: bytes = b"") -> bytes:
    return HEADER.pack(16 + len(body), command, 0, sequence) + body


def submit(sequence: int, to: bytes = b"93701234567", registered: int = 1, text: bytes = b"hello") -> bytes:
    head = b"\0\5\0GHASI\0\1\1" + to + b"\0" + bytes(3) + bytes(2)
    return pdu(4, sequence, head + bytes((registered, 0, 0, 0, len(text))) + text)


class Peer:
    """Bare octets over a socket."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=60)
        self._rest = b""

    def send(self, octets: bytes) -> None:
        self.socket.sendall(octets)

    def bind(self, command: int = 9) -> None:
        self.send(pdu(command, 1, b"u\0p\0\0\x34\0\0\0"))
        assert self.read()[:2] == (command | 0x80000000, 0)

    def read(self) -> tuple[int, int, int, bytes]:
        """Command, status, sequence and body of the next PDU."""
        while len(self._rest) < 16 or len(self._rest) < HEADER.unpack_from(self._rest)[0]:
            more = self.socket.recv(65536)
            assert more, "closed"
            self._rest += more
        length, command, status, sequence = HEADER.unpack_from(self._rest)
        body, self._rest = self._rest[16:length], self._rest[length:]
        return command, status, sequence, body

    def at_end(self) -> bool:
        return self.socket.recv(1) == b""


def until(holds: object, patience: float = 60.0) -> None:
    end = time.monotonic() + patience
    while not holds():  # type: ignore[operator]
        assert time.monotonic() < end
        time.sleep(0.005)


def test_a_message_and_its_receipt_with_smpplib(run: RunDir) -> None:
    smsc = Smsc(run, [0], SmscOptions()).start()
    client = smpplib.client.Client("127.0.0.1", smsc.ports[0], timeout=60, allow_unknown_opt_params=True)
    client.connect()
    client.bind_transceiver(system_id="u", password="p")
    answers, receipts = [], []
    client.set_message_sent_handler(lambda **found: answers.append(found["pdu"].message_id))
    client.set_message_received_handler(lambda **found: receipts.append(found["pdu"]))
    client.send_message(
        source_addr="GHASI", destination_addr="93701234567", short_message=b"Hello there", registered_delivery=1
    )
    while not receipts:
        client.read_once()
    client.unbind()
    client.disconnect()
    assert receipts[0].esm_class == ESM_RECEIPT
    assert (receipts[0].source_addr, receipts[0].destination_addr) == (b"93701234567", b"GHASI")
    assert receipts[0].short_message.startswith(b"id:" + answers[0] + b" sub:001 dlvrd:001 submit date:")
    assert receipts[0].short_message.endswith(b" stat:DELIVRD err:000 text:Hello there")
    until(lambda: smsc.counters().sessions == 0)
    summary = smsc.stop()
    assert (summary["submits"], summary["receiptsSent"], summary["receiptsAcked"]) == (1, 1, 1)
    assert summary["ports"][0]["submits"] == 1


def test_ids_differ_and_split_pdus_are_joined(run: RunDir) -> None:
    smsc = Smsc(run, [0], SmscOptions(receipts="never")).start()
    peer = Peer(smsc.ports[0])
    peer.bind()
    octets = b"".join(submit(number) for number in range(2, 52))
    for start in range(0, len(octets), 37):
        peer.send(octets[start : start + 37])
    found = [peer.read() for _ in range(50)]
    assert [sequence for _, _, sequence, _ in found] == list(range(2, 52))
    assert len({body for *_, body in found}) == 50
    assert smsc.stop()["receiptsDue"] == 0


def test_delays_of_response_and_receipt(run: RunDir) -> None:
    smsc = Smsc(run, [0], SmscOptions(response_ms=100, receipt_ms=150, log=True)).start()
    peer = Peer(smsc.ports[0])
    peer.bind()
    peer.send(submit(2))
    assert peer.read()[0] == 0x80000004
    command, _, sequence, _ = peer.read()
    assert command == 5
    peer.send(pdu(0x80000005, sequence, b"\0"))
    until(lambda: smsc.counters().receipts_acked == 1)
    smsc.stop()
    times = smsclog.read(smsc.log_file.read_bytes())
    (number,) = times.responses
    assert times.numbers == {93_701_234_567: number}
    assert 0.1 <= times.responses[number] - times.arrivals[93_701_234_567] < 0.2
    assert 0.145 <= times.receipts[number] - times.responses[number] < 0.25
    assert times.acked[number] >= times.receipts[number]


def test_a_window_of_receipts(run: RunDir) -> None:
    smsc = Smsc(run, [0], SmscOptions(window=3)).start()
    peer = Peer(smsc.ports[0])
    peer.bind()
    peer.send(b"".join(submit(number) for number in range(2, 7)))
    found = [peer.read() for _ in range(5 + 3)]
    delivered = [sequence for command, _, sequence, _ in found if command == 5]
    assert smsc.counters().receipts_sent == 3
    peer.send(pdu(0x80000005, delivered[0], b"\0"))
    assert peer.read()[0] == 5
    assert smsc.counters().receipts_sent == 4
    smsc.stop()


def test_receipts_only_where_they_are_asked_for(run: RunDir) -> None:
    smsc = Smsc(run, [0], SmscOptions()).start()
    peer = Peer(smsc.ports[0])
    peer.bind()
    peer.send(submit(2, registered=0) + submit(3, registered=1))
    assert [peer.read()[0] for _ in range(3)] == [0x80000004, 0x80000004, 5]
    assert smsc.stop()["receiptsDue"] == 1


def test_an_unanswered_receipt_comes_again_on_another_session(run: RunDir) -> None:
    smsc = Smsc(run, [0], SmscOptions()).start()
    first = Peer(smsc.ports[0])
    first.bind()
    first.send(submit(2))
    first.read()
    body = first.read()[3]
    first.socket.close()
    second = Peer(smsc.ports[0])
    second.bind(1)
    command, _, _, again = second.read()
    assert (command, again) == (5, body)
    smsc.stop()


def undated(body: bytes) -> bytes:
    """The minute may have changed between the two."""
    return re.sub(rb"done date:[0-9]+", b"", body)


def test_a_refused_receipt_comes_again(run: RunDir) -> None:
    smsc = Smsc(run, [0], SmscOptions()).start()
    peer = Peer(smsc.ports[0])
    peer.bind()
    peer.send(submit(2))
    peer.read()
    _, _, sequence, body = peer.read()
    peer.send(HEADER.pack(17, 0x80000005, 8, sequence) + b"\0")
    command, _, later, again = peer.read()
    assert (command, later, undated(again)) == (5, sequence + 1, undated(body))
    assert smsc.stop()["receiptsRefused"] == 1


def test_what_a_session_may_not_do(run: RunDir) -> None:
    smsc = Smsc(run, [0], SmscOptions()).start()
    peer = Peer(smsc.ports[0])
    peer.send(submit(2))
    assert peer.read()[:3] == (0x80000004, 4, 2)
    peer.bind(1)
    peer.send(submit(3) + pdu(0x15, 4) + pdu(0x103, 5))
    assert [peer.read()[:3] for _ in range(3)] == [(0x80000004, 4, 3), (0x80000015, 0, 4), (0x80000000, 3, 5)]
    peer.send(pdu(6, 6))
    assert peer.read()[:3] == (0x80000006, 0, 6)
    assert peer.at_end()
    smsc.stop()


def test_a_length_that_no_pdu_has_ends_the_session(run: RunDir) -> None:
    smsc = Smsc(run, [0], SmscOptions()).start()
    peer = Peer(smsc.ports[0])
    peer.send(HEADER.pack(0x7FFFFFFF, 4, 0, 1))
    assert peer.read()[:3] == (0x80000000, 2, 0)
    assert peer.at_end()
    smsc.stop()


def test_ports_count_for_themselves_and_the_worst_second_slides(run: RunDir) -> None:
    smsc = Smsc(run, [0, 0], SmscOptions(receipts="never")).start()
    peers = [Peer(port) for port in smsc.ports]
    for peer in peers:
        peer.bind()
    peers[0].send(b"".join(submit(number) for number in range(2, 12)))
    peers[1].send(submit(2))
    for _ in range(10):
        peers[0].read()
    peers[1].read()
    time.sleep(1.05)  # a second must pass, there is nothing to wait for
    peers[0].send(submit(20))
    peers[0].read()
    summary = smsc.stop()
    assert [port["submits"] for port in summary["ports"]] == [11, 1]
    assert [port["worstSecond"] for port in summary["ports"]] == [10, 1]
    assert summary["worstSecond"] == 11
    assert summary["sessions"] == 2


def test_it_starts_again_on_the_same_ports(run: RunDir) -> None:
    smsc = Smsc(run, [0], SmscOptions()).start()
    ports = list(smsc.ports)
    smsc.child.kill()
    assert smsc.start().ports == ports
    Peer(ports[0]).bind()
    smsc.stop()
