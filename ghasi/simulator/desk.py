"""Handing receipts to an account: any session that can receive, round robin, kept until somebody takes them."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

from ghasi.simulator.agenda import Agenda
from ghasi.simulator.link import Link
from ghasi.simulator.log import Journal
from ghasi.smpp.errors import LocalProtocolError
from ghasi.smpp.pdu import DataSm, DeliverSm, GenericNack, Pdu

TEMPORARY: Final = frozenset({0x08, 0x14, 0x58, 0x64})
"""Answers to a deliver_sm after which an SMSC tries again."""


@dataclass(slots=True, repr=False, eq=False)
class Parcel:
    """One deliver_sm or data_sm for an account, with the keys of its log lines. `link`: the session preferred."""

    pdu: DeliverSm | DataSm
    about: dict[str, Any] = field(default_factory=dict)
    link: int | None = None
    tries: int = 0
    done: bool = False


class Desk:
    """What waits for one system_id."""

    def __init__(self, agenda: Agenda, journal: Journal, *, retry_delay: float, max_tries: int) -> None:
        self._agenda = agenda
        self._journal = journal
        self._retry_delay = retry_delay
        self._max_tries = max_tries
        self._waiting: deque[Parcel] = deque()
        self._links: list[Link] = []
        self._turn = 0
        self._push_due = False
        self._loop = asyncio.get_running_loop()

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    def join(self, link: Link) -> None:
        """A session that can receive is bound."""
        self._links.append(link)
        self.push_soon()

    def leave(self, link: Link) -> None:
        """It is gone; harmless for one that never joined."""
        if link in self._links:
            self._links.remove(link)

    def post(self, parcel: Parcel) -> None:
        """Takes a parcel and sends it as soon as a session has room."""
        self._waiting.append(parcel)
        self.push_soon()

    def push_soon(self) -> None:
        """Sends what can be sent, once in this round of the loop."""
        if not self._push_due:
            self._push_due = True
            self._loop.call_soon(self._push)

    def _push(self) -> None:
        self._push_due = False
        while self._waiting:
            parcel = self._waiting[0]
            link = None if parcel.done else self._choose(parcel)
            if link is None and not parcel.done:
                return
            self._waiting.popleft()
            if link is not None:
                self._send(parcel, link)

    def _choose(self, parcel: Parcel) -> Link | None:
        if parcel.link is not None:
            for link in self._links:
                if link.number == parcel.link:
                    return link if link.takes_receipts else None
        for _ in self._links:
            self._turn = (self._turn + 1) % len(self._links)
            if self._links[self._turn].takes_receipts:
                return self._links[self._turn]
        return None

    def _send(self, parcel: Parcel, link: Link) -> None:
        parcel.tries += 1
        try:
            number = link.session.send(parcel.pdu, now=self._loop.time(), context=parcel)
        except LocalProtocolError as error:
            self._journal.write("receipt_unsendable", reason=str(error), **parcel.about)
            return
        self._journal.write("receipt", seq=number, bind=link.number, tries=parcel.tries, **parcel.about)
        link.pump_soon()

    # -- what became of it

    def answered(self, parcel: Parcel, response: Pdu, link: Link) -> None:
        """deliver_sm_resp: taken, to be sent again later, or refused for good."""
        status = response.command_status
        self._journal.write(
            "deliver_resp",
            seq=response.sequence_number,
            bind=link.number,
            command_status=status,
            nack=isinstance(response, GenericNack),
            tries=parcel.tries,
            **parcel.about,
        )
        if status not in TEMPORARY:
            parcel.done = True
        elif parcel.tries < self._max_tries:
            self._agenda.after(self._retry_delay, partial(self.post, parcel))
        else:
            self._journal.write("receipt_given_up", tries=parcel.tries, **parcel.about)
        if self._waiting:
            self.push_soon()

    def unanswered(self, parcel: Parcel, link: Link, *, why: str) -> None:
        """No answer in time (`expired`), or none before the session ended (`lost`): kept and sent again."""
        self._journal.write("deliver_unanswered", bind=link.number, why=why, tries=parcel.tries, **parcel.about)
        if parcel.tries < self._max_tries:
            self._waiting.appendleft(parcel)
            self.push_soon()
        else:
            self._journal.write("receipt_given_up", tries=parcel.tries, **parcel.about)

    def answered_late(self, parcel: Parcel, response: Pdu, link: Link) -> None:
        """An answer after `unanswered`: where it is good, the parcel need not go again."""
        self._journal.write(
            "deliver_resp_late", bind=link.number, command_status=response.command_status, **parcel.about
        )
        if response.command_status not in TEMPORARY:
            parcel.done = True
