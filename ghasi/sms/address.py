"""Numbers and senders of a command as SMPP addresses (docs/contract.md §2, SMPP 3.4 §5.2.5 and §5.2.6).

Digits without a plus are told apart by length: up to eight are a short code, nine to fifteen an
international number. With a plus they are always international. TON and NPI follow from the form unless an
operator's rules say otherwise.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache
from typing import Final

from ghasi.smpp.constants import Npi, Ton
from ghasi.sms import gsm7
from ghasi.sms.errors import InvalidNumber, InvalidSender, NotEncodable

MAX_SENDER_CHARACTERS: Final = 20
MAX_ALPHANUMERIC_SEPTETS: Final = 11
MAX_SHORT_CODE_DIGITS: Final = 8

_E164: Final = re.compile(r"\+?([0-9]{5,15})\Z")
_DIGITS: Final = re.compile(r"[0-9]+\Z")
_PLUS_DIGITS: Final = re.compile(r"\+[0-9]*\Z")
_CONTROL: Final = re.compile("[\x00-\x1f\x7f-\x9f]")


class AddressForm(StrEnum):
    """What an address looks like."""

    INTERNATIONAL = "international"
    SHORT_CODE = "short_code"
    ALPHANUMERIC = "alphanumeric"


@dataclass(frozen=True, slots=True)
class Address:
    """TON, NPI and the octets (as Latin-1 text) of source_addr or destination_addr."""

    ton: int
    npi: int
    addr: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class AddressRules:
    """TON and NPI an operator wants by form of address, and whether it wants the leading plus."""

    destination: tuple[int, int] = (Ton.INTERNATIONAL, Npi.E164)
    international: tuple[int, int] = (Ton.INTERNATIONAL, Npi.E164)
    short_code: tuple[int, int] = (Ton.NETWORK_SPECIFIC, Npi.UNKNOWN)
    alphanumeric: tuple[int, int] = (Ton.ALPHANUMERIC, Npi.UNKNOWN)
    plus: bool = False


PLAIN_RULES: Final = AddressRules()


def parse_destination(number: str, rules: AddressRules = PLAIN_RULES) -> Address:
    """The subscriber's number, its plus dropped. Raises InvalidNumber.

    Nothing else is changed: a national prefix or `00` is for the sender of the command to resolve.
    """
    match = _E164.match(number)
    if match is None:
        raise InvalidNumber("to is not an E.164 number of 5 to 15 digits")
    return Address(*rules.destination, _number(match[1], rules))


def sender_form(sender: str) -> AddressForm:
    """Which kind of sender this is. Raises InvalidSender where it is none."""
    if not sender or len(sender) > MAX_SENDER_CHARACTERS:
        raise InvalidSender(f"from has to have 1 to {MAX_SENDER_CHARACTERS} characters")
    if _DIGITS.match(sender) and len(sender) <= MAX_SHORT_CODE_DIGITS:
        return AddressForm.SHORT_CODE
    if _E164.match(sender):
        return AddressForm.INTERNATIONAL
    if _DIGITS.match(sender) or _PLUS_DIGITS.match(sender):
        raise InvalidSender("from is a number but not one of 5 to 15 digits")
    _check_alphanumeric(sender)
    return AddressForm.ALPHANUMERIC


@lru_cache(maxsize=1024)
def parse_sender(sender: str, rules: AddressRules = PLAIN_RULES) -> Address:
    """The sender as an address. Raises InvalidSender."""
    form = sender_form(sender)
    if form is AddressForm.SHORT_CODE:
        return Address(*rules.short_code, sender)
    if form is AddressForm.INTERNATIONAL:
        return Address(*rules.international, _number(sender.removeprefix("+"), rules))
    return Address(*rules.alphanumeric, sender)


def _number(digits: str, rules: AddressRules) -> str:
    return f"+{digits}" if rules.plus else digits


def _check_alphanumeric(sender: str) -> None:
    """A name shown on phones: GSM 03.38 on the air (11 septets), a C-octet string in Latin-1 on the way
    there.
    """
    try:
        septets = gsm7.count_septets(sender)
        sender.encode("latin-1")
    except (NotEncodable, UnicodeEncodeError):
        raise InvalidSender("from has a character that a sender cannot carry") from None
    if _CONTROL.search(sender) or not sender.strip():
        raise InvalidSender("from is blank or holds a control character")
    if septets > MAX_ALPHANUMERIC_SEPTETS:
        raise InvalidSender(f"an alphanumeric from has at most {MAX_ALPHANUMERIC_SEPTETS} GSM characters")
