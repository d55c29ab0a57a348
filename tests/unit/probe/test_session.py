"""What is concluded from the session itself."""

from dataclasses import replace

import pytest

from ghasi.probe.facts import BindTried, Burst, Facts, Mode, Pace
from ghasi.probe.findings import Certainty, Finding
from ghasi.probe.infer.session import conclude
from tests.unit.probe.build import sent

OK, REFUSED = 0, 3
BURST = Burst(asked=20, accepted=7, refusals={"ESME_RMSGQFUL": 13}, first_answer=0.1, last_answer=0.2, piled_up=20)
PACE = Pace(wanted=40, offered=40, accepted=30, answered=40, throttled=10, seconds=1, held_back=0)


def facts(**changes: object) -> Facts:
    made = Facts(bound_as="TRX", sessions_held=1, burst=BURST, rate=30.0, rate_told=True, paces=[PACE])
    made.binds, made.sent = binds(OK, OK, OK), [sent("1")]
    for name, value in changes.items():
        setattr(made, name, value)
    return made


def binds(*statuses: int) -> list[BindTried]:
    return [BindTried(mode=mode, status=status, seconds=0.1) for mode, status in zip(Mode, statuses, strict=True)]


def of(name: str, made: Facts, *, idle: bool = True) -> Finding:
    return next(each for each in conclude(made, max_binds=1, idle=idle) if each.name == name)


@pytest.mark.parametrize(
    ("statuses", "modes"),
    [
        ((OK, OK, OK), ["transceiver", "pair"]),
        ((OK, REFUSED, REFUSED), ["transceiver"]),
        ((REFUSED, OK, OK), ["pair"]),
    ],
)
def test_bind_modes(statuses: tuple[int, ...], modes: list[str]) -> None:
    assert of("bindModes", facts(binds=binds(*statuses))).proposes == {"bind.modes": modes}


def test_a_transmitter_alone_is_not_enough() -> None:
    assert of("bindModes", facts(binds=binds(REFUSED, OK, REFUSED))).certainty is Certainty.OPEN


def test_binds_and_rate_are_told_only_where_nobody_else_uses_the_account() -> None:
    made = facts(sessions_refused="ESME_RALYBND")
    for name, path in (("binds", "connection.maxBinds"), ("rate", "pace.tps")):
        assert list(of(name, made).proposes) == [path]
        beside = of(name, made, idle=False)
        assert (beside.certainty, beside.proposes) == (Certainty.BOUNDED, {})
        assert "whoever else" in beside.says


def test_a_window_that_refuses_is_told() -> None:
    assert of("window", facts()).proposes == {"pace.window": 7}


@pytest.mark.parametrize(
    ("accepted", "rate", "certainty"),
    [(7, 30.0, Certainty.TOLD), (29, 30.0, Certainty.OPEN), (30, 30.0, Certainty.OPEN), (7, None, Certainty.OPEN)],
)
def test_throttling_of_a_burst_is_the_rate_unless_it_comes_earlier(
    accepted: int, rate: float | None, certainty: Certainty
) -> None:
    burst = replace(BURST, accepted=accepted, refusals={"ESME_RTHROTTLED": 5})
    assert of("window", facts(burst=burst, rate=rate)).certainty is certainty


def test_without_messages_nothing_is_said_about_them() -> None:
    names = {each.name for each in conclude(facts(sent=[]), max_binds=1, idle=True)}
    assert names == {"hosts", "bindModes", "version", "binds"}


def test_nothing_refused_is_a_lower_bound() -> None:
    whole = replace(BURST, accepted=20, refusals={})
    assert of("window", facts(burst=whole)).certainty is Certainty.BOUNDED
    assert of("rate", facts(rate_told=False, rate_note="capped")).says == "at least 30 a second (capped)"
    assert of("rate", facts(rate=None)).certainty is Certainty.OPEN
    assert of("window", facts(burst=None)).certainty is Certainty.OPEN
