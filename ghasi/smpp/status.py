"""What a command_status asks of us: on a submit by `SUBMIT_RULES`, on a bind by `bind_action`.

Pure tables. The statuses are SMPP 3.4 §5.1.3's; what to do about each is practice, not specification, and
every row can be overridden for an operator that means something else by it (`status_rules`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final

from ghasi.smpp.constants import SMPP5_STATUSES
from ghasi.smpp.constants import CommandStatus as S


class Action(Enum):
    """What becomes of the PDU that was answered with a status."""

    OK = "ok"
    RETRY_SOON = "retry_soon"
    """Seconds, with back-off, through the rate limiter."""
    RETRY_LATER = "retry_later"
    """Minutes: a queue is full or a receiver is away; others of this operator go on."""
    REBIND = "rebind"
    """The session is at fault: the message goes back to its queue, the session's owner binds anew."""
    PERMANENT = "permanent"
    """No later try can help: the part is REJECTED."""
    HOLD = "hold"
    """Nobody knows what it means: kept for a person, never tried again by itself."""


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
    """`action` for the first `limit` answers in a row to one message, `then` from there on; no limit without it.

    `slows`: the sender of this operator slows down (docs/architecture.md, "A rate the operator takes"). `narrows`:
    met by a full window, it makes the session's window smaller. `delays` are the seconds before each next try, the
    last one for all that follow; without them those of the action. `cause` names the refusal in results.
    """

    action: Action
    limit: int | None = None
    then: Action = Action.PERMANENT
    slows: bool = False
    narrows: bool = False
    delays: tuple[float, ...] = ()
    cause: str = ""

    def action_after(self, failures: int) -> Action:
        """`failures` counts the answers of the same status that came before in a row."""
        return self.then if self.limit is not None and failures >= self.limit else self.action


PERMANENT: Final = Rule(Action.PERMANENT)
HELD: Final = Rule(Action.HOLD)

_THE_PDU: Final = (
    S.ESME_RINVMSGLEN,
    S.ESME_RINVCMDID,
    S.ESME_RINVPRTFLG,
    S.ESME_RINVREGDLVFLG,
    S.ESME_RINVSRCADR,
    S.ESME_RINVDSTADR,
    S.ESME_RINVSERTYP,
    S.ESME_RINVNUMDESTS,
    S.ESME_RINVDLNAME,
    S.ESME_RINVDESTFLAG,
    S.ESME_RINVSUBREP,
    S.ESME_RINVESMCLASS,
    S.ESME_RCNTSUBDL,
    S.ESME_RINVSRCTON,
    S.ESME_RINVSRCNPI,
    S.ESME_RINVDSTTON,
    S.ESME_RINVDSTNPI,
    S.ESME_RINVREPFLAG,
    S.ESME_RINVNUMMSGS,
    S.ESME_RINVSCHED,
    S.ESME_RINVEXPIRY,
    S.ESME_RINVDFTMSGID,
    S.ESME_RX_P_APPN,
    S.ESME_RX_R_APPN,
    S.ESME_RINVOPTPARSTREAM,
    S.ESME_ROPTPARNOTALLWD,
    S.ESME_RINVPARLEN,
    S.ESME_RMISSINGOPTPARAM,
    S.ESME_RINVOPTPARAMVAL,
    S.ESME_RDELIVERYFAILURE,
)
"""What is wrong is in the PDU, or the receiver will not have it: the same PDU again gets the same answer."""

_OTHER_REQUESTS: Final = (S.ESME_RINVMSGID, S.ESME_RCANCELFAIL, S.ESME_RREPLACEFAIL, S.ESME_RQUERYFAIL)
_BINDS: Final = (S.ESME_RBINDFAIL, S.ESME_RINVPASWD, S.ESME_RINVSYSID, S.ESME_RINVSYSTYP)
"""Defined for a bind. On a submit nobody can say whether the message or the account is meant."""

SUBMIT_RULES: Final[Mapping[int, Rule]] = {
    **dict.fromkeys(map(int, (*_THE_PDU, *_OTHER_REQUESTS, *SMPP5_STATUSES)), PERMANENT),
    **dict.fromkeys(map(int, _BINDS), HELD),
    S.ESME_ROK: Rule(Action.OK),
    S.ESME_RINVBNDSTS: Rule(Action.REBIND),
    S.ESME_RALYBND: Rule(Action.REBIND),
    S.ESME_RSYSERR: Rule(Action.RETRY_SOON, limit=5, then=Action.REBIND),
    S.ESME_RMSGQFUL: Rule(Action.RETRY_LATER, narrows=True),
    S.ESME_RSUBMITFAIL: Rule(Action.RETRY_LATER, limit=2),
    S.ESME_RTHROTTLED: Rule(Action.RETRY_SOON, slows=True),
    S.ESME_RX_T_APPN: Rule(Action.RETRY_LATER),
    S.ESME_RUNKNOWNERR: Rule(Action.RETRY_LATER, limit=2),
    # A length the operator cannot read once is this PDU's fault; again and again, it is the framing's.
    S.ESME_RINVCMDLEN: Rule(Action.PERMANENT, limit=3, then=Action.REBIND),
}
"""The whole table: every status of SMPP 3.4 and those of SMPP 5 that a 3.4 client meets. What is not in it, vendor
codes (0x0400 to 0x04FF) among them, is HELD unless the operator's own rules know it (`status_rules`)."""

_PAIR: Final = {S.ESME_RINVCMDID, S.ESME_RINVBNDSTS, S.ESME_RBINDFAIL, S.ESME_RINVSYSTYP}
_CREDENTIALS: Final = {S.ESME_RINVPASWD, S.ESME_RINVSYSID}


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
RETRYING: Final = frozenset(_DELAYS)
_JITTER: Final = 0.2


def retry_delay(action: Action, failures: int, jitter: float, delays: Sequence[float] = ()) -> float:
    """Seconds until the next try: doubling from 1 s to 60 s, for RETRY_LATER from 20 s to 180 s, ± 20 %.

    `failures` counts the tries before this one, `jitter` is a random number in 0…1 of the caller's; the
    bounds hold with jitter, except that a first RETRY_SOON may come after 0.8 s. `delays` replace all that: the
    one for this try, ± 20 %. Raises ValueError for OK, PERMANENT and HOLD.
    """
    if action not in _DELAYS:
        raise ValueError(f"{action.name} is not tried again")
    spread = 1.0 - _JITTER + 2 * _JITTER * jitter
    if delays:
        return delays[min(failures, len(delays) - 1)] * spread
    first, least, most = _DELAYS[action]
    delay = min(most, first * 2.0 ** min(failures, 16)) * spread
    floor = least if action is Action.RETRY_LATER else least * (1.0 - _JITTER)
    return max(floor, min(most, delay))
