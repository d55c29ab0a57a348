"""Operators drawn from a seed for the certification run, and what is true of each. The probe never sees either."""

from __future__ import annotations

import random
import uuid
from dataclasses import dataclass
from typing import Any

import yaml

PASSWORD = "s3cret"
INVALID = "999000000000"

ID_FORMS = [
    ("decimal", "decimal"),
    ("hex", "decimal"),
    ("decimal", "upperHex"),
    ("upperHex", "paddedDecimal"),
    ("paddedDecimal", "decimal"),
    ("paddedHex", "hex"),
    ("uuid", "uuid"),
    ("upperUuid", "uuid"),
    ("hex", "upperHex"),
    ("paddedDecimal", "paddedHex"),
]
DIALECTS = [
    "standard",
    "standardTlv",
    "seconds",
    "fullYear",
    "fullYearMinutes",
    "tenths",
    "twoLengths",
    "noCounters",
    "camelCase",
    "tlvOnly",
    "ucs2",
    "messagePayload",
    "dataSm",
    "csv",
    "unmarked",
    "enrouteFirst",
    "udh",
    "ack",
    "openMarket",
    "textSpaces",
    "lowerCase",
    "intermediate",
]
OFFSETS = ["+00:00", "+03:00", "+04:30", "-05:00", "+05:45", "+08:00", "-03:00"]
ALPHABETS = [
    ("gsm7", "latin1"),
    ("latin1", "gsm7"),
    ("ascii", "gsm7"),
    (None, "latin1"),
    ("gsm7", "gsm7"),
    ("latin1", "latin1"),
]
LONG_MODES = [
    ("udh8", "udh16", "sar", "payload"),
    ("udh8", "udh16", "payload"),
    ("udh8",),
    ("sar", "payload"),
    ("udh8", "udh16"),
    ("sar",),
    ("payload",),
    ("udh8", "udh16", "sar"),
]
BINDS = [
    (("TRX", "TX", "RX"), None),
    (("TX", "RX"), "ESME_RINVCMDID"),
    (("TRX",), "ESME_RBINDFAIL"),
    (("TX", "RX"), "ESME_RBINDFAIL"),
    (("TX", "RX"), "drop"),
]
WINDOWS = [(7, "ESME_RMSGQFUL"), (4, "ESME_RTHROTTLED"), (None, None), (12, "ESME_RMSGQFUL"), (3, "ESME_RSYSERR")]
RATES = [5, 12, 20, 33, 47, 8, 60, None, 15]
BIND_LIMITS = [1, 2, None, 3]
OTHER_KEYS = {"textSpaces": {"text"}, "tlvOnly": set()}


@dataclass(frozen=True, kw_only=True)
class Script:
    """One operator as the simulator plays it; the keys are what the generator drew."""

    seed: int
    number: int
    ids: tuple[str, str]
    dialect: str
    offset: str
    alphabet: tuple[str | None, str]
    long_modes: tuple[str, ...]
    binds: tuple[tuple[str, ...], str | None]
    window: tuple[int | None, str | None]
    rate: int | None
    declared_rate: int
    bind_limit: int | None
    response_delay: float
    invalid_status: str | None

    @property
    def operator_id(self) -> str:
        return str(uuid.UUID(int=random.Random(f"{self.seed}:{self.number}").getrandbits(128), version=4))

    @property
    def offset_seconds(self) -> int:
        hours, minutes = self.offset[1:].split(":")
        return (-1 if self.offset[0] == "-" else 1) * (int(hours) * 3600 + int(minutes) * 60)

    def scenario(self) -> str:
        return yaml.safe_dump({"seed": self.seed + self.number, "operators": [self._operator()]}, sort_keys=False)

    def _operator(self) -> dict[str, Any]:
        accepts, refusal = self.binds
        window, full = self.window
        operator: dict[str, Any] = {
            "id": self.operator_id,
            "name": f"Script {self.number}",
            "systemId": "probe",
            "password": PASSWORD,
            "accepts": list(accepts),
            "responseDelay": self.response_delay,
            "ids": {"response": self.ids[0], "receipt": self.ids[1], "digits": 12},
            "receipts": {
                "dialect": self.dialect,
                "alphabet": self.alphabet[1],
                "utcOffset": self.offset,
                "delay": [0.05, 0.3],
            },
            "rules": self._rules(),
        }
        if refusal and refusal != "drop":
            operator["refuseModeWith"] = refusal
        if self.alphabet[0]:
            operator["alphabet"] = self.alphabet[0]
        if window:
            operator |= {"windowSize": window, "enforceWindow": True, "fullWindowWith": full}
        if self.rate:
            operator |= {"tpsLimit": self.rate, "enforceTps": True}
        if self.bind_limit:
            operator["bindLimit"] = self.bind_limit
        return operator

    def _rules(self) -> list[dict[str, Any]]:
        rules: list[dict[str, Any]] = []
        if self.binds[1] == "drop":
            rules.append({"on": "bind", "mode": "TRX", "drop": "unanswered", "hangup": "close"})
        if self.invalid_status:
            rules.append({"to": "999*", "status": self.invalid_status})
        else:
            rules.append({"to": "999*", "receipt": {"stat": "UNDELIV", "err": "027"}})
        refused = {mode for mode in ("udh8", "udh16", "sar", "payload") if mode not in self.long_modes}
        if {"udh8", "udh16"} <= refused:
            rules.append({"has": "udh", "status": "ESME_RINVESMCLASS"})
        elif "udh16" in refused:
            rules.append({"has": "udh16", "status": "ESME_RINVMSGLEN"})
        if "sar" in refused:
            rules.append({"has": "sar", "status": "ESME_ROPTPARNOTALLWD"})
        if "payload" in refused:
            rules.append({"has": "messagePayload", "status": "ESME_ROPTPARNOTALLWD"})
        return rules


def scripts(seed: int, count: int = 20) -> list[Script]:
    """So many operators. Each dimension goes through all of its values in an order of its own before one repeats."""
    rng = random.Random(seed)

    def column(values: list[Any]) -> list[Any]:
        found: list[Any] = []
        while len(found) < count:
            found += rng.sample(values, len(values))
        return found[:count]

    rows = zip(
        column(ID_FORMS),
        column(DIALECTS),
        column(OFFSETS),
        column(ALPHABETS),
        column(LONG_MODES),
        column(BINDS),
        column(WINDOWS),
        column(RATES),
        column(BIND_LIMITS),
        column([None, "ESME_RINVDSTADR", "ESME_RSUBMITFAIL"]),
        strict=True,
    )
    made = []
    for number, (ids, dialect, offset, alphabet, long_modes, binds, window, rate, limit, invalid) in enumerate(rows):
        wrong = rng.choice([0.5, 1.0, 2.0])
        made.append(
            Script(
                seed=seed,
                number=number,
                ids=ids,
                dialect=dialect,
                offset=offset,
                alphabet=alphabet,
                long_modes=long_modes,
                binds=binds,
                window=window,
                rate=rate,
                declared_rate=max(4, round((rate or 20) * wrong)),
                bind_limit=limit,
                # Answers must be late for a window to fill, and in time for the rate to be reached within it.
                response_delay=round(min(0.06, 0.4 * window[0] / (1.6 * rate)) if window[0] and rate else 0.04, 4),
                invalid_status=invalid,
            )
        )
    return made
