"""The receipts nearly every operator sends, read in one look (docs/decisions/0017-receipts-in-bulk.md). Pure.

A deliver_sm marked as a receipt, with the text of SMPP 3.4 appendix B complete and in its order, and no optional
parameters but receipted_message_id and message_state that say the same. Whatever differs is left to
`receipt_reading`, whose answers these are (tests/unit/workers/test_receipt_usual.py holds both equal).
"""

from __future__ import annotations

import re
import struct
from datetime import datetime, tzinfo
from functools import lru_cache
from typing import Final, NamedTuple
from uuid import UUID

from ghasi.correlations.types import ReceiptFacts
from ghasi.smpp.constants import ESM_RECEIPT, CommandId, MessageState
from ghasi.smpp.receipt import IdBase, ReceiptRules, cause_of, fold_id
from ghasi.smpp.receipt_dates import UNIX, parse_date
from ghasi.smpp.receipt_ids import receipt_keys
from ghasi.smpp.receipt_states import FINAL_STATES, WORDS, dlr_state
from ghasi.smpp.tlv import Tag

_HEADER: Final = struct.Struct(">IIII")
_TLV_HEAD: Final = struct.Struct(">HH")
# No value of these can hold a key, a separator or one of the words for "nothing": the text is read one way only.
_TEXT: Final = re.compile(
    rb"id:([0-9A-Fa-f][0-9A-Za-z-]{0,63}) sub:[0-9]{1,3} dlvrd:[0-9]{1,3} "
    rb"submit date:([0-9]{10,14}) done date:([0-9]{10,14}) "
    rb"stat:([A-Z]{5,13}) err:([0-9]{1,8})(?: [Tt]ext:|\Z)"
)


class _Word(NamedTuple):
    stat: str
    state: MessageState
    status: str
    final: bool
    delivered: bool


class Usual:
    """Reads the usual receipts of one operator by its `rules`.

    `base` is that of the ids in its receipts; `submit_dates`: whether submit dates without a zone count.
    """

    def __init__(self, operator_id: str, rules: ReceiptRules, *, base: IdBase, submit_dates: bool) -> None:
        self._operator_id = UUID(operator_id)
        self._rules = rules
        self._base = base
        self._zone = rules.zone
        self._forms = rules.date_forms
        self._submit_zone = rules.zone if submit_dates else None
        # Some forms bring a zone with each date, so that a submit date may count though no rule names one.
        dates_alike = submit_dates or UNIX.keys().isdisjoint(rules.date_forms)
        self._words = _words_of(rules) if rules.plain_text and dates_alike else {}
        # Few codes are sent, and each thousands of times.
        self._cause = lru_cache(maxsize=1024)(self._looked_up)

    def read(self, frame: bytes, receipt_key: int, taken_at: datetime) -> ReceiptFacts | None:
        """The receipt, or None for anything but the usual form."""
        found = _split(frame)
        if found is None:
            return None
        destination, sender, end, text = found
        word = self._words.get(text[4])
        if word is None or (end < len(frame) and not _agree(frame, end, text[1], word.state)):
            return None
        name = text[1].decode()
        return ReceiptFacts(
            receipt_key=receipt_key,
            operator_id=self._operator_id,
            operator_message_id=name,
            lookup_keys=(fold_id(name),)
            if self._base is IdBase.TEXT
            else tuple(receipt_keys((name,), base=self._base)),
            status=word.status,
            stat=word.stat,
            final=word.final,
            error_code=text[5].decode(),
            done_at=_moment(text[3], self._zone, self._forms),
            taken_at=taken_at,
            destination=destination,
            sender=sender,
            submit_date=None if self._submit_zone is None else _moment(text[2], self._submit_zone, self._forms),
            cause=None if word.delivered else self._cause(text[4], text[5]),
        )

    def _looked_up(self, stat: bytes, error: bytes) -> str | None:
        word = self._words[stat]
        cause = cause_of(word.state, error.decode(), word.stat, None, self._rules)
        return cause.value if cause else None


def _words_of(rules: ReceiptRules) -> dict[bytes, _Word]:
    """The words every operator uses, as this one means them; a word of its own is left to the tolerant reader."""
    known = (word for word in WORDS if word not in rules.words)
    return {word.encode(): _word(word, WORDS[word], rules) for word in known}


def _word(stat: str, state: MessageState, rules: ReceiptRules) -> _Word:
    final = state in FINAL_STATES or (rules.unknown_is_final and state is MessageState.UNKNOWN)
    return _Word(stat, state, dlr_state(state).value, final, state is MessageState.DELIVERED)


def _split(frame: bytes) -> tuple[str, str, int, re.Match[bytes]] | None:
    """Source, destination, where the optional parameters begin, and the text (SMPP 3.4 §4.6.1)."""
    try:
        length, command_id, _, _ = _HEADER.unpack_from(frame)
        service = frame.index(0, 16)
        source = frame.index(0, service + 3)
        destination = frame.index(0, source + 3)
        validity = frame.index(0, frame.index(0, destination + 4) + 1)
        data_coding, size = frame[validity + 3], frame[validity + 5]
    except (ValueError, IndexError, struct.error):
        return None
    start = validity + 6
    if (
        command_id != CommandId.DELIVER_SM
        or length != len(frame)
        or start + size > length
        or frame[destination + 1] != ESM_RECEIPT
        or data_coding & 0xFC == 0x18
        or data_coding == 0x08
    ):
        return None
    text = _TEXT.match(frame, start, start + size)
    if text is None:
        return None
    return (
        frame[service + 3 : source].decode("latin-1").lstrip("+"),
        frame[source + 3 : destination].decode("latin-1"),
        start + size,
        text,
    )


def _agree(frame: bytes, position: int, name: bytes, state: MessageState) -> bool:
    """Whether the optional parameters are those two and say what the text says."""
    while position < len(frame):
        if position + 4 > len(frame):
            return False
        tag, size = _TLV_HEAD.unpack_from(frame, position)
        value = frame[position + 4 : position + 4 + size]
        position += 4 + size
        if len(value) != size:
            return False
        if tag == Tag.RECEIPTED_MESSAGE_ID:
            if value not in (name, name + b"\0"):
                return False
        elif tag != Tag.MESSAGE_STATE or value != bytes((state,)):
            return False
    return True


@lru_cache(maxsize=1024)
def _moment(digits: bytes, zone: tzinfo, forms: tuple[str, ...]) -> datetime | None:
    """Most receipts of a batch name the same minutes."""
    written = parse_date(digits.decode(), forms)
    try:
        return written.at(zone) if written else None
    except (OverflowError, ValueError):
        return None
