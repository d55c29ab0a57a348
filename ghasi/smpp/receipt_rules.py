"""An operator's dialect of receipts, as data (docs/architecture.md, "Receipts")."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, tzinfo
from enum import StrEnum
from typing import Final

from ghasi.smpp.causes import PLAIN_CODES, ErrorCodes
from ghasi.smpp.receipt_body import Decoder
from ghasi.smpp.receipt_text import MARK, SEPARATOR


class IdSource(StrEnum):
    """Which id counts where the TLV and the text both name one."""

    BOTH = "both"
    TLV = "tlv"
    TEXT = "text"


@dataclass(frozen=True, slots=True)
class ReceiptRules:
    """An operator's dialect; the defaults read every form that needs no knowledge of the operator.

    `zone`: of dates without one. `unmarked`: take a receipt whose esm_class does not say so, by its TLV or its shape.

    `words`: stat words (upper case) that mean another message_state here. `keys`: what the operator calls a field,
    by its own key in any letter case, beside the usual keys (`{"msgid": "id"}`; receipt_text.FIELD_NAMES lists the
    fields); `mark` stands between key and value.

    `columns`: field names of a text without keys, in order ("" skips one), between `separator`s.

    `date_forms`: how dates are written, before anything is guessed from their length (`receipt_dates.parse_date`).
    `decode`: octets to text (`receipt_body.Decoder`), where the default (UTF-16 if it is, else Latin-1) is wrong;
    `keeps_ascii` says that it leaves ASCII as it is.

    `id_source`, `id_prefix`, `id_cut`: which id is looked for, without that prefix, and only up to that mark
    ("@" cuts an "@suffix"). `errors`: what error codes mean.
    """

    zone: tzinfo = UTC
    unmarked: bool = True
    unknown_is_final: bool = False
    words: Mapping[str, int] = field(default_factory=dict)
    keys: Mapping[str, str] = field(default_factory=dict)
    mark: str = MARK
    columns: tuple[str, ...] = ()
    separator: str = SEPARATOR
    date_forms: tuple[str, ...] = ()
    decode: Decoder | None = None
    keeps_ascii: bool = False
    id_source: IdSource = IdSource.BOTH
    id_prefix: str = ""
    id_cut: str = ""
    errors: ErrorCodes = PLAIN_CODES

    @property
    def plain_text(self) -> bool:
        """Whether a text in the form of SMPP 3.4 appendix B is read as without rules, but for words, dates and
        causes."""
        readable = self.decode is None or self.keeps_ascii
        return readable and not self.keys and self.mark == MARK and not self.id_prefix and not self.id_cut

    @property
    def plain_ids(self) -> bool:
        """Whether all ids are looked for as they are."""
        return self.id_source is IdSource.BOTH and not self.id_prefix and not self.id_cut

    def key_id(self, raw: str) -> str:
        """The part of an id that is looked for."""
        if self.id_prefix:
            raw = raw.removeprefix(self.id_prefix)
        return raw.partition(self.id_cut)[0] if self.id_cut else raw


PLAIN_RULES: Final = ReceiptRules()
