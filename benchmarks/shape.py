"""What a large installation holds beside its ledger: operators and their share of the rows, as SQL and as names."""

from __future__ import annotations

OPERATORS = 50
DAYS = 30
NUMBERS = 5
"""Messages of one subscriber, on average."""
BUSY_NUMBER = "+93799999999"
"""A number that is sent something all day, such as a test handset's."""
BUSY_EVERY = 2_000
"""Rows for each of the busy number's."""
_PREFIX = "550e8400-e29b-41d4-a716-4466554401"
ODD = 100
"""Of each thousand rows so many have another fate than a delivery."""


def operator_id(number: int) -> str:
    """From 0 on, fewer than `OPERATORS`."""
    return f"{_PREFIX}{number:02}"


def operator_name(number: int) -> str:
    return f"Operator {number:02}"


def operator_of(row: int) -> str:
    """The operator of the ledger's row of that number."""
    return operator_id(place_of(row))


def place_of(row: int) -> int:
    return (row % 1000 + row // 1000) % OPERATORS


def is_plain(row: int) -> bool:
    """Whether the row was delivered, and not to the busy number."""
    return row % 1000 >= ODD and row % BUSY_EVERY != BUSY_EVERY - 1


SQL_OPERATOR = f"('{_PREFIX}' || lpad(((n %% 1000 + n / 1000) %% {OPERATORS})::text, 2, '0'))::uuid"
"""The same for a statement with parameters, of its column `n`."""
SQL_NUMBER = (
    f"CASE WHEN n %% {BUSY_EVERY} = {BUSY_EVERY - 1} THEN '{BUSY_NUMBER}'"
    f" ELSE '+9378' || lpad((n / {NUMBERS * 7} * 7 + n %% 7)::text, 8, '0') END"
)
