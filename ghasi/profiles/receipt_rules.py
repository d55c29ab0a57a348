"""An operator's rules as the receipt parser takes them (docs/profiles.md, `receipts`). Pure."""

from __future__ import annotations

from typing import Final

from ghasi.contracts.rules import ReceiptErrors
from ghasi.contracts.sessions import SendRules
from ghasi.profiles.places import zone_or_utc
from ghasi.smpp.cause_tables import TABLES, error_codes
from ghasi.smpp.causes import Cause, ErrorCodes, ErrorForm
from ghasi.smpp.constants import MessageState
from ghasi.smpp.receipt import IdBase, IdSource, ReceiptRules
from ghasi.sms.receipt_body import DECODERS, KEEP_ASCII

# The rule names the base of the ids in submit_sm_resp; where that is not plain text the receipts use the other one.
_RECEIPT_BASE: Final = {"hex": IdBase.DEC, "dec": IdBase.HEX}


def receipt_id_base(rules: SendRules) -> IdBase:
    """The base of the ids in receipts."""
    return _RECEIPT_BASE.get(rules.id_base, IdBase.TEXT)


def receipt_rules(rules: SendRules) -> ReceiptRules:
    """Never raises: a zone, a table, a coding or a cause nobody knows is left out, as validation would have it."""
    form = rules.receipts
    return ReceiptRules(
        zone=zone_or_utc(rules.dlr_zone),
        unmarked=form.unmarked,
        unknown_is_final=rules.unknown_is_final,
        words={word.upper(): MessageState[state.upper()] for word, state in form.words.items()},
        keys=dict(form.keys),
        mark=form.mark,
        columns=form.columns,
        separator=form.separator,
        date_forms=form.date_forms,
        decode=DECODERS.get(form.encoding),
        keeps_ascii=form.encoding in KEEP_ASCII,
        id_source=IdSource(form.id_source),
        id_prefix=form.id_prefix,
        id_cut=form.id_cut,
        errors=_errors(form.errors),
    )


def _errors(errors: ReceiptErrors) -> ErrorCodes:
    return error_codes(
        errors.table if errors.table in TABLES else None,
        form=ErrorForm(errors.form),
        low_bits=errors.low_bits,
        base=errors.base,
        causes={code: Cause(name) for code, name in errors.causes.items() if name in Cause.__members__},
    )
