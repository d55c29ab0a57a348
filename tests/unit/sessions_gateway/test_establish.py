from __future__ import annotations

from typing import Any

import pytest

from ghasi.operator_answer import BindMode, Directions
from ghasi.operator_settings import OperatorSettings
from sessions_gateway.establish import Plan, plan_of


def settings(**changes: Any) -> OperatorSettings:
    return OperatorSettings(
        operator_id="op", operator_name="", hosts=(("smsc.example.org", 2775),), tps_limit=1, **changes
    )


@pytest.mark.parametrize(
    ("changes", "remembered", "plan"),
    [
        ({}, None, Plan.TRX),
        ({}, Plan.PAIR, Plan.PAIR),
        ({"bind_mode": BindMode.TRANSMITTER}, None, Plan.PAIR),
        ({"bind_mode": BindMode.RECEIVER}, Plan.TRX, Plan.PAIR),
        ({"directions": Directions.TX}, Plan.PAIR, Plan.TX),
        ({"directions": Directions.RX}, None, Plan.RX),
    ],
)
def test_what_is_tried_first(changes: dict[str, Any], remembered: Plan | None, plan: Plan) -> None:
    assert plan_of(settings(**changes), remembered) is plan
