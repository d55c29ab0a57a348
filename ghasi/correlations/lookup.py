"""What a person may type into a search, and the indexed keys it can mean. Pure."""

from __future__ import annotations

from uuid import UUID

from ghasi.smpp.id_explain import readings
from ghasi.smpp.receipt_ids import IdBase, id_keys

LONGEST_NUMBER = 20


def as_uuid(term: str) -> UUID | None:
    try:
        return UUID(term)
    except ValueError:
        return None


def lookup_keys(term: str) -> list[str]:
    """Every key an id may be stored under, whatever the operator's base and however its receipts are read."""
    read = {key for one in readings(term) if (key := one.key(term)) is not None}
    return sorted(read.union(key for base in IdBase for key in id_keys(term, base=base)))


def numbers_of(term: str) -> list[str]:
    """A subscriber's number as the ledger may have it: with a plus or without; none where it is no number."""
    digits = term.strip().lstrip("+")
    return [digits, f"+{digits}"] if digits.isascii() and digits.isdigit() and len(digits) < LONGEST_NUMBER else []
