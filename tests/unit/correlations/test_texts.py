"""Strings from outside, made fit for a column."""

import pytest

from ghasi.correlations.texts import fit


@pytest.mark.parametrize(
    ("value", "fitted"),
    [("abc", "abc"), ("abcdef", "abcd"), ("a\x00b", "a\ufffdb"), ("سلام", "سلام"), ("a\ud800b", "a?b"), ("", "")],
)
def test_fit(value: str, fitted: str) -> None:
    assert fit(value, 4) == fitted


def test_none_stays_none() -> None:
    assert fit(None, 4) is None
