"""SMSCs of other code bases as child processes (tests/interop/peers/rules.md)."""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.product import ROOT, Product

PEERS = ROOT / "tests" / "interop" / "peers"
KINDS = ("simulator", "smpp34", "node")


@dataclass
class Peer:
    """A running SMSC: its port, and its own log of what it took."""

    port: int
    log: Path

    def submits(self) -> list[dict[str, Any]]:
        if not self.log.exists():
            return []
        return [json.loads(line) for line in self.log.read_text(encoding="utf-8").splitlines()]


async def start_peer(product: Product, kind: str, python: str) -> Peer:
    port_file, log = product.folder / f"{kind}.port", product.folder / f"{kind}.jsonl"
    one = product.operators[0]
    shared = ["--port-file", str(port_file), "--log", str(log)]
    if kind == "smpp34":
        argv = [python, "-m", "tests.interop.peers.smpp34_smsc", *shared]
    elif kind == "node":
        assert (PEERS / "node_modules" / "smpp").is_dir(), "npm's smpp is not installed: run `make interop`"
        argv = ["node", str(PEERS / "node_smsc.js"), *shared]
        argv += ["--system-id", one["systemId"], "--password", one["password"]]
    else:
        raise AssertionError(f"--smsc must be one of {', '.join(KINDS)}")
    child = product.run(kind, argv)
    end = time.monotonic() + 15
    while not port_file.exists() or not port_file.read_text(encoding="utf-8").strip():
        assert child.running, child.log_tail()
        assert time.monotonic() < end, f"{kind} did not start: {child.log_tail()}"
        await asyncio.sleep(0.02)
    return Peer(int(json.loads(port_file.read_text(encoding="utf-8"))["port"]), log)
