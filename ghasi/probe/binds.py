"""Which kinds of bind the operator takes, and how many at once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from ghasi.probe.account import Account
from ghasi.probe.errors import NoConnection, NoSession
from ghasi.probe.facts import BindTried, Facts, Mode
from ghasi.probe.link import ProbeLink
from ghasi.probe.proposal import current
from ghasi.smpp.constants import CommandStatus, status_name
from ghasi.smpp.pdu import BindReceiver, BindRequest, BindTransceiver, BindTransmitter

Open = Callable[[], Awaitable[ProbeLink]]

_REQUESTS: Final[dict[Mode, type[BindRequest]]] = {
    Mode.TRX: BindTransceiver,
    Mode.TX: BindTransmitter,
    Mode.RX: BindReceiver,
}
#: After these no other bind is tried: repeated failures lock accounts.
_CREDENTIALS: Final = frozenset({CommandStatus.ESME_RINVPASWD, CommandStatus.ESME_RINVSYSID})


async def bind_once(account: Account, mode: Mode, open_link: Open) -> tuple[BindTried, ProbeLink | None]:
    """One bind on a connection of its own; the link is bound and the caller's where it was accepted."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    try:
        link = await open_link()
    except NoConnection as error:
        return BindTried(mode=mode, status=None, seconds=loop.time() - began, detail=str(error)), None
    link.mode = mode.value
    began = loop.time()
    bind = current(account).bind
    request = _REQUESTS[mode](
        system_id=account.system_id,
        password=account.password,
        system_type=account.system_type,
        addr_ton=bind.address_ton,
        addr_npi=bind.address_npi,
        address_range=bind.address_range,
    )
    try:
        bound = await link.bind(request)
    except NoSession as error:
        link.abort()
        detail = "" if error.status is not None else str(error)
        return BindTried(mode=mode, status=error.status, seconds=loop.time() - began, detail=detail), None
    tried = BindTried(
        mode=mode,
        status=0,
        seconds=loop.time() - began,
        system_id=getattr(bound.response, "system_id", ""),
        version=bound.peer_version,
    )
    return tried, link


async def try_modes(account: Account, open_link: Open, facts: Facts) -> None:
    """Each kind of bind once, unbound at once. Stops after a refusal of name or password."""
    for mode in Mode:
        tried, link = await bind_once(account, mode, open_link)
        facts.binds.append(tried)
        if link is not None:
            await link.unbind()
        if tried.status in _CREDENTIALS:
            return


def accepted_modes(facts: Facts) -> set[Mode]:
    return {each.mode for each in facts.binds if each.accepted}


def working_modes(facts: Facts) -> tuple[Mode, ...]:
    """The binds to send and hear by: a transceiver, else a pair, else a transmitter alone; empty: none."""
    accepted = accepted_modes(facts)
    if Mode.TRX in accepted:
        return (Mode.TRX,)
    return tuple(mode for mode in (Mode.TX, Mode.RX) if mode in accepted) if Mode.TX in accepted else ()


async def open_working(account: Account, open_link: Open, facts: Facts) -> list[ProbeLink]:
    """The binds the rest of the run uses, the one that submits first. Raises NoSession: they are not to be had."""
    links: list[ProbeLink] = []
    try:
        for mode in working_modes(facts):
            tried, link = await bind_once(account, mode, open_link)
            if link is None:
                raise NoSession(f"{mode.value} was accepted before and now is not: {tried.outcome}", tried.status)
            links.append(link)
        if not links:
            raise NoSession("no kind of bind that can submit was accepted")
    except BaseException:
        for each in links:
            await each.unbind()
        raise
    facts.bound_as = "+".join(link.mode for link in links)
    return links


async def count_binds(account: Account, open_link: Open, facts: Facts, most: int) -> None:
    """How many binds of the working kind stand at once, up to `most`, the one in use included."""
    modes = working_modes(facts)
    facts.sessions_held = 1
    extra: list[ProbeLink] = []
    try:
        while facts.sessions_held < most:
            for mode in modes:
                tried, link = await bind_once(account, mode, open_link)
                if link is None:
                    facts.sessions_refused = tried.outcome if tried.status is None else status_name(tried.status)
                    return
                extra.append(link)
            facts.sessions_held += 1
    finally:
        for link in extra:
            await link.unbind()
