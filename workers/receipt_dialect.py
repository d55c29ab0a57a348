"""An operator's rules as the receipt parser takes them (docs/profiles.md, `receipts`). Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from ghasi.contracts.rules import TlvToRead
from ghasi.contracts.sessions import SendRules
from ghasi.profiles.receipt_rules import receipt_id_base, receipt_rules
from ghasi.smpp.receipt import IdBase, ReceiptRules
from workers.by_rules import ByRules

__all__ = ["PLAIN_RULES", "Dialect", "dialect_of", "receipt_rules"]

PLAIN_RULES: Final = SendRules()


@dataclass(frozen=True, slots=True)
class Dialect:
    """How one operator writes receipts: `base` is that of the ids in them, `submit_dates` says whether a submit date
    without a zone counts, `tlvs` are the optional parameters that are told."""

    rules: ReceiptRules
    base: IdBase
    submit_dates: bool
    tlvs: tuple[TlvToRead, ...] = ()


def _dialect(rules: SendRules) -> Dialect:
    """A date without a zone counts as a submit date only where the rules name one: the default names none."""
    return Dialect(
        receipt_rules(rules), receipt_id_base(rules), rules.dlr_zone != PLAIN_RULES.dlr_zone, rules.tlvs_read
    )


dialect_of = ByRules(_dialect)
"""Of an operator with these rules."""
