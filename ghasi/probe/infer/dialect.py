"""How receipts are written: carrier, keys, TLVs, words, marks, and what of it the profile has to say. Pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

from ghasi.probe.facts import Sent
from ghasi.probe.findings import Finding, still_open, told
from ghasi.probe.infer.columns import dates_are_sure
from ghasi.probe.infer.reading import UCS2_CODINGS, Seen
from ghasi.smpp.constants import ESM_INTERMEDIATE, ESM_RECEIPT, ESM_TYPE_MASK, ESM_UDHI
from ghasi.smpp.pdu import DataSm, DeliverSm
from ghasi.smpp.receipt_states import WORDS
from ghasi.smpp.tlv import TAGS, Tag, find

NAME: Final = "receipts"
TITLE: Final = "Form of receipts"
_KEYS: Final = re.compile(
    r"(?<![A-Za-z0-9])(id|sub|dlvrd|delivrd|submit ?date|done ?date|stat|err|text) ?:", re.IGNORECASE
)
_ASK: Final = "What does a delivery receipt of yours look like?"


def conclude(seen: Sequence[Seen], sent: Sequence[Sent], columns: tuple[str, ...]) -> Finding:
    """The form of the final receipts, and the rules without which the connector would not read them."""
    if not seen:
        wanted = sum(each.accepted and each.wants_receipt for each in sent)
        says = f"cannot be told: {wanted} receipts asked for, none came"
        return still_open(NAME, TITLE, says, _ASK)
    final = [each for each in seen if not each.intermediate] or list(seen)
    value = describe(final) | {"intermediate": _intermediate(seen)}
    if columns:
        value["columns"] = list(columns)
    unreadable = [each for each in final if not each.receipt.readable]
    if unreadable:
        why = sorted({each.receipt.unreadable or "" for each in unreadable})
        return still_open(
            NAME,
            TITLE,
            f"{len(unreadable)} of {len(final)} receipts cannot be used: {', '.join(why)}",
            "Which field of a receipt names the message, and which its state?",
            value=value,
        )
    return told(
        NAME,
        TITLE,
        _says(value),
        value,
        evidence=(f"{len(final)} receipts, {len(seen) - len(final)} on the way before them",),
        proposes=_rules(value, final, columns),
        ask=_about_columns(final, columns),
    )


def describe(seen: Sequence[Seen]) -> dict[str, Any]:
    """What is the same in all receipts by itself; what differs, as a list."""
    looks: dict[str, Callable[[Seen], Any]] = {
        "carrier": _carrier,
        "ucs2": lambda each: each.pdu.data_coding in UCS2_CODINGS,
        "marked": lambda each: bool(each.pdu.esm_class & ESM_TYPE_MASK & ESM_RECEIPT),
        "header": lambda each: bool(each.pdu.esm_class & ESM_UDHI),
        "keys": _keys,
        "tlvs": _tlvs,
        "error": lambda each: error_form(each.fields.get("err")),
        "text": _text_form,
        "lines": lambda each: "\n" in each.text,
    }
    value = {name: _common(look(each) for each in seen) for name, look in looks.items()}
    value["words"] = sorted({each.receipt.stat for each in seen if each.receipt.stat})
    return value


def _common(values: Iterable[Any]) -> Any:
    different = list(dict.fromkeys(tuple(each) if isinstance(each, list) else each for each in values))
    plain = [list(each) if isinstance(each, tuple) else each for each in different]
    return plain[0] if len(plain) == 1 else plain


def _carrier(seen: Seen) -> str:
    if isinstance(seen.pdu, DataSm):
        return "data_sm"
    if isinstance(seen.pdu, DeliverSm) and seen.pdu.short_message:
        return "short_message"
    return "message_payload" if find(seen.pdu.tlvs, Tag.MESSAGE_PAYLOAD) else "tlv"


def _keys(seen: Seen) -> list[str]:
    """As written, in order, each once; what the text of the message itself may hold is left out."""
    whole, quoted = seen.text, seen.quoted or ""
    if quoted and whole.endswith(quoted):
        whole = whole[: -len(quoted)]
    return list(dict.fromkeys(_KEYS.findall(whole)))


def _tlvs(seen: Seen) -> list[str]:
    known = (Tag.RECEIPTED_MESSAGE_ID, Tag.MESSAGE_STATE, Tag.NETWORK_ERROR_CODE)
    named = [tag.name.lower() for tag in known if find(seen.pdu.tlvs, tag)]
    own = [f"0x{tlv.tag:04X}" for tlv in seen.pdu.tlvs if tlv.tag not in TAGS]
    return named + own


def error_form(err: str | None) -> str:
    """How an error code is written."""
    if err is None:
        return "none"
    if not err:
        return "empty"
    if err.isdecimal():
        return f"{len(err)} digits"
    return "hexadecimal" if re.fullmatch("[0-9A-Fa-f]+", err) else "word"


def _text_form(seen: Seen) -> str:
    quoted = seen.quoted
    if quoted is None:
        return "no key"
    if not quoted.strip():
        return "empty"
    return "word" if quoted.strip().lower() in {"none", "null", "-"} else "quoted"


def _intermediate(seen: Sequence[Seen]) -> str:
    """Whether receipts tell of messages on their way, and whether they are marked as such."""
    kinds = Counter(
        "marked" if each.pdu.esm_class & ESM_TYPE_MASK & ESM_INTERMEDIATE else "as a receipt"
        for each in seen
        if each.intermediate
    )
    return " and ".join(sorted(kinds)) or "none"


def _rules(value: dict[str, Any], seen: Sequence[Seen], columns: tuple[str, ...]) -> dict[str, Any]:
    rules: dict[str, Any] = {}
    if columns:
        sure = dates_are_sure(seen, columns)
        rules["receipts.columns"] = [name if sure or not name.endswith("_date") else "" for name in columns]
    if value["ucs2"] is True and not all(each.pdu.data_coding in UCS2_CODINGS for each in seen):
        rules["receipts.encoding"] = "ucs2"
    if value["marked"] is True:
        return rules
    rules["receipts.unmarked"] = True
    return rules


def _about_columns(seen: Sequence[Seen], columns: tuple[str, ...]) -> str:
    if not columns or dates_are_sure(seen, columns):
        return ""
    return "Which column of a receipt is the submit date, and which the done date?"


def _says(value: dict[str, Any]) -> str:
    carrier = value["carrier"]
    words = [f"in {carrier}" if isinstance(carrier, str) else f"in {' or '.join(carrier)}"]
    if value["keys"]:
        words.append(_flat(value["keys"]))
    if value.get("columns"):
        words.append("columns " + ",".join(name or "-" for name in value["columns"]))
    if value["tlvs"]:
        words.append("TLVs " + _flat(value["tlvs"]))
    if value["ucs2"] is True:
        words.append("UCS-2")
    if value["marked"] is not True:
        words.append("not marked in esm_class")
    if value["intermediate"] != "none":
        words.append(f"intermediate ones {value['intermediate']}")
    strange = [word for word in value["words"] if word.upper() not in WORDS and not word.isdecimal()]
    if strange:
        words.append("unknown words " + ", ".join(strange))
    return "; ".join(words)


def _flat(found: Any) -> str:
    if found and isinstance(found[0], list):
        return " | ".join(" ".join(each) or "none" for each in found)
    return " ".join(found)
