"""Whether an address fits its type of number (SMPP 3.4 §5.2.5, §5.2.8)."""

from __future__ import annotations

from ghasi.smpp.constants import Ton

MAX_NAME = 11
"""Characters of a name on the air (GSM 03.40 §9.1.2.5)."""
MAX_NUMBER = 15


def address_warnings(address: str, ton: int) -> list[str]:
    """What is unusual about `address` under that TON; masked digits (`*`) count as digits."""
    if not address:
        return []
    digits = address.lstrip("+").replace("*", "0")
    if ton == Ton.ALPHANUMERIC:
        return _name_warnings(address, digits)
    found = []
    if ton in (Ton.INTERNATIONAL, Ton.NATIONAL, Ton.UNKNOWN) and address.startswith("+"):
        found.append("a leading + is refused by many SMSCs: the TON says that it is international")
    if ton == Ton.INTERNATIONAL and digits.startswith("00"):
        found.append("an international number does not begin with 00")
    if not digits.isdigit():
        found.append(f"holds more than digits, and TON {ton} is a number's")
    elif len(digits) > MAX_NUMBER:
        found.append(f"{len(digits)} digits; E.164 allows {MAX_NUMBER}")
    return found


def _name_warnings(address: str, digits: str) -> list[str]:
    found = []
    if len(address) > MAX_NAME:
        found.append(f"a name of {len(address)} characters; {MAX_NAME} fit on the air")
    if digits.isdigit():
        found.append("digits only, and TON 5 is a name's")
    return found
