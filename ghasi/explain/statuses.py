"""What a command_status is called, and what the connector does about it."""

from __future__ import annotations

from typing import Final

from ghasi.contracts.rules import StatusMeaning
from ghasi.explain.words import Said
from ghasi.smpp import constants as c
from ghasi.smpp.constants import CommandId
from ghasi.smpp.status import HELD, SUBMIT_RULES, BindAction, Rule, bind_action

_ACTIONS: Final = {
    "ok": "accepted",
    "retry_soon": "sent again within seconds, and the sender slows down",
    "retry_later": "sent again after 20 s or more",
    "rebind": "back to the queue, and the session is bound anew",
    "permanent": "final: the part is REJECTED",
    "hold": "held for a person",
}
_BIND_ACTIONS: Final = {
    BindAction.BOUND: "bound",
    BindAction.FALL_BACK_TO_PAIR: "no transceiver here: a transmitter and a receiver are tried",
    BindAction.WAIT_OLD_SESSION: "an old session is waited out",
    BindAction.CREDENTIALS: "tried slowly with fresh credentials, then paused for a person",
    BindAction.BACK_OFF: "tried again by the reconnect table",
}
_SUBMITS: Final = frozenset({CommandId.SUBMIT_SM_RESP, CommandId.DATA_SM_RESP, CommandId.SUBMIT_MULTI_RESP})
_BINDS: Final = {
    CommandId.BIND_TRANSCEIVER_RESP: True,
    CommandId.BIND_TRANSMITTER_RESP: False,
    CommandId.BIND_RECEIVER_RESP: False,
}
_TEMPORARY: Final = frozenset({0x08, 0x14, 0x58, 0x64})


def status_said(command_id: int, status: int, own: StatusMeaning | None = None) -> tuple[str, Said]:
    """`0x00000058 ESME_RTHROTTLED`, and what it means in that command; `own` is what the operator means by it."""
    known = c.STATUS_NAMES.get(status)
    shown = f"0x{status:08X}" + (f" {known}" if known else "")
    if not command_id & c.RESPONSE_BIT:
        return shown, Said("", ("must be 0 in a request (§3.2)",) if status else ())
    cause = own.cause if own is not None else ""
    parts = [c.STATUS_DESCRIPTIONS.get(status, "") if status else "", cause, _action(command_id, status, own)]
    warned = () if known or own is not None else (_unlisted(status),)
    return shown, Said("; ".join(part for part in parts if part), warned)


def _unlisted(status: int) -> str:
    return "a vendor's own status" if 0x400 <= status <= 0x4FF else "a status that SMPP does not list"


def _action(command_id: int, status: int, own: StatusMeaning | None) -> str:
    if command_id in _BINDS:
        return _BIND_ACTIONS[bind_action(status, transceiver=_BINDS[CommandId(command_id)])]
    if command_id in _SUBMITS:
        return _of_profile(own) if own is not None else _of_table(SUBMIT_RULES.get(status, HELD))
    if command_id == CommandId.DELIVER_SM_RESP:
        if status == 0:
            return "taken in"
        return "the SMSC keeps it and sends it again" if status in _TEMPORARY else "the SMSC gives it up"
    return ""


def _of_table(rule: Rule) -> str:
    later = "" if rule.limit is None else f"; when it goes on: {_ACTIONS[rule.then.value]}"
    return _ACTIONS[rule.action.value] + later


def _of_profile(own: StatusMeaning) -> str:
    later = f"; when it goes on: {_ACTIONS[own.then.value]}" if own.then is not None else ""
    return f"by the profile: {_ACTIONS[own.action.value]}{later}"
