"""Hosts, binds, window, rate and response times: what the session itself shows. Pure."""

from __future__ import annotations

import math
from statistics import median
from typing import Final

from ghasi.probe.facts import Facts, Mode
from ghasi.probe.findings import Finding, bounded, still_open, told
from ghasi.smpp.constants import CommandStatus, status_name

WINDOW: Final = "window"
RATE: Final = "rate"
BINDS: Final = "binds"
MODES: Final = "bindModes"
_THROTTLED: Final = status_name(CommandStatus.ESME_RTHROTTLED)
_NEAR: Final = 0.9
_OTHERS: Final = ", beside whoever else uses the account (--idle: nobody)"
_ASK_BINDS: Final = "How many binds may the account hold?"


def conclude(facts: Facts, *, max_binds: int, idle: bool) -> list[Finding]:
    """`idle`: nobody else uses the account. Else binds and rate are what the others leave."""
    found = [_hosts(facts)]
    if facts.binds:
        found += [_modes(facts), _tlvs(facts)]
    if facts.bound_as:
        found.append(_binds(facts, max_binds, idle=idle))
    if facts.sent:
        found += [_response_time(facts), _window(facts), _rate(facts, idle=idle)]
    return found


def _hosts(facts: Facts) -> Finding:
    title = "Connection"
    good = [each for each in facts.reached if each.ok]
    bad = [f"{each.host}:{each.port}: {each.error}" for each in facts.reached if not each.ok]
    if not good:
        return still_open("hosts", title, "no host can be reached", "May our addresses connect?", evidence=tuple(bad))
    says = ", ".join(f"{each.host}:{each.port}" + (f" {each.protocol}" if each.protocol else "") for each in good)
    expiring = [
        f"the certificate of {each.host} ends in {each.certificate.days_left} days"
        for each in good
        if each.certificate and each.certificate.days_left is not None and each.certificate.days_left < 30
    ]
    return told("hosts", title, says, len(good), evidence=(*bad, *expiring))


def _modes(facts: Facts) -> Finding:
    title = "Bind modes"
    accepted = {each.mode for each in facts.binds if each.accepted}
    evidence = tuple(f"{each.mode.value}: {each.outcome}" for each in facts.binds)
    value = sorted(mode.value for mode in accepted)
    if Mode.TRX in accepted:
        pair = {Mode.TX, Mode.RX} <= accepted
        modes = ["transceiver", "pair"] if pair else ["transceiver"]
    elif {Mode.TX, Mode.RX} <= accepted:
        modes = ["pair"]
    else:
        ask = "Which kinds of bind may the account make?"
        says = "cannot send and hear: only " + (", ".join(value) or "none") + " accepted"
        return still_open(MODES, title, says, ask, value=value, evidence=evidence)
    says = "transceiver" if modes[0] == "transceiver" else "transmitter and receiver, no transceiver"
    return told(MODES, title, says, value, evidence=evidence, proposes={"bind.modes": modes})


def _tlvs(facts: Facts) -> Finding:
    versions = {each.version for each in facts.binds if each.accepted}
    title = "Version of the SMSC"
    if versions == {None} or not versions:
        says = "no sc_interface_version: by the specification such an SMSC takes no TLVs"
        return bounded("version", title, says, None)
    version = next(each for each in versions if each is not None)
    return told("version", title, f"0x{version:02X}", version)


def _binds(facts: Facts, allowed: int, *, idle: bool) -> Finding:
    title, held = "Binds at once", facts.sessions_held
    if facts.sessions_refused:
        says = f"{held}; the next was answered {facts.sessions_refused}"
        if idle:
            return told(BINDS, title, says, held, proposes={"connection.maxBinds": held})
        return bounded(BINDS, title, f"{says}{_OTHERS}", held, ask=_ASK_BINDS)
    says = f"at least {held}; more were not tried (--max-binds)"
    return bounded(BINDS, title, says, held, ask=_ASK_BINDS if held < allowed else "")


def _response_time(facts: Facts) -> Finding:
    times = sorted(
        each.seconds for each in facts.sent if each.seconds is not None and each.step not in (WINDOW, RATE)
    )
    title = "Response time"
    if not times:
        return still_open("responseTime", title, "nothing was answered", "")
    worst = times[min(len(times) - 1, math.ceil(0.95 * len(times)) - 1)]
    says = f"median {1000 * median(times):.0f} ms, 95 % within {1000 * worst:.0f} ms, {len(times)} answers"
    return told("responseTime", title, says, {"median": round(median(times), 4), "p95": round(worst, 4)})


def _window(facts: Facts) -> Finding:
    """The burst: what was taken of it is the window, unless the rate explains it."""
    title, ask, burst = "Window", "How many unanswered submits are allowed for each bind?", facts.burst
    if burst is None:
        return still_open(WINDOW, title, "not tried", ask)
    refusals = ", ".join(f"{count} {name}" for name, count in burst.refusals.items())
    evidence = (f"{burst.asked} at once: {burst.accepted} taken" + (f", {refusals}" if refusals else ""),)
    if not burst.refusals:
        says = f"at least {burst.accepted}: so many at once were all taken"
        return bounded(WINDOW, title, says, burst.accepted, evidence=evidence, ask=ask)
    if _THROTTLED in burst.refusals and _rate_explains(facts, burst.accepted):
        says = f"at least {burst.accepted}: there the rate ended it, not the window"
        return still_open(WINDOW, title, says, ask, value=burst.accepted, evidence=evidence)
    proposes = {"pace.window": max(1, burst.accepted)}
    return told(WINDOW, title, f"{burst.accepted}", burst.accepted, evidence=evidence, proposes=proposes)


def _rate_explains(facts: Facts, accepted: int) -> bool:
    """A burst cut by the rate is taken up to about one second's worth; without a rate nobody can tell."""
    return facts.rate is None or accepted >= _NEAR * facts.rate


def _rate(facts: Facts, *, idle: bool) -> Finding:
    title, ask = "Rate", "How many submits a second are allowed, and does each part count?"
    if facts.rate is None:
        says = "not measured" + (f": {facts.rate_note}" if facts.rate_note else "")
        return still_open(RATE, title, says, ask)
    stretches = tuple(
        f"{each.offered:.0f} a second for {each.seconds:.1f} s: {each.accepted:.0f} taken, {each.throttled} throttled"
        for each in facts.paces
    )
    rate = facts.rate
    if not facts.rate_told:
        note = f" ({facts.rate_note})" if facts.rate_note else ""
        says = f"at least {rate:.0f} a second{note}"
        return bounded(RATE, title, says, round(rate, 1), evidence=stretches, ask=ask)
    evidence = (*stretches, facts.rate_note) if facts.rate_note else stretches
    whole = max(1, math.floor(rate + 0.5))
    if not idle:
        return bounded(RATE, title, f"{whole} a second{_OTHERS}", round(rate, 1), evidence=evidence, ask=ask)
    return told(RATE, title, f"{whole} a second", round(rate, 1), evidence=evidence, proposes={"pace.tps": whole})
