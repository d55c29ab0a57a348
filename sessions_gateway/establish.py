"""From credentials to a working bind: TRX where the operator knows it, else a TX+RX pair on two connections.

Which refusals mean "no transceiver here" stands in `ghasi.smpp.status`; each attempt uses a new connection, because
some SMSCs close after a refusal.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum

from ghasi.operator_answer import BindMode, Directions
from ghasi.operator_settings import Credentials, OperatorSettings
from ghasi.smpp.constants import status_name
from ghasi.smpp.errors import SmppError
from ghasi.smpp.pdu import BindReceiver, BindRequest, BindTransceiver, BindTransmitter
from ghasi.smpp.status import BindAction, bind_action
from sessions_gateway.connection import Link, NoAnswer, Refused
from sessions_gateway.dial import ConnectFailed

Connect = Callable[[], Awaitable[Link]]
GOODBYE = 2.0


class Plan(StrEnum):
    """Which sessions make one bind; the words are the `bindMode` people read."""

    TRX = "TRANSCEIVER"
    PAIR = "TRANSMITTER+RECEIVER"
    TX = "TRANSMITTER"
    RX = "RECEIVER"


_REQUESTS: dict[Plan, tuple[type[BindRequest], ...]] = {
    Plan.TRX: (BindTransceiver,),
    Plan.PAIR: (BindTransmitter, BindReceiver),
    Plan.TX: (BindTransmitter,),
    Plan.RX: (BindReceiver,),
}


class BindFailed(Exception):
    """No bind this time. `action` is the class of the failure, `reason` what to show."""

    def __init__(self, reason: str, action: BindAction = BindAction.BACK_OFF, status: int | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.action = action
        self.status = status


@dataclass(frozen=True, slots=True)
class BoundLinks:
    """One bind: a transceiver, or a transmitter and a receiver."""

    plan: Plan
    links: tuple[Link, ...]

    @property
    def transmitter(self) -> Link | None:
        return next((link for link in self.links if link.can_submit), None)

    @property
    def transmits(self) -> bool:
        """Whether messages can leave by it at all; a receiver alone carries none."""
        return self.plan is not Plan.RX


def plan_of(settings: OperatorSettings, remembered: Plan | None) -> Plan:
    """What to try first: what the settings demand, else what worked last time, else a transceiver."""
    if settings.directions is Directions.TX:
        return Plan.TX
    if settings.directions is Directions.RX:
        return Plan.RX
    if settings.bind_mode is not BindMode.TRANSCEIVER:
        return Plan.PAIR
    return remembered or Plan.TRX


async def establish(credentials: Credentials, plan: Plan, connect: Connect, *, already_bound: int) -> BoundLinks:
    """The bind, or BindFailed. `already_bound` counts the ESME_RALYBND answers in a row before this attempt."""
    pair_left = plan is Plan.TRX and credentials.settings.fall_back
    try:
        return await _bind_all(credentials, plan, connect)
    except Refused as refused:
        action = bind_action(refused.command_status, transceiver=pair_left, failures=_repeats(refused, already_bound))
        if action is not BindAction.FALL_BACK_TO_PAIR:
            raise _failed(refused, action) from None
    except NoAnswer as silence:
        if not pair_left or not silence.closed:
            raise BindFailed(str(silence)) from None
    try:
        return await _bind_all(credentials, Plan.PAIR, connect)
    except Refused as refused:
        action = bind_action(refused.command_status, transceiver=False, failures=_repeats(refused, already_bound))
        raise _failed(refused, action) from None
    except NoAnswer as silence:
        raise BindFailed(str(silence)) from None


def _repeats(refused: Refused, already_bound: int) -> int:
    again = bind_action(refused.command_status, transceiver=False) is BindAction.WAIT_OLD_SESSION
    return already_bound if again else 0


def _failed(refused: Refused, action: BindAction) -> BindFailed:
    return BindFailed(f"bind refused: {status_name(refused.command_status)}", action, refused.command_status)


async def _bind_all(credentials: Credentials, plan: Plan, connect: Connect) -> BoundLinks:
    """All sessions of the plan, or none."""
    links: list[Link] = []
    try:
        for kind in _REQUESTS[plan]:
            links.append(await _bind(credentials, kind, connect))  # noqa: PERF401 - what is bound must be undone
    except BaseException:
        for link in links:
            await link.unbind(GOODBYE, "the other half was not bound")
        raise
    return BoundLinks(plan, tuple(links))


async def _bind(credentials: Credentials, kind: type[BindRequest], connect: Connect) -> Link:
    settings = credentials.settings
    try:
        link = await connect()
    except ConnectFailed as error:
        raise BindFailed(str(error)) from None
    try:
        await link.bind(
            kind(
                system_id=credentials.system_id,
                password=credentials.password,
                system_type=settings.system_type,
                addr_ton=settings.address_ton,
                addr_npi=settings.address_npi,
                address_range=settings.address_range,
            )
        )
    except SmppError as error:
        link.abort("bind not sent")
        raise BindFailed(f"bind not sent: {type(error).__name__}") from None
    return link
