"""The start of a text as an SMSC quotes it in a receipt: read by its default alphabet, written in the receipt's.

Pure. Where a scenario names no alphabet the octets are quoted as they came, which is what most SMSCs do.
"""

from __future__ import annotations

from typing import Final, Literal

from ghasi.simulator.features import UCS2_CODINGS, body, text_start
from ghasi.smpp.constants import ESM_UDHI
from ghasi.smpp.pdu import DataSm, SubmitSm
from ghasi.sms import gsm7
from ghasi.sms.errors import NotEncodable

DefaultAlphabet = Literal["gsm7", "latin1", "ascii"]
ReceiptAlphabet = Literal["latin1", "gsm7"]

_LENGTH: Final = 20
_CODECS: Final = {"latin1": "latin-1", "ascii": "ascii"}


def quoted(pdu: SubmitSm | DataSm, alphabet: DefaultAlphabet | None, written: ReceiptAlphabet, *, ucs2: bool) -> str:
    """What `text:` of a receipt holds. `written` gsm7: characters of Latin-1 that stand for the septets, because
    that is how receipts are put into octets; in a receipt of UCS-2 (`ucs2`) the characters themselves."""
    if alphabet is None:
        return text_start(pdu, _LENGTH)
    text = _read(pdu, alphabet)[:_LENGTH]
    return text if ucs2 or written == "latin1" else "".join(map(_septets, text))


def _read(pdu: SubmitSm | DataSm, alphabet: DefaultAlphabet) -> str:
    if pdu.data_coding in UCS2_CODINGS:
        return text_start(pdu, _LENGTH)
    data = body(pdu)
    if pdu.esm_class & ESM_UDHI and data:
        data = data[1 + data[0] :]
    if alphabet == "gsm7":
        return gsm7.decode(data, "replace")
    return data.decode(_CODECS[alphabet], "replace")


def _septets(char: str) -> str:
    try:
        return gsm7.encode(char).decode("latin-1")
    except NotEncodable:
        return "?"
