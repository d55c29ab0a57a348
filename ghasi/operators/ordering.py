"""Orders given in the admin, each with its entry in the audit (docs/contract.md §9)."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from ghasi.bus import BusError, BusSettings
from ghasi.env import SettingsError
from ghasi.operators.actions import OperatorAction, Result, conclude_action, note_action
from ghasi.operators.control import WANTED, Carried, Order, carry_out

PERMISSION = "operators.control_sessions"
KIND = "operator"
UNHEARD = "no gateway answered"
"""Of an order that leaves no wanted state behind: nobody carries it out later."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody wants of an operator; `action` is one of `control.ACTIONS`, `by` a user's name."""

    operator_id: UUID
    operator_name: str
    action: str
    by: str
    reason: str


def give(wish: Wish, replicas: Collection[str], now: datetime) -> OperatorAction:
    """Writes the entry, carries the order out, writes the result; never raises for NATS.

    `replicas` are those known to serve the operator: with all their answers the order is done. Raises DatabaseError
    before anything is ordered where the entry cannot be written.
    """
    entry = note_action(
        wish.by,
        wish.action,
        KIND,
        str(wish.operator_id),
        reason=wish.reason,
        detail={"operatorName": wish.operator_name},
        result=Result.ASKED,
        at=now,
    )
    result, answers = _carried_out(wish, replicas)
    conclude_action(entry, result, answers=answers)
    return entry


def _carried_out(wish: Wish, replicas: Collection[str]) -> tuple[Result, list[str]]:
    operator_id = str(wish.operator_id)
    order = Order(operator_id, wish.action, wish.by, wish.reason)
    try:
        (carried,) = carry_out(BusSettings.from_env(), [order], {operator_id: replicas})
    except (BusError, SettingsError) as error:
        return Result.FAILED, [str(error)]
    return result_of(carried), answers_of(carried)


def answers_of(carried: Carried) -> list[str]:
    """As the entry in the audit shows them."""
    if result_of(carried) is Result.FAILED:
        return [UNHEARD]
    return [f"{one.replica}: {one.detail}" for one in carried.answers]


def result_of(carried: Carried) -> Result:
    """What came of an order."""
    if carried.refused:
        return Result.REFUSED
    if carried.answers:
        return Result.DONE
    return Result.KEPT if carried.order.action in WANTED else Result.FAILED
