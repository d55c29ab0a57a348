"""What a run sends and why. Pure: the same plan is shown before anything leaves and sent afterwards."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Any, Final

from ghasi.probe.manner import Manner
from ghasi.smpp.pdu import SubmitSm
from ghasi.sms.coding import FlashMode, Wanted
from ghasi.sms.segmentation import LongMode, Strategy, split
from ghasi.sms.submit import MessageType, SubmitOptions, build_submits

#: Octets that are different characters in GSM 03.38, Latin-1 and ASCII, between letters that are the same in all.
#: GSM: p ¡ ¤ $ (none) q @ z · Latin-1: p @ $ STX é q NUL z
TELLTALE: Final = b"p\x40\x24\x02\xe9q\x00z"
#: No country has this code (ITU-T E.164: 999 is reserved), so no subscriber is disturbed.
INVALID_NUMBER: Final = "999000000000"
LONG_MODES: Final[dict[str, tuple[LongMode, int]]] = {
    "udh8": (LongMode.UDH, 8),
    "udh16": (LongMode.UDH, 16),
    "sar": (LongMode.SAR, 8),
    "payload": (LongMode.PAYLOAD, 8),
}
_PART_UNITS: Final = {8: 153, 16: 152}
_FILLER: Final = "This text only tests how long messages arrive. "
_RATE_RAISE: Final = 1.5
_HOLD_SECONDS: Final = 2.2


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Step:
    """One thing to find out. `charged` is how many messages the operator bills at most."""

    name: str
    text: str
    tells: str
    pdus: tuple[SubmitSm, ...] = ()
    tags: tuple[str, ...] = ()
    charged: int = 0

    @property
    def count(self) -> int:
        return len(self.pdus)


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Target:
    """Whom test messages are from and to, and how they are written; `start` numbers the references of this run."""

    to: str
    sender: str
    invalid: str = INVALID_NUMBER
    start: int = 0
    manner: Manner = field(default_factory=Manner)

    def options(self, step: str, **asked: Any) -> SubmitOptions:
        """Of the messages of `step`. Raises ProbeError."""
        return self.manner.options(step, self.start, **asked)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What the person allows: messages in all, the rate and the unanswered submits to go up to."""

    max_messages: int = 60
    max_tps: int = 10
    max_window: int = 20


def messages(target: Target) -> list[Step]:
    """The steps whose messages a person can also look at on the phone, in the order in which they are sent. Raises
    ProbeError, as Target.options does."""
    steps = [
        _single(target, "single", "01 plain text", "Does the account send at all."),
        _alphabet(target),
        _single(target, "full", ("03 " + _FILLER * 4)[:160], "Do 160 characters fit one message."),
        _single(target, "euro", "04 euro € brackets []{}", "The extension table of the GSM alphabet."),
        _single(target, "ucs2", "05 سلام · Привет", "UCS-2, data_coding 8."),
        _single(target, "emoji", "06 \U0001f642\U0001f1e6\U0001f1eb", "Characters beyond the BMP: UTF-16 pairs."),
    ]
    for number, (mode, parts) in enumerate([(mode, parts) for mode in LONG_MODES for parts in (2, 3)]):
        steps.append(_long(target, mode, parts, tag=10 + number))
    for number, flash in enumerate(FlashMode):
        steps.append(_flash(target, flash, tag=20 + number))
    steps.append(_reference(target))
    steps.append(_invalid(target))
    return steps


def bulk(target: Target) -> SubmitSm:
    """The message of the window and the rate: as short as can be, and no receipt asked for."""
    segmented = split("90 rate", Wanted.GSM7)
    options = target.options("rate", registered_delivery=0)
    return build_submits(segmented, to=target.to, sender=target.sender, options=options)[0]


def rate_levels(declared: int, max_tps: int) -> list[float]:
    """Messages a second to try, one second each, until the operator throttles."""
    levels = [float(max(1, min(max_tps, round(0.75 * declared))))]
    while levels[-1] < max_tps:
        levels.append(min(float(max_tps), max(levels[-1] + 1, round(levels[-1] * _RATE_RAISE))))
    return levels


def hold_rate(estimate: float) -> float:
    """The rate to stay at above a limit of about `estimate`, fine enough for small limits."""
    return max(1.3 * estimate, 40.0)


