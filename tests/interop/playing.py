"""Plays all cases of an SMSC at once over one gateway, and keeps what everybody saw."""

from __future__ import annotations

import asyncio
import sys
import time
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import trustme

from ghasi.devstack.servers import Servers
from tests.interop.cases import DEAF, Case, plan
from tests.interop.messages import MESSAGES, Message
from tests.interop.script import account, account_of, operator_of
from tests.support.peers import start_peer
from tests.support.platform import Platform, command
from tests.support.product import Product, operator

PASSWORD = "secret12"
PATIENCE = 90.0
"""Seconds for all messages of all cases; the machine may be busy."""

Line = dict[str, Any]


@dataclass
class Sent:
    """One message of a case: what went in, what the SMSC wrote of it, what the platform was told."""

    message: Message
    to: str
    message_id: str
    submits: list[Line] = field(default_factory=list)
    answers: list[Line] = field(default_factory=list)
    results: list[Line] = field(default_factory=list)
    receipts: list[Line] = field(default_factory=list)


STRANGER, SECURE = "stranger", "secure"
"""An account whose password operator management has wrong, and one that it says to reach over TLS. Nothing is sent
over them."""

STALLED_BY_TLS = frozenset({"perl"})
"""Kinds to which a TLS handshake begins with a length: they would wait for so many octets, and serve nobody else."""


@dataclass
class Guest:
    """What became of an account beside the cases: its binds as the SMSC wrote them, and its session."""

    operator_id: str
    binds: list[Line] = field(default_factory=list)
    session: Line = field(default_factory=dict)


@dataclass
class Played:
    """One case, over: its binds as the SMSC wrote them, its session as the gateway tells it, its messages by name."""

    case: Case
    operator_id: str
    binds: list[Line] = field(default_factory=list)
    session: Line = field(default_factory=dict)
    sent: dict[str, Sent] = field(default_factory=dict)


