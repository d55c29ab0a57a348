"""An SMSC made from the `smpp34` package's server, following rules.md.

Run as `python -m tests.interop.peers.smpp34_smsc --port-file F --log F --accounts F`. The package answers binds
itself: any credentials, any mode. What it tells of a session is its name and whether it can receive.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import socket
import time
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TextIO

import smpp34

from tests.interop.peers import accounts
from tests.interop.peers.accounts import Account

NETWORK_GSM = 3
TLV_NAMES = {
    smpp34.TLV_MESSAGE_PAYLOAD: "message_payload",
    smpp34.TLV_SAR_MSG_REF_NUM: "sar_msg_ref_num",
    smpp34.TLV_SAR_TOTAL_SEGMENTS: "sar_total_segments",
    smpp34.TLV_SAR_SEGMENT_SEQNUM: "sar_segment_seqnum",
}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def receipt_tlvs(account: Account, receipt: dict[str, Any], message_id: str, text: bytes) -> list[smpp34.Tlv]:
    values = {
        "id": (smpp34.TLV_RECEIPTED_MESSAGE_ID, message_id.encode() + b"\0"),
        "state": (smpp34.TLV_MESSAGE_STATE, bytes([receipt["state"]])),
        "error": (smpp34.TLV_NETWORK_ERROR_CODE, bytes([NETWORK_GSM]) + receipt["error"].to_bytes(2, "big")),
    }
    tlvs = [smpp34.Tlv(*values[name]) for name in account.tlvs]
    return [smpp34.Tlv(smpp34.TLV_MESSAGE_PAYLOAD, text), *tlvs] if account.carrier == "message_payload" else tlvs


class Smsc:
    def __init__(self, log: TextIO, known: dict[str, Account]) -> None:
        self.log = log
        self.known = known
        self.sessions: dict[str, Any] = {}
        self.receivers: dict[str, list[Any]] = {name: [] for name in known}
        self.tasks: set[asyncio.Task[None]] = set()

    def write(self, event: str, bind: str, **fields: Any) -> None:
        self.log.write(json.dumps({"at": time.time(), "event": event, "bind": bind, **fields}) + "\n")
        self.log.flush()

    def bound(self, session: Any) -> None:
        self.sessions[session.session_id] = session
        if session.can_receive:
            self.receivers[session.system_id].append(session)
        mode = "TRX or RX" if session.can_receive else "TX"
        self.write("bind", session.session_id, system_id=session.system_id, mode=mode, command_status=0)

    def unbound(self, session_id: str) -> None:
        session = self.sessions.pop(session_id, None)
        if session is not None and session in self.receivers[session.system_id]:
            self.receivers[session.system_id].remove(session)

    def take(self, event: Any) -> None:
        account = self.known[self.sessions[event.session_id].system_id]
        ending = account.ending(event.destination_addr)
        status = ending.get("status", 0)
        message_id, receipt_id = ("", "") if status else account.ids()
        self.write(
            "submit",
            event.session_id,
            system_id=self.sessions[event.session_id].system_id,
            source_addr=event.source_addr,
            destination_addr=event.destination_addr,
            esm_class=event.esm_class,
            data_coding=event.data_coding,
            registered_delivery=event.registered_delivery,
            short_message=event.short_message.hex(),
            tlvs=[[TLV_NAMES.get(tlv.tag, hex(tlv.tag)), tlv.value.hex()] for tlv in event.tlvs],
            message_id=message_id,
            command_status=status,
        )
        if status:
            event.reject(status)
            return
        event.accept(message_id)
        if event.registered_delivery & 1:
            self.start(self.report(account, event, message_id, receipt_id))

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def report(self, account: Account, event: Any, message_id: str, receipt_id: str) -> None:
        submitted, name = time.time(), self.sessions[event.session_id].system_id
        for receipt in account.ending(event.destination_addr)["receipts"]:
            await asyncio.sleep(account.delay)
            text = b"" if account.carrier == "none" else account.text(receipt, receipt_id, submitted)
            fields = {
                "short_message": text if account.carrier == "short_message" else b"",
                "source_addr": event.destination_addr,
                "source_addr_ton": 1,
                "source_addr_npi": 1,
                "esm_class": receipt["esmClass"],
                "data_coding": account.data_coding,
                "tlvs": receipt_tlvs(account, receipt, receipt_id, text),
            }
            self.start(self.deliver(self.receivers[name][-1], event, message_id, fields))

    async def deliver(self, receiver: Any, event: Any, message_id: str, fields: dict[str, Any]) -> None:
        """On a session bound as a receiver this does not end: the server refuses our deliver_sm_resp."""
        answer = await receiver.deliver_sm(event.source_addr, **fields)
        self.write(
            "deliver_resp",
            receiver.session_id,
            system_id=receiver.system_id,
            message_id=message_id,
            destination_addr=event.destination_addr,
            command_status=answer.command_status,
        )


async def serve(server: smpp34.Server, smsc: Smsc) -> None:
    while True:
        event = await server.next()
        if isinstance(event, smpp34.SubmitSmEvent):
            smsc.take(event)
        elif isinstance(event, smpp34.Esme):
            smsc.bound(event)
        elif isinstance(event, smpp34.Unbound):
            smsc.unbound(event.session_id)


async def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port-file", type=Path, required=True)
    parser.add_argument("--log", type=Path, required=True)
    parser.add_argument("--accounts", type=Path, required=True)
    arguments = parser.parse_args()
    known = accounts.read(arguments.accounts)
    port = free_port()
    server = smpp34.Server("127.0.0.1", port, system_id="smpp34")
    await server.start()
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    with arguments.log.open("a", encoding="utf-8") as log:
        serving = asyncio.create_task(serve(server, Smsc(log, known)))
        arguments.port_file.write_text(json.dumps({"port": port}), encoding="utf-8")
        ended = asyncio.create_task(stopped.wait())
        await asyncio.wait([serving, ended], return_when=asyncio.FIRST_COMPLETED)
        serving.cancel()
        await server.stop()
        if not stopped.is_set():
            serving.result()


if __name__ == "__main__":
    asyncio.run(main())
