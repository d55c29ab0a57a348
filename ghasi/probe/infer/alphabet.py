"""What data_coding 0 means. Pure.

From outside it shows only where a receipt repeats the telltale octets in other octets than were sent: then somebody
has read them as characters. Quoted as they came they prove nothing, and then a person looks at the phone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from ghasi.probe.facts import Sent
from ghasi.probe.findings import Finding, still_open, told
from ghasi.probe.infer.reading import UCS2_CODINGS, Seen
from ghasi.probe.plan import TELLTALE
from ghasi.sms import gsm7

NAME: Final = "alphabet"
TITLE: Final = "Alphabet behind data_coding 0"
ALPHABETS: Final = ("gsm7", "latin1", "ascii")
_WORDS: Final = {"gsm7": "GSM 03.38", "latin1": "Latin-1", "ascii": "ASCII"}
_CODECS: Final = {"latin1": "latin-1", "ascii": "ascii"}
#: What stands for an octet or a character that an alphabet does not have.
_REPLACED: Final = frozenset("?\ufffd .\x1a*_-")
_LEAST: Final = 5
"""Characters of the telltale that a quotation must hold."""


def shown(alphabet: str) -> str:
    """The telltale as a phone shows it under an alphabet; U+FFFD where the alphabet has nothing."""
    if alphabet == "gsm7":
        return gsm7.decode(TELLTALE, "replace")
    return TELLTALE.decode(_CODECS[alphabet], "replace")


def _written(text: str, receipt: str) -> list[str | None]:
    """Characters of a receipt that quotes `text`, read as Latin-1; None: something that stands in for a character."""
    return [_written_char(char, receipt) for char in text]


def _written_char(char: str, receipt: str) -> str | None:
    if char == "\ufffd":
        return None
    if receipt == "gsm7":
        septets = gsm7.encode(char) if gsm7.is_encodable(char) else b""
        return septets.decode("latin-1") if len(septets) == 1 else None
    if receipt == "latin1":
        return char if ord(char) < 0x100 else None
    return char


def fitting(quoted: str, *, ucs2: bool) -> set[str]:
    """Alphabets by which a quotation of the telltale can be explained, and not by leaving the octets as they are."""
    raw = TELLTALE.decode("latin-1")
    if len(quoted) < _LEAST or not raw.startswith(quoted[:1]) or raw.startswith(quoted):
        return set()
    kinds = ("ucs2",) if ucs2 else ("latin1", "gsm7")
    return {each for each in ALPHABETS for kind in kinds if _explains(_written(shown(each), kind), quoted, raw)}


def _explains(expected: Sequence[str | None], quoted: str, raw: str) -> bool:
    return all(
        _is_replaced(got, sent) if want is None else got == want
        for want, got, sent in zip(expected, quoted, raw, strict=False)
    )


def _is_replaced(got: str, sent: str) -> bool:
    return got in _REPLACED and got != sent


def conclude(pairs: Sequence[tuple[Seen, Sent]], sent: Sequence[Sent], seen_on_phone: str = "") -> Finding:
    """`seen_on_phone` is the alphabet a person found on the phone, where somebody looked."""
    if seen_on_phone in ALPHABETS:
        return told(
            NAME,
            TITLE,
            f"{_WORDS[seen_on_phone]}, by what the phone shows",
            seen_on_phone,
            proposes={"text.alphabet": seen_on_phone},
        )
    quotations = _quotations(pairs)
    found = [fitting(text, ucs2=ucs2) for text, ucs2 in quotations]
    common = set.intersection(*found) if found else set()
    if len(common) == 1:
        alphabet = next(iter(common))
        return told(
            NAME,
            TITLE,
            _WORDS[alphabet],
            alphabet,
            evidence=(f"{TELLTALE.hex(' ')} came back as {quotations[0][0].encode('utf-8').hex(' ')} (UTF-8)",),
            proposes={"text.alphabet": alphabet},
        )
    why = f"receipts fit {' and '.join(sorted(common))}" if common else _why(quotations, sent)
    return still_open(NAME, TITLE, f"cannot be told from outside: {why}", ask())


def _quotations(pairs: Sequence[tuple[Seen, Sent]]) -> list[tuple[str, bool]]:
    rows = [
        (seen.quoted or "", seen.pdu.data_coding in UCS2_CODINGS)
        for seen, message in pairs
        if message.step == NAME and not seen.intermediate
    ]
    return list(dict.fromkeys(rows))


def _why(quotations: Sequence[tuple[str, bool]], sent: Sequence[Sent]) -> str:
    if not any(each.step == NAME for each in sent):
        return "the message that tells was not sent"
    if not any(each.step == NAME and each.accepted for each in sent):
        return "the message that tells was refused"
    if not quotations:
        return "no receipt about that message"
    if not any(text.startswith("p") for text, _ in quotations):
        return "receipts do not repeat the text"
    return "receipts repeat the octets as they were sent"


def ask() -> str:
    rows = "; ".join(f"{_WORDS[each]}: {_visible(shown(each))}" for each in ALPHABETS)
    return f"What does the phone show between p and z in the second message? {rows}"


def _visible(text: str) -> str:
    return "".join(char if char.isprintable() and char != "\ufffd" else "." for char in text)
