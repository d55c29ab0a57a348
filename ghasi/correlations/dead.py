"""The admin's index over SMPP_DEAD; the bytes stay in the stream, for 30 days (docs/contract.md §1)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from uuid import UUID

from ghasi.correlations import sql_inbox
from ghasi.correlations.db import execute, repeated
from ghasi.correlations.texts import fit

KEPT = timedelta(days=30)
MOST_BATCHES = 50
"""Of one turn: the rest of a backlog is left to the next, because other upkeep waits meanwhile."""


def dead_letter_index(
    operator_id: UUID | str,
    stream_seq: int,
    reason: str,
    message_id: UUID | str | None,
    size: int,
    at: datetime,
    command_seq: int | None = None,
) -> None:
    """One row per (operator, sequence in SMPP_DEAD); a repeat overwrites it, still sent again where it was. `size` in
    octets; `command_seq` is the sequence the command had in SMS_DISPATCH."""
    execute(
        sql_inbox.DEAD_LETTER,
        {
            "operator_id": operator_id,
            "stream_seq": stream_seq,
            "reason": fit(reason, 64),
            "message_id": message_id,
            "size": size,
            "at": at,
            "command_seq": command_seq,
        },
    )


def sent_again(letters: Iterable[tuple[UUID, int]], now: datetime) -> int:
    """Of each message the letters up to that sequence in SMPP_DEAD are not open any more; returns how many were. What
    is refused again makes a new letter, which is. Raises DatabaseError."""
    wanted = sorted(letters)
    if not wanted:
        return 0
    message_ids, stream_seqs = (list(one) for one in zip(*wanted, strict=True))
    given = {"message_ids": message_ids, "stream_seqs": stream_seqs, "now": now}
    return repeated(execute)(sql_inbox.DEAD_SENT_AGAIN, given)


def forget_dead_letters(now: datetime, limit: int = 10_000) -> int:
    """Drops index rows whose bytes the stream has dropped, `limit` at a time; returns how many."""
    forgotten = 0
    for _ in range(MOST_BATCHES):
        some = execute(sql_inbox.DEAD_FORGET, {"before": now - KEPT, "limit": limit})
        forgotten += some
        if some < limit:
            break
    return forgotten
