"""Numbers as the staff sees them."""

import pytest

from ghasi.correlations.masking import masked, masked_sender, without_digits


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        ("93701234545", "+9370•••45"),
        ("+93701234545", "+9370•••45"),
        ("12345", "•••45"),
        ("", ""),
    ],
)
def test_masked(number: str, shown: str) -> None:
    assert masked(number) == shown


@pytest.mark.parametrize(
    ("sender", "shown"),
    [("GHASI", "GHASI"), ("1234", "1234"), ("93701234545", "+9370•••45"), ("+93701234545", "+9370•••45"), ("", "")],
)
def test_a_sender_that_is_a_name_or_a_short_code_stays(sender: str, shown: str) -> None:
    assert masked_sender(sender) == shown


@pytest.mark.parametrize(
    ("text", "logged"),
    [
        ("cut-prefix:93701234567", "cut-prefix:•••"),
        ("cut-prefix:12345 add-suffix:@0093701234567x", "cut-prefix:••• add-suffix:@•••x"),
        ("cut-prefix:1234 hex>dec width:36", "cut-prefix:1234 hex>dec width:36"),
    ],
)
def test_what_a_log_says_of_an_operators_text(text: str, logged: str) -> None:
    assert without_digits(text) == logged
