"""What a command_status asks of us: on a submit by `submit_action`, on a bind by `bind_action`.

Pure tables. The statuses are SMPP 3.4 §5.1.3's; what to do about each is practice, not specification, and
every row can be overridden for an operator that means something else by it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final

from ghasi.smpp.constants import CommandStatus as S


class Action(Enum):
    """What becomes of the PDU that was answered with a status."""

    OK = "ok"
    RETRY_SOON = "retry_soon"
    """Seconds, with back-off, through the rate limiter; the sender of this operator slows down."""
    RETRY_LATER = "retry_later"
    """Minutes: a queue is full or a receiver is away; others of this operator go on."""
    REBIND = "rebind"
    """The session is at fault: the message goes back to its queue, the session's owner binds anew."""
    PERMANENT = "permanent"
    """No later try can help: the part is REJECTED."""


class BindAction(Enum):
    """What becomes of a bind that was answered with a status."""

    BOUND = "bound"
    FALL_BACK_TO_PAIR = "fall_back_to_pair"
    """No transceiver here: bind a transmitter and a receiver, each on a connection of its own."""
    WAIT_OLD_SESSION = "wait_old_session"
    """The operator still holds our previous session, or all binds are used: a longer wait, then the same
    again.
    """
    CREDENTIALS = "credentials"
    """Wrong name or password: slow tries with freshly fetched credentials, and an alarm."""
    BACK_OFF = "back_off"
    """Anything else: the reconnect table."""


@dataclass(frozen=True, slots=True)
class Rule:
    """`action` for the first `limit` answers in a row to one message, `then` from there on; no limit
    without it.
    """

    action: Action
    limit: int | None = None
    then: Action = Action.PERMANENT


PERMANENT: Final = Rule(Action.PERMANENT)

SUBMIT_RULES: Final[Mapping[int, Rule]] = {
    S.ESME_ROK: Rule(Action.OK),
    S.ESME_RINVBNDSTS: Rule(Action.REBIND),
    S.ESME_RALYBND: Rule(Action.REBIND),
    S.ESME_RSYSERR: Rule(Action.RETRY_SOON, limit=5, then=Action.REBIND),
    S.ESME_RMSGQFUL: Rule(Action.RETRY_LATER),
    S.ESME_RSUBMITFAIL: Rule(Action.RETRY_LATER, limit=2),
    S.ESME_RTHROTTLED: Rule(Action.RETRY_SOON),
    S.ESME_RX_T_APPN: Rule(Action.RETRY_LATER),
    S.ESME_RUNKNOWNERR: Rule(Action.RETRY_LATER, limit=2),
    # A length the operator cannot read once is this PDU's fault; again and again, it is the framing's.
    S.ESME_RINVCMDLEN: Rule(Action.PERMANENT, limit=3, then=Action.REBIND),
}
"""Everything not listed is PERMANENT, vendor codes (0x0400 to 0x04FF) and SMPP 5's included."""

_PAIR: Final = {S.ESME_RINVCMDID, S.ESME_RINVBNDSTS, S.ESME_RBINDFAIL, S.ESME_RINVSYSTYP}
_CREDENTIALS: Final = {S.ESME_RINVPASWD, S.ESME_RINVSYSID}


def submit_action(status: int, failures: int = 0, overrides: Mapping[int, Rule] | None = None) -> Action:
    """The action for `status` on a submit_sm or data_sm.

    `failures` counts the answers of the same status that came before this one in a row: to the message, or
    for ESME_RINVCMDLEN, which one message sees only once, on the session.
    """
    rule = (overrides or {}).get(status) or SUBMIT_RULES.get(status, PERMANENT)
    if rule.limit is not None and failures >= rule.limit:
        return rule.then
    return rule.action


def bind_action(status: int, *, transceiver: bool = True, failures: int = 0) -> BindAction:
    """The action for `status` on a bind; a generic_nack counts by its status, too.

    `transceiver` says that bind_transceiver was tried: only that can fall back to a pair. `failures` counts
    the answers of the same status that came before this one in a row: ESME_RALYBND right after a drop is
    normal, so the pair is tried once, at the second.
    """
    if status == S.ESME_ROK:
        return BindAction.BOUND
    if status in _CREDENTIALS:
        return BindAction.CREDENTIALS
    if status == S.ESME_RALYBND:
        return BindAction.FALL_BACK_TO_PAIR if transceiver and failures == 1 else BindAction.WAIT_OLD_SESSION
    if status in _PAIR and transceiver:
        return BindAction.FALL_BACK_TO_PAIR
    return BindAction.BACK_OFF


_DELAYS: Final = {
    Action.RETRY_SOON: (1.0, 1.0, 60.0),
    Action.REBIND: (1.0, 1.0, 60.0),
    Action.RETRY_LATER: (20.0, 20.0, 180.0),
}
_JITTER: Final = 0.2


def retry_delay(action: Action, failures: int, jitter: float) -> float:
    """Seconds until the next try: doubling from 1 s to 60 s, for RETRY_LATER from 20 s to 180 s, ± 20 %.

    `failures` counts the tries before this one, `jitter` is a random number in 0…1 of the caller's; the
    bounds hold with jitter, except that a first RETRY_SOON may come after 0.8 s. Raises ValueError for OK
    and PERMANENT.
    """
    if action not in _DELAYS:
        raise ValueError(f"{action.name} is not tried again")
    first, least, most = _DELAYS[action]
    delay = min(most, first * 2.0 ** min(failures, 16)) * (1.0 - _JITTER + 2 * _JITTER * jitter)
    floor = least if action is Action.RETRY_LATER else least * (1.0 - _JITTER)
    return max(floor, min(most, delay))
