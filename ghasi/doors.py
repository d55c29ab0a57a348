"""`segment`, `receipt` and `pdu` as functions from JSON object to JSON object, and the loop over JSON lines.

Pure: nothing here needs Django, a server or a setting. A door raises DoorError and nothing else; what is
wrong with a value is named by field and rule and never quoted, because a value can be a message's text.

    segment   {"text", "encoding": "GSM7|UCS2|auto", "strategy": "CSMS|TLV", "reference": 8|16}
              → {"coding", "dataCoding", "units", "parts": [{"units", "udh": hex, "body": hex}]},
        with "transliterate" also "changes": [{"from", "to", "count"}]
    receipt   {"pdu": hex}
              → {"receipt", "id", "stat", "state", "messageState", "intermediate", "error",
                 "submitDate", "doneDate", "text"}
    pdu       {"hex"} → {"command", "status", "sequence", "fields", "tlvs"}, and that form → {"hex"}
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum
from typing import Any, Final, TypeVar

from ghasi.smpp.constants import HEADER_LENGTH
from ghasi.smpp.errors import DecodeError, FieldError, FramingError, SmppError, UnknownCommand
from ghasi.smpp.jsonform import json_to_pdu, pdu_to_json
from ghasi.smpp.pdu import DataSm, DeliverSm, Pdu, decode_pdu
from ghasi.smpp.receipt import Receipt, parse_receipt
from ghasi.sms.choice import TextRules, encode
from ghasi.sms.coding import Alphabet, Wanted
from ghasi.sms.errors import SmsError
from ghasi.sms.header import own_elements
from ghasi.sms.national import LANGUAGE_CODES, LOCKING, Language
from ghasi.sms.segmentation import MAX_PARTS, LongMode, Segmented, Strategy, segment
from ghasi.sms.submit import sent_body, with_elements
from ghasi.sms.transliteration import Transliteration

Json = dict[str, Any]
Door = Callable[[Mapping[str, Any]], Json]
E = TypeVar("E", bound=StrEnum)

_NO_DEFAULT: Final = object()


class DoorError(Exception):
    """An input no door can answer. `kind` is a stable word, the text a sentence for a person."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


def segment_door(given: Mapping[str, Any]) -> Json:
    """Only `text` is required; the rest is auto, CSMS and 8.

    `alphabet` (gsm7, latin1, ascii) may stand too, and what an operator allows: `locking` and `single` (languages
    like "tr,ur"), `transliterate` (off, punctuation, letters, greek); with `encoding` BINARY `udh` in hexadecimal.
    """
    level = _choice(given, "transliterate", Transliteration, Transliteration.OFF)
    rules = TextRules(
        _choice(given, "alphabet", Alphabet, Alphabet.GSM7),
        locking=languages(_typed(given, "locking", str, ""), "locking"),
        single=languages(_typed(given, "single", str, ""), "single"),
        transliteration=level,
        reference_bits=_typed(given, "reference", int, 8),
    )
    segmented = segment_text(
        _typed(given, "text", str),
        _choice(given, "encoding", Wanted, Wanted.AUTO),
        LongMode.of(_choice(given, "strategy", Strategy, Strategy.CSMS)),
        rules,
        udh=_typed(given, "udh", str, ""),
    )
    return segmented_to_json(segmented, changes=level is not Transliteration.OFF)


def receipt_door(given: Mapping[str, Any]) -> Json:
    """A deliver_sm or data_sm that is no receipt answers `receipt: false` and nulls."""
    return receipt_to_json(parse_receipt(receipt_carrier(_typed(given, "pdu", str), "pdu")))


def pdu_door(given: Mapping[str, Any]) -> Json:
    """Either way: an object with `hex` is read, one with `command` is written."""
    if "hex" in given:
        frame = _octets(_typed(given, "hex", str), "hex")
        return _guarded(lambda: pdu_to_json(frame.hex()))
    if "command" in given:
        return {"hex": _guarded(lambda: json_to_pdu(given))}
    raise DoorError("missing_field", "neither hex nor command is there")


DOORS: Final[Mapping[str, Door]] = {"segment": segment_door, "receipt": receipt_door, "pdu": pdu_door}


def segment_text(
    text: str,
    encoding: Wanted,
    mode: LongMode,
    rules: TextRules,
    *,
    udh: str = "",
    max_parts: int = MAX_PARTS,
    whole_clusters: bool = True,
) -> Segmented:
    """The text cut as the connector would, with reference 0. Raises DoorError."""
    bits = rules.reference_bits
    if bits not in (8, 16):
        raise DoorError("bad_value", "reference must be 8 or 16")
    try:
        encoded = encode(text, encoding, rules)
        if udh:
            encoded = with_elements(encoded, own_elements(udh))
        return segment(encoded, mode, reference_bits=bits, max_parts=max_parts, whole_clusters=whole_clusters)
    except SmsError as error:
        raise DoorError(error.reason, str(error)) from None


