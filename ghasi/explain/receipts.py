"""A receipt: what was believed and from where, under which keys its message is looked for, and what it means."""

from __future__ import annotations

from dataclasses import replace

from ghasi.explain.dialect import PLAIN, Dialect
from ghasi.explain.lines import Line, head, plain, quoted, warning
from ghasi.profiles.tlv_values import read_tlvs
from ghasi.smpp import constants as c
from ghasi.smpp.causes import Cause
from ghasi.smpp.pdu import DataSm, DeliverSm
from ghasi.smpp.receipt import IdBase, Receipt, ReceiptRules, Unreadable, parse_receipt
from ghasi.smpp.receipt_dates import ReceiptDate
from ghasi.smpp.receipt_states import state_of_number, state_of_word
from ghasi.smpp.tlv import Tag, find

_CARRIERS = {True: "TLV", False: "text"}
_WHY = {
    Unreadable.EMPTY: "marked as a receipt, and neither text nor TLVs say anything",
    Unreadable.NO_FIELDS: "a text without a single key that is known",
    Unreadable.COMMA_SEPARATED: "values without keys: the operator's profile has to name the columns",
    Unreadable.NO_ID: "no id: nobody can tell which message it is about",
    Unreadable.NO_STATE: "no state: nobody can tell what became of the message",
}


def explain_text(text: str, dialect: Dialect = PLAIN) -> list[Line]:
    """The same of a receipt of which only the text is left, as it was already decoded."""
    pdu, rules = of_text(text, dialect.receipts)
    return explain_receipt(
        pdu, replace(dialect, receipts=rules), told_by="its text; esm_class and TLVs are not known"
    )


def of_text(text: str, rules: ReceiptRules) -> tuple[DeliverSm, ReceiptRules]:
    """A PDU that holds nothing but this text, and the rules by which it reads as exactly that."""
    pdu = DeliverSm(esm_class=c.ESM_RECEIPT, short_message=text.encode("utf-8", "replace"))
    return pdu, replace(rules, decode=lambda data, data_coding, header_octets: text)


def explain_receipt(pdu: DeliverSm | DataSm, dialect: Dialect = PLAIN, *, told_by: str = "") -> list[Line]:
    """Lines on what the receipt says by an operator's rules; `told_by` where the PDU does not tell itself."""
    rules = dialect.receipts
    receipt = parse_receipt(pdu, rules)
    if not receipt.is_receipt:
        return [head("no receipt: an incoming message"), *_why_not(pdu, rules)]
    lines = [head("intermediate notification" if receipt.intermediate else "delivery receipt")]
    lines += [plain("told by", told_by or _told_by(pdu))]
    lines += _id_lines(receipt, pdu, dialect.id_base)
    lines += _state_lines(receipt, rules)
    lines += _error_lines(receipt, rules)
    lines += _cause_lines(receipt)
    lines += _date_lines("submit date", receipt.submitted, receipt)
    lines += _date_lines("done date", receipt.done, receipt)
    if receipt.text is not None:
        lines.append(plain("text", quoted(receipt.text), "the sender's own words, as far as they are repeated"))
    if receipt.user_message_reference is not None:
        lines.append(plain("reference", receipt.user_message_reference.hex(), "user_message_reference of the part"))
    lines += _tlv_lines(pdu, dialect)
    if receipt.unreadable is not None:
        lines.append(warning(f"unreadable ({receipt.unreadable.value}): {_WHY.get(receipt.unreadable, '')}"))
    return lines + [warning(text) for text in _warnings(receipt, rules)]


def _why_not(pdu: DeliverSm | DataSm, rules: ReceiptRules) -> list[Line]:
    lines = [plain("esm_class", f"0x{pdu.esm_class:02X}", "neither 0x04 nor 0x20 stands in it")]
    if rules.unmarked:
        lines.append(plain("shape", "-", "no receipted_message_id, and no text with id, stat and one more field"))
    return lines


def _told_by(pdu: DeliverSm | DataSm) -> str:
    kind = pdu.esm_class & c.ESM_TYPE_MASK
    if kind & (c.ESM_RECEIPT | c.ESM_INTERMEDIATE):
        return f"esm_class 0x{pdu.esm_class:02X}"
    if find(pdu.tlvs, Tag.RECEIPTED_MESSAGE_ID):
        return "receipted_message_id; esm_class does not say so"
    return "the shape of its text; esm_class does not say so"


