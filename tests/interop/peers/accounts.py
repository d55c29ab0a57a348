"""The accounts file of rules.md, for SMSCs written in Python: ids, receipts and their dates."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

FORMS = {"decimal": "d", "paddedDecimal": "010d", "hex": "x", "upperHex": "X", "paddedHex": "010x"}


def written(number: int, form: str) -> str:
    """A message id."""
    if form in FORMS:
        return format(number, FORMS[form])
    made = f"{number:08x}-0000-4000-8000-{number:012x}"
    return made.upper() if form == "upperUuid" else made


class Account:
    """One account of the file, and the number of its next message."""

    def __init__(self, data: dict[str, Any]) -> None:
        self.data = data
        self.delay = float(data["delay"])
        self.tlvs: list[str] = data["tlvs"]
        self.carrier: str = data["carrier"]
        self.data_coding: int = data["dataCoding"]
        self._next = int(data["start"])

    def ids(self) -> tuple[str, str]:
        """The next message's id as it is answered, and as receipts write it."""
        number, self._next = self._next, self._next + 1
        return written(number, self.data["response"]), written(number, self.data["receipt"])

    def ending(self, destination: str) -> dict[str, Any]:
        found: dict[str, Any] = self.data["endings"].get(destination[-3:]) or self.data["endings"][""]
        return found

    def text(self, receipt: dict[str, Any], message_id: str, submitted: float) -> bytes:
        """A receipt's text at this moment, as octets."""
        text = str(receipt["text"]).replace("{id}", message_id)
        text = text.replace("{submit}", self._date("submit", submitted)).replace(
            "{done}", self._date("done", time.time())
        )
        return text.encode("utf-16-be" if self.data_coding == 8 else "ascii")

    def _date(self, key: str, moment: float) -> str:
        return time.strftime(self.data[key], time.gmtime(moment + 60 * self.data["utcMinutes"]))


def read(path: Path) -> dict[str, Account]:
    """The accounts by system_id."""
    return {name: Account(data) for name, data in json.loads(path.read_text(encoding="utf-8")).items()}
