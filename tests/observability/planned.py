"""That nobody is woken by what somebody ordered.

No recording has an operator that was drained. Here the one in which all are away is replayed with the series that a
gateway would have told meanwhile, had the order been given.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from tests.observability.promtool import replayed
from tests.observability.series import Firing, Recording, Replay

RECORDING = "all-down"
FIRST, SECOND = OPERATORS = ("first", "second")
DOWN: Firing = ("SmppConnectorAllSessionsDown", "")
UNBOUND: dict[str, Firing] = {one: ("SmppConnectorSessionUnbound", one) for one in OPERATORS}

Said = tuple[str, str, bool]
"""Gateway, operator, and whether it says that the operator is to be bound."""
CASES: dict[str, tuple[tuple[Said, ...], tuple[Firing, ...]]] = {
    "wanted, as everywhere else": (
        (("gateway", FIRST, True), ("gateway", SECOND, True)),
        (DOWN, UNBOUND[FIRST], UNBOUND[SECOND]),
    ),
    "one of them drained": ((("gateway", FIRST, False), ("gateway", SECOND, True)), (DOWN, UNBOUND[SECOND])),
    "both drained": ((("gateway", FIRST, False), ("gateway", SECOND, False)), ()),
    "drained, and a gateway has not heard of it": (
        (("gateway", FIRST, False), ("other-gateway", FIRST, True), ("gateway", SECOND, False)),
        (DOWN, UNBOUND[FIRST]),
    ),
}


def planned(found: list[Recording]) -> Iterator[str]:
    """What does not hold. Raises Missing."""
    recording = next(one for one in found if one.name == RECORDING)
    for name, (said, fires) in CASES.items():
        told = {_series(gateway, operator): _values(wanted, recording.seconds) for gateway, operator, wanted in said}
        played = replace(recording, name=f"{RECORDING}, {name}", series=recording.series | told)
        code, words = replayed(played, [Replay(1, fires)])
        if code:
            yield f"{played.name}: {words}"


def _series(gateway: str, operator: str) -> str:
    labels = f'instance="{gateway}",job="smpp-gateway",operator_id="{operator}"'
    return f"smpp_connector_operator_wanted{{{labels}}}"


def _values(wanted: bool, seconds: int) -> str:
    return f"{int(wanted)}+0x{seconds - 1}"
