"""Building a receipt in a dialect. Pure: the caller says when things happened.

`build` gives the PDU an SMSC of that dialect sends: deliver_sm, or data_sm (SMPP 3.4 §4.6, §4.7, Appendix B).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Final

from ghasi.simulator.dialects import SECONDS, TENTHS, Dialect
from ghasi.smpp.pdu import DataSm, DeliverSm
from ghasi.smpp.tlv import Tag, Tlv

STATES: Final[dict[str, int]] = {
    "SCHEDLD": 0,
    "ENROUTE": 1,
    "BUFFERD": 1,
    "DELIVRD": 2,
    "EXPIRED": 3,
    "DELETED": 4,
    "UNDELIV": 5,
    "FAILED": 5,
    "ACCEPTD": 6,
    "UNKNOWN": 7,
    "REJECTD": 8,
    "SKIPPED": 9,
}
_UNKNOWN: Final = 7
_NETWORK_GSM: Final = 3
_TRAP: Final = "id:0 stat:UNDELIV er"


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """TON, NPI and number; never shown."""

    ton: int = 0
    npi: int = 0
    number: str = ""

    def __repr__(self) -> str:
        return f"Address(ton={self.ton}, npi={self.npi})"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class ReceiptFacts:
    """What a receipt tells. `source` and `destination` are the message's own; times are the operator's local ones;
    `state` overrides the message_state that follows from `stat`."""

    id: str
    tlv_id: str
    stat: str
    submitted: datetime
    done: datetime
    source: Address
    destination: Address
    err: str = "000"
    text: str = ""
    state: int | None = None
    reference: bytes | None = None
    esm_class: int | None = None


def build(dialect: Dialect, facts: ReceiptFacts) -> DeliverSm | DataSm:
    """The PDU, without a sequence number. Raises errors.FieldError when encoded, where an id is too long."""
    text = b"" if dialect.carrier == "none" else _octets(dialect, render(dialect, facts))
    tlvs = _tlvs(dialect, facts)
    esm_class = dialect.esm_class if facts.esm_class is None else facts.esm_class
    data_coding = 8 if dialect.ucs2 else 0
    if dialect.carrier == "data_sm":
        return DataSm(
            source_addr_ton=facts.destination.ton,
            source_addr_npi=facts.destination.npi,
            source_addr=facts.destination.number,
            dest_addr_ton=facts.source.ton,
            dest_addr_npi=facts.source.npi,
            destination_addr=facts.source.number,
            esm_class=esm_class,
            data_coding=data_coding,
            tlvs=(Tlv(Tag.MESSAGE_PAYLOAD, text), *tlvs),
        )
    in_payload = dialect.carrier == "message_payload" or len(text) > 255
    return DeliverSm(
        source_addr_ton=facts.destination.ton,
        source_addr_npi=facts.destination.npi,
        source_addr=facts.destination.number,
        dest_addr_ton=facts.source.ton,
        dest_addr_npi=facts.source.npi,
        destination_addr=facts.source.number,
        esm_class=esm_class,
        data_coding=data_coding,
        short_message=b"" if in_payload else text,
        tlvs=(Tlv(Tag.MESSAGE_PAYLOAD, text), *tlvs) if in_payload else tlvs,
    )


def render(dialect: Dialect, facts: ReceiptFacts) -> str:
    """The text of the receipt."""
    delivered = facts.stat == "DELIVRD"
    sub, done_count, none_done = dialect.counters
    return dialect.template.format(
        id=facts.id,
        sub=sub,
        dlvrd=done_count if delivered else none_done,
        submit=_date(dialect.submit, facts.submitted),
        done="0" * 12 if dialect.zero_done and not delivered else _date(dialect.done, facts.done),
        stat=dialect.words.get(facts.stat, facts.stat),
        err=_error(dialect, facts.err),
        text=_text(dialect, facts.text),
        source=facts.source.number,
        destination=facts.destination.number,
    )


def state_of(dialect: Dialect, facts: ReceiptFacts) -> int:
    """message_state: as given, else the dialect's, else the specification's; 7 (UNKNOWN) for other words."""
    if facts.state is not None:
        return facts.state
    return dialect.states.get(facts.stat, STATES.get(facts.stat, _UNKNOWN))


def _date(form: str, moment: datetime) -> str:
    if form != TENTHS:
        # Without its zone: the cache would take the same instant in another zone for the same date.
        return _whole_seconds(form, moment.replace(microsecond=0, tzinfo=None))
    quarters = int((moment.utcoffset() or timedelta()).total_seconds()) // 900
    tenths, sign = moment.microsecond // 100_000, "-" if quarters < 0 else "+"
    return f"{moment.strftime(SECONDS)}{tenths}{abs(quarters):02d}{sign}"


@lru_cache(maxsize=64)
def _whole_seconds(form: str, moment: datetime) -> str:
    return moment.strftime(form)


def _error(dialect: Dialect, err: str) -> str:
    if dialect.err == "empty":
        return ""
    if dialect.err == "null":
        return "null"
    if dialect.err == "as given" or not err.isdecimal():
        return err
    number = int(err)
    return {"number": f"{number}", "four digits": f"{number:04d}", "hex": f"{number:03X}"}[dialect.err]


def _text(dialect: Dialect, text: str) -> str:
    if dialect.text == "start":
        return text[:20]
    return {"none": "none", "empty": "", "spaces": " " * 16, "trap": _TRAP}[dialect.text]


def _octets(dialect: Dialect, text: str) -> bytes:
    return dialect.udh + text.encode("utf-16-be" if dialect.ucs2 else "latin-1", "replace")


def _tlvs(dialect: Dialect, facts: ReceiptFacts) -> tuple[Tlv, ...]:
    tlvs: list[Tlv] = []
    if "id" in dialect.tlvs:
        tlvs.append(Tlv.c_string(Tag.RECEIPTED_MESSAGE_ID, facts.tlv_id))
    if "state" in dialect.tlvs:
        tlvs.append(Tlv.integer(Tag.MESSAGE_STATE, state_of(dialect, facts)))
    if "error" in dialect.tlvs:
        code = int(facts.err) if facts.err.isdecimal() else 0
        tlvs.append(Tlv(Tag.NETWORK_ERROR_CODE, bytes((_NETWORK_GSM,)) + (code & 0xFFFF).to_bytes(2, "big")))
    if facts.reference is not None:
        tlvs.append(Tlv(Tag.USER_MESSAGE_REFERENCE, facts.reference))
    return tuple(tlvs)