def rate_messages(declared: int, max_tps: int) -> int:
    """The most submits that finding the rate takes, refused ones included."""
    levels = rate_levels(declared, max_tps)
    return math.ceil(sum(levels) + _HOLD_SECONDS * hold_rate(levels[-1]))


def hold_seconds() -> float:
    return _HOLD_SECONDS


def _single(target: Target, name: str, text: str, tells: str) -> Step:
    pdus = build_submits(split(text, Wanted.AUTO), to=target.to, sender=target.sender, options=target.options(name))
    return Step(name=name, text=text, tells=tells, pdus=tuple(pdus), tags=(text[:2],), charged=len(pdus))


def _alphabet(target: Target) -> Step:
    """Written octet by octet: which characters they are is the question."""
    segmented = split("p", Wanted.GSM7)
    (pdu,) = build_submits(segmented, to=target.to, sender=target.sender, options=target.options("alphabet"))
    pdu = replace(pdu, short_message=TELLTALE)
    return Step(
        name="alphabet",
        text="octets " + TELLTALE.hex(" "),
        tells="What data_coding 0 means, by its receipt or on the phone.",
        pdus=(pdu,),
        tags=("p",),
        charged=1,
    )


def _long(target: Target, mode: str, parts: int, *, tag: int) -> Step:
    long_mode, bits = LONG_MODES[mode]
    each = _PART_UNITS[bits]
    tags = tuple(f"{tag}{'abc'[number]}" for number in range(parts))
    text = "".join(
        f"{one} {mode}, part {number} of {parts}. {_FILLER * 4}"[:each] for number, one in enumerate(tags, 1)
    )
    text = text[: each * (parts - 1) + 60]
    segmented = split(
        text,
        Wanted.GSM7,
        Strategy.CSMS,
        reference=(target.start + tag) % (1 << bits),
        reference_bits=bits,
        long_mode=long_mode,
    )
    name = f"{mode}_{parts}"
    pdus = build_submits(segmented, to=target.to, sender=target.sender, options=target.options(name))
    return Step(
        name=name,
        text=f"{parts} parts by {_MODE_NAMES[mode]}",
        tells="Is it taken; does one message arrive on the phone.",
        pdus=tuple(pdus),
        tags=tags[: len(pdus)],
        charged=parts,
    )


_MODE_NAMES: Final = {
    "udh8": "user data header, 8-bit reference",
    "udh16": "user data header, 16-bit reference",
    "sar": "sar_* TLVs",
    "payload": "message_payload",
}
_FLASH_NAMES: Final = {
    FlashMode.DCS: "data_coding 0x10",
    FlashMode.F0: "data_coding 0xF0",
    FlashMode.SUBUNIT: "dest_addr_subunit",
}


def _flash(target: Target, mode: FlashMode, *, tag: int) -> Step:
    options = target.options(f"flash_{mode.value}", flash_mode=mode)
    pdus = build_submits(
        split(f"{tag} flash", Wanted.GSM7),
        to=target.to,
        sender=target.sender,
        message_type=MessageType.FLASH,
        options=options,
    )
    return Step(
        name=f"flash_{mode.value}",
        text=f"flash by {_FLASH_NAMES[mode]}",
        tells="Is it taken; does the phone show it at once.",
        pdus=tuple(pdus),
        tags=(str(tag),),
        charged=1,
    )


def _reference(target: Target) -> Step:
    reference = (target.start * 257 + 1) % 0x10000
    options = target.options("reference", user_message_reference=reference)
    pdus = build_submits(split("30 reference", Wanted.GSM7), to=target.to, sender=target.sender, options=options)
    return Step(
        name="reference",
        text="with user_message_reference",
        tells="Do receipts repeat it.",
        pdus=tuple(pdus),
        tags=("30",),
        charged=1,
    )


def _invalid(target: Target) -> Step:
    segmented, options = split("40 invalid", Wanted.GSM7), target.options("invalid")
    pdus = build_submits(segmented, to=target.invalid, sender=target.sender, options=options)
    return Step(
        name="invalid",
        text="to a number that does not exist",
        tells="How failures look.",
        pdus=tuple(pdus),
        tags=("40",),
        charged=1,
    )
