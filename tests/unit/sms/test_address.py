from __future__ import annotations

import pytest

from ghasi.sms.address import Address, AddressForm, AddressRules, parse_destination, parse_sender, sender_form
from ghasi.sms.errors import InvalidNumber, InvalidSender


@pytest.mark.parametrize(
    ("number", "addr"),
    [("+93701234567", "93701234567"), ("93701234567", "93701234567"), ("12345", "12345"), ("+" + "9" * 15, "9" * 15)],
)
def test_destination(number: str, addr: str) -> None:
    assert parse_destination(number) == Address(1, 1, addr)


@pytest.mark.parametrize(
    "number",
    [
        "",
        "+",
        "1234",
        "9" * 16,
        "9370123456a",
        "++93701234567",
        "93 701234567",
        "93701234567\n",
        "٩٣٧٠١٢٣٤٥٦٧",
        "GHASI",
    ],
)
def test_no_destination(number: str) -> None:
    with pytest.raises(InvalidNumber) as caught:
        parse_destination(number)
    assert not number or number not in str(caught.value)


@pytest.mark.parametrize(
    ("sender", "form", "address"),
    [
        ("GHASI", AddressForm.ALPHANUMERIC, Address(5, 0, "GHASI")),
        ("My Bank 24h", AddressForm.ALPHANUMERIC, Address(5, 0, "My Bank 24h")),
        ("AT&T", AddressForm.ALPHANUMERIC, Address(5, 0, "AT&T")),
        ("Düğün".replace("ğ", "g"), AddressForm.ALPHANUMERIC, Address(5, 0, "Dügün")),
        ("+abc", AddressForm.ALPHANUMERIC, Address(5, 0, "+abc")),
        ("1", AddressForm.SHORT_CODE, Address(3, 0, "1")),
        ("40404", AddressForm.SHORT_CODE, Address(3, 0, "40404")),
        ("12345678", AddressForm.SHORT_CODE, Address(3, 0, "12345678")),
        ("123456789", AddressForm.INTERNATIONAL, Address(1, 1, "123456789")),
        ("+12345", AddressForm.INTERNATIONAL, Address(1, 1, "12345")),
        ("+93701234567", AddressForm.INTERNATIONAL, Address(1, 1, "93701234567")),
    ],
)
def test_sender(sender: str, form: AddressForm, address: Address) -> None:
    assert sender_form(sender) is form
    assert parse_sender(sender) == address


@pytest.mark.parametrize(
    "sender",
    [
        "",
        " ",
        "x" * 12,
        "x" * 30,
        "abcdefghij{",  # the brace takes two of eleven septets
        "Жизнь",
        "Δέλτα",
        "a€",
        "a\nb",
        "a\x00b",
        "9" * 16,
        "9" * 21,
        "+1234",
        "+",
        "+" + "9" * 16,
        "GHASI\u2019s",
    ],
)
def test_no_sender(sender: str) -> None:
    with pytest.raises(InvalidSender) as caught:
        parse_sender(sender)
    assert len(sender) < 5 or sender not in str(caught.value)


def test_rules_of_an_operator() -> None:
    rules = AddressRules(destination=(0, 1), international=(2, 8), short_code=(0, 0), alphanumeric=(5, 1), plus=True)
    assert parse_destination("93701234567", rules) == Address(0, 1, "+93701234567")
    assert parse_sender("+93701234567", rules) == Address(2, 8, "+93701234567")
    assert parse_sender("40404", rules) == Address(0, 0, "40404")
    assert parse_sender("GHASI", rules) == Address(5, 1, "GHASI")


def test_repr_hides_the_number() -> None:
    assert "93701234567" not in repr(parse_destination("93701234567"))
