"""Which kinds of messages the operator takes: long ones by each mode, flash, UCS-2, characters beyond. Pure.

Taken means: answered with status 0. Whether the phone joins the parts, or shows a flash at once, only a person sees.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from ghasi.probe.facts import Facts, Sent
from ghasi.probe.findings import Finding, bounded, still_open, told
from ghasi.probe.infer.reading import Seen
from ghasi.probe.plan import LONG_MODES
from ghasi.smpp.constants import CommandStatus
from ghasi.sms.coding import FlashMode

LONG: Final = "longMessages"
FLASH: Final = "flash"
_LONG_ASK: Final = "Which of the long messages (two and three parts each) arrived on the phone as one?"
_FLASH_ASK: Final = "Which of the flash messages did the phone show at once?"


def conclude(facts: Facts, pairs: Sequence[tuple[Seen, Sent]]) -> list[Finding]:
    return [
        _long(facts, pairs),
        _flash(facts),
        _single(facts, "full", "Length of one message", "160 characters are taken as one message"),
        _single(facts, "euro", "Extension table", "€ and brackets are taken with data_coding 0"),
        _single(facts, "ucs2", "UCS-2", "data_coding 8 is taken"),
        _single(facts, "emoji", "Characters beyond the BMP", "surrogate pairs are taken"),
        _reference(facts, pairs),
        _invalid(facts, pairs),
    ]


def outcome(sent: Sequence[Sent]) -> str:
    """ESME_ROK where all parts were taken, the first refusal else; empty where nothing was sent."""
    last = {each.part: each for each in sent}
    return next((each.outcome for each in last.values() if not each.accepted), "ESME_ROK") if last else ""


def _long(facts: Facts, pairs: Sequence[tuple[Seen, Sent]]) -> Finding:
    outcomes = {mode: _mode_outcome(facts, mode) for mode in LONG_MODES}
    tried = {mode: found for mode, found in outcomes.items() if found}
    taken = [mode for mode, found in tried.items() if found == "ESME_ROK"]
    if not tried:
        return still_open(LONG, "Long messages", "not tried", "By which mode do long messages go?")
    value = {"taken": taken, "refused": {mode: found for mode, found in tried.items() if mode not in taken}}
    evidence = tuple(f"{mode}: {found}" for mode, found in tried.items()) + _delivered(pairs, taken)
    if not taken:
        return still_open(
            LONG,
            "Long messages",
            "no mode is taken",
            "By which mode do long messages go?",
            value=value,
            evidence=evidence,
        )
    says = f"taken: {', '.join(taken)}" + (f"; refused: {', '.join(value['refused'])}" if value["refused"] else "")
    return told(LONG, "Long messages", says, value, evidence=evidence, proposes=_modes(taken), ask=_LONG_ASK)


def _mode_outcome(facts: Facts, mode: str) -> str:
    found = [outcome(facts.of_step(f"{mode}_{parts}")) for parts in (2, 3)]
    sent = [each for each in found if each]
    return next((each for each in sent if each != "ESME_ROK"), sent[0] if sent else "")


def _delivered(pairs: Sequence[tuple[Seen, Sent]], taken: Sequence[str]) -> tuple[str, ...]:
    rows = []
    for mode in taken:
        final = {id(message) for seen, message in pairs if message.step.startswith(f"{mode}_") and seen.receipt.final}
        rows.append(f"{mode}: {len(final)} parts with a final receipt")
    return tuple(rows)


def _modes(taken: Sequence[str]) -> dict[str, Any]:
    """The profile's values: a header that every phone knows first, TLVs that the SMSC has to turn into one after."""
    rules: dict[str, Any] = {}
    csms = next(mode for mode in LONG_MODES if mode in taken)
    long_mode, bits = LONG_MODES[csms]
    rules["longMessages.csms"] = long_mode.value
    if csms != "payload":
        rules["longMessages.referenceBits"] = bits
    rules["longMessages.tlv"] = "payload" if "payload" in taken else long_mode.value
    return rules


def _flash(facts: Facts) -> Finding:
    tried = {mode.value: found for mode in FlashMode if (found := outcome(facts.of_step(f"flash_{mode.value}")))}
    taken = [mode for mode, found in tried.items() if found == "ESME_ROK"]
    if not taken:
        says = "no way of flash is taken" if tried else "not tried"
        return still_open(FLASH, "Flash", says, "How is a flash message marked?", value={"taken": taken})
    return told(
        FLASH,
        "Flash",
        f"taken: {', '.join(taken)}",
        {"taken": taken},
        evidence=tuple(f"{mode}: {found}" for mode, found in tried.items()),
        proposes={"text.flash": taken[0]},
        ask=_FLASH_ASK,
    )


def _single(facts: Facts, step: str, title: str, taken: str) -> Finding:
    found = outcome(facts.of_step(step))
    if not found:
        return still_open(step, title, "not tried", "")
    if found != "ESME_ROK":
        return told(step, title, f"refused: {found}", found)
    return bounded(step, title, f"{taken}; what the phone shows only a person sees", found)


def _reference(facts: Facts, pairs: Sequence[tuple[Seen, Sent]]) -> Finding:
    name, title = "reference", "user_message_reference"
    found = outcome(facts.of_step(name))
    about = [seen for seen, message in pairs if message.step == name]
    if found != "ESME_ROK":
        return told(name, title, f"refused: {found}", False) if found else still_open(name, title, "not tried", "")
    if not about:
        return still_open(name, title, "taken; no receipt about that message", "Do receipts repeat it?")
    sent = facts.of_step(name)[-1].reference
    repeated = any(seen.receipt.user_message_reference == sent for seen in about)
    says = (
        "receipts repeat it: it can prove a message in doubt" if repeated else "taken, and not repeated in receipts"
    )
    proposes = {"submit.userMessageReference": True} if repeated else {}
    return told(name, title, says, repeated, proposes=proposes)


def _invalid(facts: Facts, pairs: Sequence[tuple[Seen, Sent]]) -> Finding:
    name, title = "invalid", "Invalid number"
    sent = facts.of_step(name)
    if not sent:
        return still_open(name, title, "not tried", "")
    last = sent[-1]
    if not last.accepted:
        own_words = f": {last.info}" if last.info else ""
        code = "" if last.status is None else f" (0x{last.status:08X}){own_words}"
        known = last.status == CommandStatus.ESME_RINVDSTADR
        says = f"refused with {last.outcome}{code}" + ("" if known else ", not ESME_RINVDSTADR")
        return told(name, title, says, last.outcome)
    words = sorted(
        {f"{seen.receipt.stat or '-'} err {seen.receipt.error_code or '-'}" for seen, about in pairs if about is last}
    )
    if not words:
        return still_open(name, title, "taken, and no receipt came", "How do failures show?")
    return told(name, title, f"taken; its receipt says {', '.join(words)}", words)
