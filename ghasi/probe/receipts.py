"""Takes what the operator delivers during a run: this run's receipts are kept, everybody else's are given back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Final

from ghasi.probe.facts import Arrived, Facts
from ghasi.probe.link import ProbeLink
from ghasi.smpp.constants import CommandStatus
from ghasi.smpp.pdu import DataSm, DeliverSm
from ghasi.smpp.receipt import fold_id, parse_receipt

_LEAST_DIGITS: Final = 8


class Collector:
    """`status_for` is asked for each deliver_sm; it notes it and says how to answer."""

    def __init__(self, facts: Facts, numbers: Iterable[str], wall: Callable[[], float]) -> None:
        self._facts = facts
        self._numbers = tuple(_digits(number) for number in numbers)
        self._wall = wall
        self._news = asyncio.Event()

    def status_for(self, link: ProbeLink, pdu: DeliverSm | DataSm) -> int:
        """ROK for what is about this run's numbers.

        Anything else belongs to who uses the account: a temporary error makes the operator keep it and send it
        again to another bind.
        """
        if not self._is_ours(pdu):
            self._facts.foreign += 1
            return CommandStatus.ESME_RX_T_APPN
        self._facts.arrived.append(Arrived(pdu=pdu, at=self._wall(), mode=link.mode))
        self._news.set()
        return CommandStatus.ESME_ROK

    def _is_ours(self, pdu: DeliverSm | DataSm) -> bool:
        addresses = (_digits(pdu.source_addr), _digits(pdu.destination_addr))
        if any(_is_same(address, number) for address in addresses for number in self._numbers):
            return True
        known = {fold_id(each.message_id) for each in self._facts.sent if each.message_id}
        return any(fold_id(raw) in known for raw in parse_receipt(pdu).ids)

    async def wait(self, seconds: float, *, quiet: float, enough: Callable[[], bool]) -> None:
        """Until `enough`, or nothing new came for `quiet` seconds after the first, at most `seconds`."""
        loop = asyncio.get_running_loop()
        end = loop.time() + seconds
        while not enough() and loop.time() < end:
            self._news.clear()
            patience = min(end - loop.time(), quiet if self._facts.arrived else seconds)
            try:
                async with asyncio.timeout(max(0.0, patience)):
                    await self._news.wait()
            except TimeoutError:
                return


def _is_same(address: str, number: str) -> bool:
    """Whether an address may be that number, with or without what operators put before it or leave out."""
    national = address.lstrip("0")
    return len(national) >= _LEAST_DIGITS and (national.endswith(number) or number.endswith(national))


def _digits(address: str) -> str:
    return "".join(each for each in address if each.isdigit())
