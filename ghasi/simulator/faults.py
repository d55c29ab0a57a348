"""Doing to a connection what a rule says: the faults that are the same for submits, binds and the clock."""

from __future__ import annotations

import binascii
from typing import Any, Final

from ghasi.simulator.link import Link
from ghasi.simulator.log import Journal
from ghasi.simulator.rules import Faults
from ghasi.smpp.constants import CommandStatus
from ghasi.smpp.pdu import DeliverSm, GenericNack, Pdu, QuerySm, encode_pdu, with_sequence

_STRANGE_OFFSET: Final = 1_000_000


def before_answer(link: Link, faults: Faults, journal: Journal) -> None:
    """Silence, trickle and garbage begin before the answer, so that it falls under them."""
    if faults.garbage is not None:
        link.write_raw(binascii.unhexlify(faults.garbage.replace(" ", "")))
        journal.write("fault", fault="garbage", bind=link.number)
    if faults.trickle is not None:
        link.trickle(faults.trickle.octets, faults.trickle.delay, faults.trickle.seconds)
        journal.write("fault", fault="trickle", bind=link.number)
    if faults.silence is not None:
        link.fall_silent(None if faults.silence == "forever" else float(faults.silence))
        journal.write("fault", fault="silence", bind=link.number)


def answer(link: Link, request: Pdu, faults: Faults, *, status: int, **fields: Any) -> bool:
    """The answer in the shape the rule wants; False where none went out."""
    if faults.answer == "none" or faults.drop == "unanswered":
        return False
    if faults.answer == "nack":
        code = status or CommandStatus.ESME_RSYSERR
        link.write_raw(encode_pdu(GenericNack(sequence_number=request.sequence_number, command_status=code)))
        return True
    if faults.answer == "wrongSequence":
        strange = (request.sequence_number + _STRANGE_OFFSET) & 0x7FFFFFFF
        return link.answer(with_sequence(request, strange), status=status, **fields)
    if faults.answer == "wrongCommand":
        other = QuerySm if isinstance(request, DeliverSm) else DeliverSm
        return link.answer(other(sequence_number=request.sequence_number), status=status)
    sent = link.answer(request, status=status, **fields)
    if faults.answer == "twice":
        link.answer(request, status=status, **fields)
    return sent


def after_answer(link: Link, faults: Faults, journal: Journal) -> None:
    """How the session ends, where the rule ends it."""
    if faults.unbind:
        journal.write("fault", fault="unbind", bind=link.number)
        link.say_unbind()
    elif faults.drop is not None:
        journal.write("fault", fault="drop", bind=link.number, how=faults.hangup or "reset")
        link.hang_up(reset=faults.hangup != "close")
