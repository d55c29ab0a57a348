"""SMSCs of other code bases as child processes (tests/interop/peers/rules.md)."""

from __future__ import annotations

import asyncio
import json
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.product import ROOT, Product

PEERS = ROOT / "tests" / "interop" / "peers"
KINDS = ("smpp34", "node", "perl")
WITH_TLS = frozenset({"node"})
"""Kinds whose package serves TLS by itself."""


@dataclass
class Peer:
    """A running SMSC: its port, and its own log of what it did."""

    port: int
    log: Path
    tls_port: int | None = None
    """Where the same accounts bind over TLS; None: this kind serves none."""

    def lines(self, event: str) -> list[dict[str, Any]]:
        if not self.log.exists():
            return []
        found = map(json.loads, self.log.read_text(encoding="utf-8").splitlines())
        return [one for one in found if one["event"] == event]

    def submits(self) -> list[dict[str, Any]]:
        return self.lines("submit")


def missing(kind: str) -> str:
    """What is not installed that this SMSC needs, in words for a person; empty where nothing is."""
    if kind == "node" and not (PEERS / "node_modules" / "smpp").is_dir():
        return "npm's smpp is not installed: run `make interop`, which installs it by npm"
    if kind == "perl" and _fails("perl", "-MNet::SMPP", "-e1"):
        return "Perl's Net::SMPP is not installed (on Debian: apt-get install libnet-smpp-perl)"
    return ""


def _fails(*argv: str) -> bool:
    try:
        return subprocess.run(argv, capture_output=True, check=False).returncode != 0
    except OSError:
        return True


async def start_peer(
    product: Product, kind: str, python: str, accounts: Mapping[str, Any], tls: tuple[Path, Path] | None = None
) -> Peer:
    """Starts an SMSC of that kind; `accounts` is what the accounts file says, `tls` certificate and key for a kind
    that serves it."""
    assert kind in KINDS, f"an SMSC is one of simulator, {', '.join(KINDS)}"
    assert not missing(kind), missing(kind)
    port_file, log = product.folder / f"{kind}.port", product.folder / f"{kind}.jsonl"
    accounts_file = product.folder / f"{kind}.accounts"
    accounts_file.write_text(json.dumps(accounts), encoding="utf-8")
    program = {
        "smpp34": [python, "-m", "tests.interop.peers.smpp34_smsc"],
        "node": ["node", str(PEERS / "node_smsc.js")],
        "perl": ["perl", str(PEERS / "perl_smsc.pl")],
    }
    files = ["--port-file", str(port_file), "--log", str(log), "--accounts", str(accounts_file)]
    if tls and kind in WITH_TLS:
        files += ["--tls-cert", str(tls[0]), "--tls-key", str(tls[1])]
    child = product.run(kind, program[kind] + files)
    end = time.monotonic() + 60
    while not port_file.exists() or not port_file.read_text(encoding="utf-8").strip():
        assert child.running, child.log_tail()
        assert time.monotonic() < end, f"{kind} did not start: {child.log_tail()}"
        await asyncio.sleep(0.02)
    ports = json.loads(port_file.read_text(encoding="utf-8"))
    return Peer(int(ports["port"]), log, ports.get("tlsPort"))
