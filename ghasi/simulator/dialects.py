"""How operators write delivery receipts: the forms met in the field, as a table (docs/simulator.md, "Dialects").

SMPP 3.4 Appendix B leaves the text of a receipt to the vendor, and vendors made use of it. Each row here is one form;
its rendering is in `receipts`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

MODEL: Final = (
    "id:{id} sub:{sub} dlvrd:{dlvrd} submit date:{submit} done date:{done} stat:{stat} err:{err} text:{text}"
)
_NO_COUNTERS: Final = "id:{id} submit date:{submit} done date:{done} stat:{stat} err:{err} text:{text}"

MINUTES: Final = "%y%m%d%H%M"
SECONDS: Final = "%y%m%d%H%M%S"
FULL_YEAR: Final = "%Y%m%d%H%M%S"
FULL_YEAR_MINUTES: Final = "%Y%m%d%H%M"
TENTHS: Final = "tenths"
"""Seconds, tenths, and the zone in quarter hours, as SMPP 3.4 §7.1.1 writes times."""

Carrier = Literal["short_message", "message_payload", "data_sm", "none"]
ErrorForm = Literal["as given", "number", "four digits", "hex", "empty", "null"]
TextForm = Literal["start", "none", "empty", "spaces", "trap"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """One form of receipts. `words` and `states` replace the model's stat words and message_state numbers;
    `enroute` is the esm_class of an ENROUTE receipt sent before the final one (None: there is none);
    `tlvs` are the TLVs that stand beside the text: id, state, error."""

    summary: str
    template: str = MODEL
    submit: str = MINUTES
    done: str = MINUTES
    zero_done: bool = False
    words: Mapping[str, str] = field(default_factory=dict)
    states: Mapping[str, int] = field(default_factory=dict)
    counters: tuple[str, str, str] = ("001", "001", "000")
    err: ErrorForm = "as given"
    text: TextForm = "start"
    carrier: Carrier = "short_message"
    ucs2: bool = False
    udh: bytes = b""
    esm_class: int = 0x04
    enroute: int | None = None
    tlvs: tuple[str, ...] = ()


_SPELLED: Final = {
    "DELIVRD": "DELIVERED",
    "UNDELIV": "UNDELIVERABLE",
    "ACCEPTD": "ACCEPTED",
    "REJECTD": "REJECTED",
}
_LOWER: Final = {
    word: word.lower()
    for word in ("ENROUTE", "DELIVRD", "EXPIRED", "DELETED", "UNDELIV", "ACCEPTD", "UNKNOWN", "REJECTD")
}
_NUMBERED: Final = {"ENROUTE": "1", "DELIVRD": "2", "EXPIRED": "3", "DELETED": "4"} | {
    "UNDELIV": "5",
    "ACCEPTD": "6",
    "UNKNOWN": "7",
    "REJECTD": "8",
}

DIALECTS: Final[dict[str, Dialect]] = {
    "standard": Dialect(summary="the model of the specification: ten-digit dates, three-digit err"),
    "standardTlv": Dialect(
        summary="the model, and the same in TLVs (id, state, network error)", tlvs=("id", "state", "error")
    ),
    "capitalText": Dialect(summary="Text: with a capital", template=MODEL.replace(" text:", " Text:")),
    "seconds": Dialect(summary="dates with seconds, twelve digits", submit=SECONDS, done=SECONDS),
    "fullYear": Dialect(
        summary="dates of fourteen digits, err as a bare number, no sub and dlvrd",
        template=_NO_COUNTERS,
        submit=FULL_YEAR,
        done=FULL_YEAR,
        err="number",
    ),
    "fullYearMinutes": Dialect(
        summary="YYYYMMDDhhmm: twelve digits that are not seconds",
        submit=FULL_YEAR_MINUTES,
        done=FULL_YEAR_MINUTES,
    ),
    "tenths": Dialect(summary="dates with tenths and zone in quarter hours", submit=TENTHS, done=TENTHS),
    "twoLengths": Dialect(summary="submit date of twelve digits, done date of ten", submit=SECONDS),
    "noCounters": Dialect(summary="no sub and dlvrd", template=_NO_COUNTERS),
    "openMarket": Dialect(
        summary="submitdate and donedate without a space, zero done date unless delivered, words spelled out",
        template=MODEL.replace("t date", "tdate").replace("e date", "edate"),
        submit=SECONDS,
        done=SECONDS,
        zero_done=True,
        words={"REJECTD": "REJECTED"},
        text="empty",
    ),
    "camelCase": Dialect(
        summary="submitDate and doneDate",
        template=MODEL.replace(" date", "Date"),
    ),
    "delivrdKey": Dialect(
        summary="the key dlvrd spelled delivrd",
        template=MODEL.replace("dlvrd:", "delivrd:"),
        counters=("001", "1", "0"),
    ),
    "prefixed": Dialect(
        summary="text before id:, empty err and text",
        template="4790000000SMSAlert^" + MODEL,
        counters=("0", "1", "0"),
        err="empty",
        text="empty",
    ),
    "numericStat": Dialect(summary="stat is the number of the state", words=_NUMBERED, err="number"),
    "fourDigitErr": Dialect(summary="err of four digits", err="four digits"),
    "telesign": Dialect(
        summary="failures as stat:UNKNOWN with hexadecimal err and message_state 9 in its TLV",
        words={"UNDELIV": "UNKNOWN"},
        states={"UNDELIV": 9},
        err="hex",
        tlvs=("id", "state"),
    ),
    "nullWords": Dialect(summary="null for numbers", counters=("null", "null", "null"), err="null"),
    "failedWord": Dialect(summary="FAILED for UNDELIV, text:none", words={"UNDELIV": "FAILED"}, text="none"),
    "zeroCounters": Dialect(
        summary="counters always zero, text always empty", counters=("000", "000", "000"), text="empty"
    ),
    "statFirst": Dialect(
        summary="stat first, text in the middle",
        template="stat:{stat} id:{id} text:{text} err:{err} sub:{sub} submit date:{submit} done date:{done}",
        text="none",
    ),
    "tlvOnly": Dialect(
        summary="empty short_message; id, state and network error in TLVs",
        carrier="none",
        tlvs=("id", "state", "error"),
    ),
    "ucs2": Dialect(summary="the model's text in UCS-2 (data_coding 8)", ucs2=True),
    "messagePayload": Dialect(summary="the text in the TLV message_payload", carrier="message_payload"),
    "dataSm": Dialect(summary="a data_sm with the text in message_payload", carrier="data_sm", tlvs=("id", "state")),
    "csv": Dialect(
        summary="comma-separated values, no keys",
        template="00,{done},{submit},,{destination},{source},{stat},{id}",
    ),
    "ack": Dialect(summary="ACK/ and nothing else: unusable on purpose", template="ACK/"),
    "unmarked": Dialect(summary="esm_class 0: not marked as a receipt", esm_class=0),
    "enrouteFirst": Dialect(summary="an ENROUTE receipt marked as final comes first", enroute=0x04),
    "intermediate": Dialect(summary="an intermediate notification (esm_class 0x20) comes first", enroute=0x20),
    "udh": Dialect(summary="esm_class 0x44: a UDH before the text", esm_class=0x44, udh=b"\5\0\3\x2a\1\1"),
    "textTrap": Dialect(summary="text: quotes another id and stat, as a message about a receipt would", text="trap"),
    "textSpaces": Dialect(summary="text: and sixteen spaces", text="spaces"),
    "spelledOut": Dialect(summary="DELIVERED, UNDELIVERABLE, ACCEPTED, REJECTED", words=_SPELLED),
    "lowerCase": Dialect(summary="words in lower case", words=_LOWER),
    "lines": Dialect(
        summary="CR LF between the fields", template=MODEL.replace(" sub", "\r\nsub").replace(" stat", "\r\nstat")
    ),
}
