"""A capture of masked PDUs and what Wireshark reads in it: `python -m tests.vectors.trace_capture` makes both anew.

trace.pcap is written by the product, trace_tshark.json by tshark (the version stands in it), from the capture alone.
Without tshark the test of this vector still holds the writer to the capture that Wireshark has read.
"""

from __future__ import annotations

import io
import json
import subprocess
from pathlib import Path
from typing import Any

from ghasi.contracts.trace import TracedPdu
from ghasi.smpp.masking import masked
from ghasi.smpp.pdu import (
    BindTransceiver,
    BindTransceiverResp,
    DataSm,
    DeliverSm,
    DeliverSmResp,
    EnquireLink,
    Pdu,
    SubmitSm,
    SubmitSmResp,
    encode_pdu,
)
from ghasi.smpp.tlv import Tag, Tlv
from ghasi.trace.pcap import PcapWriter

HERE = Path(__file__).parent
CAPTURE, READ = HERE / "trace.pcap", HERE / "trace_tshark.json"
PORT = 2775
AT = 1_770_000_000_123_456
HOSTS = (("10.0.0.1", "198.51.100.7"), ("[2001:db8::1]", "[2001:db8::2]"))
NUMBER = "93701234567"
RECEIPT = b"id:7A sub:001 dlvrd:001 submit date:2604181030 done date:2604181031 stat:DELIVRD err:000 text:Your code"
FIELDS = (
    "smpp.command_id",
    "smpp.command_status",
    "smpp.sequence_number",
    "smpp.system_id",
    "smpp.password",
    "smpp.source_addr",
    "smpp.destination_addr",
    "smpp.message_id",
    "smpp.data_coding",
    "smpp.sm_length",
)
PDUS: tuple[tuple[bool, Pdu], ...] = (
    (True, BindTransceiver(sequence_number=1, system_id="ghasi", password="s3cr3t!")),
    (
        False,
        BindTransceiverResp(sequence_number=1, system_id="SMSC", tlvs=(Tlv.integer(Tag.SC_INTERFACE_VERSION, 0x34),)),
    ),
    (
        True,
        SubmitSm(
            sequence_number=2,
            source_addr_ton=5,
            source_addr="GHASI",
            destination_addr=NUMBER,
            short_message=b"Your code",
        ),
    ),
    (False, SubmitSmResp(sequence_number=2, message_id="7A")),
    (
        True,
        SubmitSm(sequence_number=3, destination_addr=NUMBER, data_coding=8, short_message="سلام".encode("utf-16-be")),
    ),
    (False, SubmitSmResp(sequence_number=3, command_status=0x58)),
    (True, SubmitSm(sequence_number=4, destination_addr=NUMBER, tlvs=(Tlv(Tag.MESSAGE_PAYLOAD, b"x" * 20_000),))),
    (
        False,
        DeliverSm(
            sequence_number=1, source_addr=NUMBER, destination_addr="GHASI", esm_class=4, short_message=RECEIPT
        ),
    ),
    (True, DeliverSmResp(sequence_number=1)),
    (
        False,
        DataSm(
            sequence_number=2,
            source_addr=NUMBER,
            esm_class=4,
            tlvs=(Tlv(Tag.MESSAGE_PAYLOAD, RECEIPT), Tlv(0x1400, b"x")),
        ),
    ),
    (True, EnquireLink(sequence_number=5)),
)


def shown() -> list[bytes]:
    """The PDUs as a gateway publishes them."""
    return [masked(encode_pdu(pdu)) for _, pdu in PDUS]


def capture() -> bytes:
    """The file, octet for octet."""
    file = io.BytesIO()
    writer = PcapWriter(file.write)
    for number, ((sent, _), octets) in enumerate(zip(PDUS, shown(), strict=True)):
        ends = (
            ("[2001:db8::1]:51000", f"[2001:db8::2]:{PORT}")
            if number % 2
            else ("10.0.0.1:51000", f"198.51.100.7:{PORT}")
        )
        writer.add("gw-1", TracedPdu(AT + number * 1500, sent, 0, 1, *ends, octets))
    return file.getvalue()


def read_by_tshark(capture: Path = CAPTURE, port: int = PORT) -> list[dict[str, Any]]:
    """The SMPP fields of each PDU, as tshark names and writes them, and the fault it found ("" for none)."""
    names = (*FIELDS, "_ws.malformed", "tcp.checksum.status", "ip.checksum.status")
    wanted = [arg for name in names for arg in ("-e", name)]
    options = ["-d", f"tcp.port=={port},smpp", "-o", "tcp.check_checksum:TRUE", "-o", "ip.check_checksum:TRUE"]
    done = subprocess.run(
        ["tshark", "-r", str(capture), *options, "-Y", "smpp", "-T", "json", *wanted],
        check=True,
        capture_output=True,
    )
    return [packet["_source"]["layers"] for packet in json.loads(done.stdout)]


def main() -> None:
    CAPTURE.write_bytes(capture())
    version = subprocess.run(["tshark", "--version"], check=True, capture_output=True, text=True).stdout.splitlines()[
        0
    ]
    READ.write_text(json.dumps({"by": version, "pdus": read_by_tshark()}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