def languages(codes: str, name: str) -> tuple[Language, ...]:
    """National languages from their codes, separated by commas. Raises DoorError."""
    known = {code: one for code, one in LANGUAGE_CODES.items() if name != "locking" or one in LOCKING}
    try:
        return tuple(known[code.strip().lower()] for code in codes.split(",") if code.strip())
    except KeyError:
        raise DoorError("bad_value", f"{name} must be of {', '.join(known)}") from None


def read_pdu(frame: str, name: str = "hex") -> Pdu:
    """One PDU in hexadecimal. Raises DoorError."""
    return _guarded(lambda: decode_pdu(_octets(frame, name)))


def frame_octets(frame: str, name: str = "hex") -> bytes:
    """Octets given in hexadecimal that have at least a PDU's header. Raises DoorError."""
    octets = _octets(frame, name)
    if len(octets) < HEADER_LENGTH:
        raise DoorError("bad_frame", f"less than the {HEADER_LENGTH} octets of a header")
    return octets


def receipt_carrier(frame: str, name: str = "hex") -> DeliverSm | DataSm:
    """A PDU that can hold a receipt, in hexadecimal. Raises DoorError."""
    pdu = read_pdu(frame, name)
    if not isinstance(pdu, DeliverSm | DataSm):
        raise DoorError("wrong_pdu", f"a {pdu.command_name} carries no receipt; deliver_sm and data_sm do")
    return pdu


def segmented_to_json(segmented: Segmented, *, changes: bool = False, packed: bool = False) -> Json:
    """`changes` adds what transliteration replaced. `packed`: bodies in GSM 03.38 are packed septets."""
    coding = segmented.coding
    replaced = [{"from": one.found, "to": one.replacement, "count": one.count} for one in segmented.changes]
    return ({"changes": replaced} if changes else {}) | {
        "coding": coding.value,
        "dataCoding": segmented.data_coding,
        "units": segmented.units,
        "parts": [
            {"units": part.units, "udh": part.udh.hex(), "body": sent_body(part, coding, packed=packed).hex()}
            for part in segmented.parts
        ],
    }


def receipt_to_json(receipt: Receipt) -> Json:
    submit_date, done_date = receipt.submit_date, receipt.done_date
    return {
        "receipt": receipt.is_receipt,
        "id": receipt.id,
        "stat": receipt.stat,
        "state": receipt.state.value if receipt.state else None,
        "messageState": receipt.message_state,
        "intermediate": receipt.intermediate,
        "error": receipt.error,
        "submitDate": submit_date.isoformat() if submit_date else None,
        "doneDate": done_date.isoformat() if done_date else None,
        "text": receipt.text,
    }


def run_jsonl(lines: Iterable[bytes], write: Callable[[str], None], door: Door) -> None:
    """One JSON object in ASCII per line of `lines`, in order, each handed to `write` before the next is read.

    A bad line answers {"error": {"type", "message"}} and the next goes on.
    """
    for line in lines:
        write(json.dumps(answer(line, door)))


def answer(line: bytes, door: Door) -> Json:
    """The door's answer to one line, or the error object."""
    try:
        return door(_object(line))
    except DoorError as error:
        return {"error": {"type": error.kind, "message": str(error)}}
    except Exception as error:  # a fault of ours must not take the answers to the other lines with it
        return {"error": {"type": "internal", "message": f"cannot answer this line ({type(error).__name__})"}}


def parse_object(text: str) -> Mapping[str, Any]:
    """A JSON object. Raises DoorError: not JSON, or JSON of another kind."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        raise DoorError("bad_json", "not JSON") from None
    if not isinstance(value, dict):
        raise DoorError("not_an_object", "JSON, but not an object")
    return value


def _object(line: bytes) -> Mapping[str, Any]:
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError:
        raise DoorError("bad_json", "not UTF-8") from None
    if not text.strip():
        raise DoorError("empty_line", "the line is empty")
    return parse_object(text)


def _typed(given: Mapping[str, Any], name: str, kind: type, default: Any = _NO_DEFAULT) -> Any:
    value = given.get(name, default)
    if value is _NO_DEFAULT:
        raise DoorError("missing_field", f"{name} is missing")
    if not isinstance(value, kind) or isinstance(value, bool):
        wanted = {str: "a string", int: "an integer"}[kind]
        raise DoorError("wrong_type", f"{name} must be {wanted}")
    return value


def _choice(given: Mapping[str, Any], name: str, choices: type[E], default: E) -> E:
    value = _typed(given, name, str, default.value)
    try:
        return choices(value)
    except ValueError:
        allowed = ", ".join(choice.value for choice in choices)
        raise DoorError("bad_value", f"{name} must be one of {allowed}") from None


def _octets(text: str, name: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        raise DoorError("bad_hex", f"{name} is not hexadecimal") from None


_T = TypeVar("_T")
_KINDS: Final = (
    (FieldError, "bad_field"),
    (UnknownCommand, "unknown_command"),
    (DecodeError, "bad_pdu"),
    (FramingError, "bad_frame"),
)


def _guarded(work: Callable[[], _T]) -> _T:
    try:
        return work()
    except SmppError as error:
        kind = next((kind for known, kind in _KINDS if isinstance(error, known)), "bad_pdu")
        raise DoorError(kind, str(error)) from None