def _id_lines(receipt: Receipt, pdu: DeliverSm | DataSm, base: IdBase | str) -> list[Line]:
    if not receipt.ids:
        return [plain("id", "-")]
    has_tlv = bool(find(pdu.tlvs, Tag.RECEIPTED_MESSAGE_ID))
    lines = []
    for position, raw in enumerate(receipt.ids):
        carrier = _CARRIERS[has_tlv and position == 0]
        rank = "looked for first" if position == 0 and len(receipt.ids) > 1 else ""
        lines.append(plain("id", quoted(raw), ", ".join(part for part in (f"from the {carrier}", rank) if part)))
    lines += [plain("lookup key", key, _key_words(key, base)) for key in receipt.lookup_keys(base)]
    return lines


def _key_words(key: str, base: IdBase | str) -> str:
    if key.startswith("#"):
        return f"the number, ids read as {IdBase(base).value}"
    return "as written, without case, padding and leading zeros"


def _state_lines(receipt: Receipt, rules: ReceiptRules) -> list[Line]:
    lines = []
    if receipt.message_state is not None:
        state = state_of_number(receipt.message_state)
        meaning = state.name if state else "not listed"
        lines.append(plain("message_state", str(receipt.message_state), f"{meaning}, TLV"))
    if receipt.stat is not None:
        word = state_of_word(receipt.stat, rules.words)
        meaning = f"{word.name}, text" if word else "not listed, text"
        lines.append(plain("stat", receipt.stat, meaning + _own_word(receipt.stat, rules)))
    if receipt.state is None:
        return [*lines, plain("state", "-")]
    final = "final: nothing more is expected" if receipt.final else "not final: another receipt is expected"
    believed = "by the TLV" if _by_tlv(receipt) else "by the text"
    return [*lines, plain("state", receipt.state.value, f"{believed}, {final}")]


def _own_word(stat: str, rules: ReceiptRules) -> str:
    return ", by the operator's own table" if stat.upper() in rules.words else ""


def _by_tlv(receipt: Receipt) -> bool:
    known = receipt.message_state is not None and state_of_number(receipt.message_state) is not None
    return known or receipt.stat is None


def _error_lines(receipt: Receipt, rules: ReceiptRules) -> list[Line]:
    lines = []
    if receipt.error is not None:
        lines.append(plain("err", quoted(receipt.error), "from the text"))
    if receipt.network_error_code is not None:
        lines.append(plain("network error", receipt.network_error_code.hex(), "from the TLV"))
    if receipt.error_code is not None:
        lines.append(plain("error", receipt.error_code, "as the event tells it" + _documented(receipt, rules)))
    return lines


def _cause_lines(receipt: Receipt) -> list[Line]:
    if receipt.cause is None:
        return []
    meaning = "no table lists that code" if receipt.cause is Cause.UNKNOWN else "why it was not delivered"
    return [plain("cause", receipt.cause.value, meaning)]


def _documented(receipt: Receipt, rules: ReceiptRules) -> str:
    """The number that the operator's own list of codes has for it."""
    number = rules.errors.number(receipt.error_code or "")
    return f"; by the profile 0x{number:04X}" if number is not None and rules.errors.base else ""


def _date_lines(name: str, date: ReceiptDate | None, receipt: Receipt) -> list[Line]:
    if date is None:
        return [plain(name, "-")]
    utc = date.at(receipt.zone)
    if date.offset is not None:
        how = "by its own offset"
    else:
        how = "the operator's zone is taken for UTC" if str(receipt.zone) == "UTC" else f"in {receipt.zone}"
    return [plain(name, f"{date.local:%Y-%m-%d %H:%M:%S}", f"{utc:%Y-%m-%d %H:%M:%S} UTC, {how}")]


def _tlv_lines(pdu: DeliverSm | DataSm, dialect: Dialect) -> list[Line]:
    """What the operator's profile reads beside, as the event tells it, but for numbers, which are shown here."""
    told = read_tlvs(pdu.tlvs, tuple(dialect.tlvs.values()), str)
    return [plain(name, quoted(text), "read by the profile; stands in the event's tlvs") for name, text in told]


def _warnings(receipt: Receipt, rules: ReceiptRules) -> list[str]:
    found = []
    if len(receipt.ids) > 1:
        found.append("TLV and text name two ids: the part may be under either")
    by_number = None if receipt.message_state is None else state_of_number(receipt.message_state)
    by_word = None if receipt.stat is None else state_of_word(receipt.stat, rules.words)
    if by_number is not None and by_word is not None and by_number is not by_word:
        found.append("TLV and text tell different states: the TLV is believed")
    if receipt.stat is not None and by_word is None and by_number is None:
        found.append("no table has that word: the state is UNKNOWN and never a failure")
    if receipt.done and receipt.submitted and receipt.done.at(receipt.zone) < receipt.submitted.at(receipt.zone):
        found.append("done before it was submitted: the dates are not of one zone, or one is wrong")
    return found
