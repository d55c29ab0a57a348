"""An SMSC made from the `smpp34` package's server, following rules.md.

Run as `python -m tests.interop.peers.smpp34_smsc --port-file F --log F`. The package lets any credentials bind.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import signal
import socket
import time
from pathlib import Path
from typing import Any, TextIO

import smpp34

RECEIPT_DELAY = 0.2
RINVDSTADR = 0x0B
TLV_NAMES = {smpp34.TLV_MESSAGE_PAYLOAD: "message_payload"}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def receipt(message_id: str, stat: str, err: str) -> bytes:
    stamp = time.strftime("%y%m%d%H%M", time.gmtime())
    delivered = "001" if stat == "DELIVRD" else "000"
    return (
        f"id:{message_id} sub:001 dlvrd:{delivered} submit date:{stamp} done date:{stamp} stat:{stat} err:{err} text:"
    ).encode()


def receipts_for(destination: str) -> list[tuple[str, str]]:
    if destination.endswith("027"):
        return [("UNDELIV", "027")]
    if destination.endswith("001"):
        return [("ENROUTE", "000"), ("DELIVRD", "000")]
    return [("DELIVRD", "000")]


class Smsc:
    def __init__(self, log: TextIO) -> None:
        self.log = log
        self.receivers: list[Any] = []
        self.numbers = itertools.count(0x10A0)
        self.tasks: set[asyncio.Task[None]] = set()

    def take(self, event: Any) -> None:
        rejected = event.destination_addr.endswith("404")
        message_id = "" if rejected else f"{next(self.numbers):08X}"
        line = {
            "at": time.time(),
            "event": "submit",
            "source_addr": event.source_addr,
            "destination_addr": event.destination_addr,
            "esm_class": event.esm_class,
            "data_coding": event.data_coding,
            "registered_delivery": event.registered_delivery,
            "short_message": event.short_message.hex(),
            "tlvs": [[TLV_NAMES.get(tlv.tag, hex(tlv.tag)), tlv.value.hex()] for tlv in event.tlvs],
            "message_id": message_id,
            "command_status": RINVDSTADR if rejected else 0,
        }
        self.log.write(json.dumps(line) + "\n")
        self.log.flush()
        if rejected:
            event.reject(RINVDSTADR)
            return
        event.accept(message_id)
        if event.registered_delivery & 1:
            task = asyncio.create_task(self.report(event.source_addr, event.destination_addr, message_id))
            self.tasks.add(task)
            task.add_done_callback(self.tasks.discard)

    async def report(self, source: str, destination: str, message_id: str) -> None:
        for stat, err in receipts_for(destination):
            await asyncio.sleep(RECEIPT_DELAY)
            receiver = self.receivers[-1]
            await receiver.deliver_sm(
                source, receipt(message_id, stat, err), source_addr=destination, source_addr_ton=1, esm_class=4
            )


async def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port-file", type=Path, required=True)
    parser.add_argument("--log", type=Path, required=True)
    arguments = parser.parse_args()
    port = free_port()
    server = smpp34.Server("127.0.0.1", port, system_id="smpp34")
    await server.start()
    arguments.port_file.write_text(json.dumps({"port": port}), encoding="utf-8")
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    with arguments.log.open("a", encoding="utf-8") as log:
        smsc = Smsc(log)
        serving = asyncio.create_task(serve(server, smsc))
        await stopped.wait()
        serving.cancel()
        await server.stop()


async def serve(server: smpp34.Server, smsc: Smsc) -> None:
    while True:
        event = await server.next()
        if isinstance(event, smpp34.SubmitSmEvent):
            smsc.take(event)
        elif isinstance(event, smpp34.Esme) and event.can_receive:
            smsc.receivers.append(event)


if __name__ == "__main__":
    asyncio.run(main())
