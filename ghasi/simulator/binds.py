"""Who may bind: accounts, modes, limits, and the sessions an SMSC believes in after they are gone."""

from __future__ import annotations

import hmac
from typing import Final

from ghasi.simulator.config import Operator
from ghasi.simulator.rules import status_code
from ghasi.smpp.constants import CommandId, CommandStatus
from ghasi.smpp.pdu import BindRequest

MODES: Final[dict[int, str]] = {
    CommandId.BIND_TRANSMITTER: "TX",
    CommandId.BIND_RECEIVER: "RX",
    CommandId.BIND_TRANSCEIVER: "TRX",
}


class BindBook:
    """The bound sessions of one operator, counted by account and direction; times are loop time."""

    def __init__(self, operator: Operator) -> None:
        self._operator = operator
        self._bound: dict[int, tuple[str, str]] = {}
        self._ghosts: list[tuple[float, str, str]] = []

    def judge(self, request: BindRequest, *, now: float) -> int:
        """The command_status this bind deserves by itself, scripts aside (SMPP 3.4 §5.1.3)."""
        operator = self._operator
        account = next((each for each in operator.accounts if each.system_id == request.system_id), None)
        if account is None:
            return CommandStatus.ESME_RINVSYSID
        if not hmac.compare_digest(account.password.encode(), request.password.encode()):
            return CommandStatus.ESME_RINVPASWD
        if operator.system_type and request.system_type != operator.system_type:
            return CommandStatus.ESME_RINVSYSTYP
        mode = MODES[request.command_id]
        if mode not in operator.accepts:
            return status_code(operator.refuse_mode_with)
        if operator.bind_limit is not None and self._busiest(request.system_id, mode, now) >= operator.bind_limit:
            return CommandStatus.ESME_RALYBND
        return CommandStatus.ESME_ROK

    def _busiest(self, system_id: str, mode: str, now: float) -> int:
        """Sessions of the account in the fuller of the directions that the mode asks for, ghosts included."""
        self._ghosts = [ghost for ghost in self._ghosts if ghost[0] > now]
        modes = [held for account, held in self._bound.values() if account == system_id]
        modes += [held for _, account, held in self._ghosts if account == system_id]
        directions = [direction for direction in ("T", "R") if direction in mode]
        return max(sum(direction in held for held in modes) for direction in directions)

    def add(self, number: int, system_id: str, mode: str) -> None:
        """A session is bound."""
        self._bound[number] = (system_id, mode)

    def remove(self, number: int, *, unbound: bool, now: float) -> None:
        """A session is gone. One that did not unbind is believed to live for `ghostSeconds`."""
        held = self._bound.pop(number, None)
        if held is not None and not unbound and self._operator.ghost_seconds:
            self._ghosts.append((now + self._operator.ghost_seconds, *held))

    def __len__(self) -> int:
        return len(self._bound)
