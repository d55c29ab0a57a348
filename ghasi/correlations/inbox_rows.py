"""Rows of the receipts inbox: written, read and marked, inside the caller's transaction."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

import msgspec

from ghasi.correlations import sql_inbox
from ghasi.correlations.db import as_json, execute, fetch
from ghasi.correlations.texts import fit, fit_keys
from ghasi.correlations.types import MatchedReceipt, ReceiptFacts

Identity = tuple[UUID, int, datetime]
"""Operator, receipt key, time taken: the receipt's name, also after its stream was made anew."""


class Waiting(msgspec.Struct, frozen=True, array_like=True):
    """An inbox row, in the order in which `sql_inbox` sends it (a JSON array)."""

    operator_id: UUID
    receipt_key: int
    taken_at: datetime
    operator_message_id: str
    lookup_keys: tuple[str, ...]
    status: str
    stat: str | None
    final: bool
    error_code: str | None
    done_at: datetime | None
    destination: str
    sender: str
    unreadable: str | None
    submit_date: datetime | None
    user_message_reference: str | None
    cause: str | None
    tlvs: tuple[tuple[str, str], ...] | None
    matched_row: UUID | None
    matched_day: date | None

    def __repr__(self) -> str:
        """Without the numbers."""
        return f"Waiting({self.operator_id}, {self.receipt_key}, {self.status})"

    def facts(self) -> ReceiptFacts:
        """The receipt as it came, but for its frame."""
        fields = {name: getattr(self, name) for name in self.__struct_fields__[:-2]}
        return ReceiptFacts(**fields)


_waiting = msgspec.json.Decoder(list[Waiting])


def fetch_waiting(statement: str, parameters: dict[str, Any]) -> list[Waiting]:
    return _waiting.decode(fetch(statement, parameters)[0][0])


def insert(receipts: Sequence[ReceiptFacts], now: datetime) -> None:
    execute(sql_inbox.INBOX_INSERT, {"rows": as_json([_inserted(facts) for facts in receipts]), "now": now})


def _inserted(facts: ReceiptFacts) -> dict[str, object]:
    return {
        **key(facts),
        "operator_message_id": fit(facts.operator_message_id, 80),
        "lookup_keys": fit_keys(facts.lookup_keys),
        "status": facts.status,
        "stat": fit(facts.stat, 32),
        "final": facts.final,
        "error_code": fit(facts.error_code, 32),
        "done_at": facts.done_at,
        "destination": fit(facts.destination, 32),
        "sender": fit(facts.sender, 32),
        "unreadable": fit(facts.unreadable, 64),
        "submit_date": facts.submit_date,
        "user_message_reference": fit(facts.user_message_reference, 64),
        "cause": facts.cause,
        "tlvs": facts.tlvs,
    }


def identity(facts: ReceiptFacts) -> Identity:
    return facts.operator_id, facts.receipt_key, facts.taken_at


def key(facts: ReceiptFacts) -> dict[str, object]:
    return {
        "operator_id": facts.operator_id,
        "receipt_key": facts.receipt_key,
        "taken_at": facts.taken_at,
    }


def mark_matched(
    matched: Sequence[tuple[MatchedReceipt, tuple[UUID, date]]], now: datetime, *, fresh: frozenset[Identity]
) -> None:
    """Only `fresh` receipts count as published: their stream brings them again until that is true."""
    for published in (now, None):
        rows = [
            {**key(receipt.facts), "row_id": row_id, "day": day}
            for receipt, (row_id, day) in matched
            if (identity(receipt.facts) in fresh) is (published is not None)
        ]
        if rows:
            execute(sql_inbox.INBOX_MATCHED, {"rows": as_json(rows), "now": now, "published": published})