class Play:
    """`run` plays, then everything is in `played`, `guests` and `outbinds`."""

    def __init__(self, servers: Servers, folder: Path, kind: str) -> None:
        self.kind = kind
        self.cases = plan(kind)
        self.product = Product(servers, folder, [], simulate=kind == "simulator")
        self.played: dict[str, Played] = {}
        self.guests: dict[str, Guest] = {}
        self.outbinds: list[Line] = []
        self._folder = folder
        self._servers = servers
        self._peer: Any = None

    async def run(self) -> None:
        await self._set_up()
        async with await Platform.over(self._servers.nats_url) as platform:
            await self.product.start()
            await platform.send(self._commands())
            await self._until_told(platform)
            self._note_events(platform)
        await self._until_decided()
        await self._until_written()
        self._note_lines()
        sessions = {one["operatorId"]: one for one in await self.product.sessions()}
        for one in (*self.played.values(), *self.guests.values()):
            one.session = sessions.get(one.operator_id, {})

    async def _set_up(self) -> None:
        port, tls = None, _certificate(self._folder)
        if self.kind != "simulator":
            accounts = {f"case{number:03}": account_of(case, PASSWORD) for number, case in enumerate(self.cases)}
            accounts |= {name: account(PASSWORD) for name in (STRANGER, SECURE)}
            self._peer = await start_peer(self.product, self.kind, sys.executable, accounts, tls)
            port = self._peer.port
        for number, case in enumerate(self.cases):
            made = operator_of(case, number, PASSWORD, port=port)
            self.product.operators.append(made)
            self.played[case.name] = Played(case, made["id"])
        self._invite(STRANGER, {"password": "wrong123"} | ({"port": port} if port else {}))
        if self.kind in STALLED_BY_TLS:
            return
        files = {"ca": str(self._folder / "ca.pem"), "serverName": "localhost"}
        secure_port = (self._peer.tls_port or port) if self._peer is not None else None
        self._invite(SECURE, {"tls": files} | ({"port": secure_port} if secure_port else {}))

    def _invite(self, name: str, told: Line) -> None:
        """`told` is what operator management says of it."""
        made = operator(name=name, systemId=name, password=PASSWORD, rules=[], management={"override": told})
        self.product.operators.append(made)
        self.guests[name] = Guest(made["id"])

    def _commands(self) -> list[Line]:
        commands = []
        for number, one in enumerate(self.played.values()):
            for index, (name, message) in enumerate(MESSAGES.items()):
                to = f"+93{number:04}{index:02}{message.ending}"
                made = command(one.operator_id, to, message.text, longMessageStrategy=message.strategy)
                one.sent[name] = Sent(message, to, made["messageId"])
                commands.append(made)
        return commands

    async def _until_told(self, platform: Platform) -> None:
        """Until everything has its result and its receipts, or for PATIENCE: the tests tell what is missing."""
        messages = sum(len(one.sent) for one in self.played.values())
        receipts = sum(sent.message.receipts for one in self.played.values() for sent in one.sent.values())
        try:
            await platform.until(
                lambda: len(platform.results) >= messages and len(platform.receipts) >= receipts, timeout=PATIENCE
            )
        except AssertionError:
            self.product.check_alive()

    async def _until_decided(self) -> None:
        """Until the guests are bound or were refused."""
        end = time.monotonic() + 60.0
        guests = {one.operator_id for one in self.guests.values()}
        while time.monotonic() < end:
            found = [one for one in await self.product.sessions() if one["operatorId"] in guests]
            if len(found) == len(guests) and all(one["state"] == "BOUND" or one.get("reason") for one in found):
                return
            await asyncio.sleep(0.1)

    async def _until_written(self) -> None:
        """Until the SMSC has written our answers, which it may do after the platform knows of the receipts."""
        told = [one for one in self.played.values() if (self.kind, one.case.bind) not in DEAF]
        answers = sum(sent.message.receipts for one in told for sent in one.sent.values())
        end = time.monotonic() + 30.0
        while sum(map(len, self._lines("deliver_resp").values())) < answers and time.monotonic() < end:
            await asyncio.sleep(0.05)

    def _note_events(self, platform: Platform) -> None:
        results, receipts = _by("messageId", platform.results), _by("messageId", platform.receipts)
        for sent in self._all_sent():
            sent.results, sent.receipts = results[sent.message_id], receipts[sent.message_id]

    def _note_lines(self) -> None:
        submits, answers = self._lines("submit"), self._lines("deliver_resp")
        for sent in self._all_sent():
            sent.submits, sent.answers = submits[sent.to.lstrip("+")], answers[sent.to.lstrip("+")]
        binds = self._lines("bind", key="system_id")
        everybody = (*self.played.values(), *self.guests.values())
        for made, one in zip(self.product.operators, everybody, strict=True):
            one.binds = binds[made["systemId"]]
        if self._peer is not None:
            self.outbinds = self._peer.lines("outbind")

    def _lines(self, event: str, key: str = "destination_addr") -> dict[str, list[Line]]:
        """What the SMSC wrote, by one of its keys."""
        if self._peer is not None:
            return _by(key, self._peer.lines(event))
        ids = self.product.operator_ids
        return _by(key, [line for operator_id in ids for line in self.product.smsc_log(operator_id, event)])

    def _all_sent(self) -> list[Sent]:
        return [sent for one in self.played.values() for sent in one.sent.values()]


def play(servers: Servers, folder: Path, kind: str) -> Play:
    """Every case that this kind of SMSC can play, and the guests. When it returns, all processes are gone again."""
    made = Play(servers, folder, kind)
    try:
        asyncio.run(made.run())
    finally:
        made.product.stop()
    return made


def _certificate(folder: Path) -> tuple[Path, Path]:
    """Certificate and key of an SMSC on this host; beside them the `ca.pem` that the gateway trusts."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    issued = authority.issue_cert("localhost")
    certificate, key = folder / "smsc.pem", folder / "smsc.key"
    issued.cert_chain_pems[0].write_to_path(str(certificate))
    issued.private_key_pem.write_to_path(str(key))
    return certificate, key


def _by(key: str, lines: list[Line]) -> dict[str, list[Line]]:
    found: dict[str, list[Line]] = defaultdict(list)
    for line in lines:
        found[line[key]].append(line)
    return found
