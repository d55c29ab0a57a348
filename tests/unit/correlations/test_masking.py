"""Numbers as the staff sees them."""

import pytest

from ghasi.correlations.masking import masked


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
