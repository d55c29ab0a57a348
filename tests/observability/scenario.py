"""What is played for a recording, and what must come of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from tests.observability.series import Firing
from tests.observability.stage import QUICK, Cast, Play


@dataclass(frozen=True, slots=True)
class Scenario:
    """`must` fires in one replay or another; `may` as well, as a consequence. Anything else fails the recording.

    `replays`: seconds between two samples that were scraped a second apart; with more than one, what takes minutes
    in the recording takes hours in the replay, so that rules which wait for long are met.
    """

    name: str
    about: str
    cast: Callable[[], Cast]
    play: Play
    must: tuple[Firing, ...] = ()
    may: tuple[Firing, ...] = ()
    replays: tuple[int, ...] = (1,)
    stretched: bool = False
    """Ages grow with the time base too."""
    env: dict[str, str] = field(default_factory=lambda: dict(QUICK) | {"GATEWAY_SOLE": "1"})
    web: bool = False
    before: tuple[Play, ...] = ()


def alert(name: str, *operators: str) -> tuple[Firing, ...]:
    """`alert("InDoubt", "silent")`; without an operator the alert is not about one."""
    return tuple((f"SmppConnector{name}", one) for one in operators or ("",))
