"""Requests about messages sent earlier, and everything else an ESME may ask (SMPP 3.4 §4.5, §4.8-4.10)."""

from __future__ import annotations

import asyncio
import time

from ghasi.simulator.config import Ids
from ghasi.simulator.link import Link
from ghasi.simulator.log import Journal
from ghasi.simulator.messages import Message, Messages
from ghasi.smpp.constants import CommandStatus
from ghasi.smpp.pdu import CancelSm, Pdu, QuerySm, ReplaceSm


def first_id(plan: Ids) -> int | None:
    """Where ids begin: as written; `clock`: milliseconds, so that a restart repeats none; None: by the seed."""
    return time.time_ns() // 1_000_000 if plan.start == "clock" else plan.start


def handle(link: Link, request: Pdu, messages: Messages, journal: Journal) -> None:
    """Answers any request but bind, submit_sm and data_sm; what this SMSC does not offer gets ESME_RINVCMDID."""
    if isinstance(request, QuerySm):
        status = _query(link, request, messages.find(request.message_id))
    elif isinstance(request, CancelSm):
        status = _cancel(messages.find(request.message_id))
        link.answer(request, status=status)
    elif isinstance(request, ReplaceSm):
        status = CommandStatus.ESME_RREPLACEFAIL
        link.answer(request, status=status)
    else:
        status = CommandStatus.ESME_RINVCMDID
        link.answer(request, status=status)
    journal.write(
        "request",
        bind=link.number,
        command=request.command_name,
        seq=request.sequence_number,
        command_status=int(status),
    )


def _query(link: Link, request: QuerySm, message: Message | None) -> CommandStatus:
    if message is None or message.source.number != request.source_addr:
        link.answer(request, status=CommandStatus.ESME_RQUERYFAIL)
        return CommandStatus.ESME_RQUERYFAIL
    state, final_date, error = message.query(now=time.time(), mono=asyncio.get_running_loop().time())
    link.answer(
        request,
        message_id=request.message_id,
        message_state=state,
        final_date=final_date,
        error_code=error,
    )
    return CommandStatus.ESME_ROK


def _cancel(message: Message | None) -> CommandStatus:
    """A message on its way becomes DELETED; its receipt, where one was wanted, says so."""
    if message is None:
        return CommandStatus.ESME_RINVMSGID
    if asyncio.get_running_loop().time() >= message.due:
        return CommandStatus.ESME_RCANCELFAIL
    message.stat, message.err, message.state = "DELETED", "000", None
    return CommandStatus.ESME_ROK
