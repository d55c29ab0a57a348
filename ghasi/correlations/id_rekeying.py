"""Receipts that wait get the keys that the relation in force gives their ids, so that the sweep finds their parts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from ghasi.correlations import sql_ids
from ghasi.correlations.db import as_json, execute, fetch, locked, repeated
from ghasi.correlations.texts import fit_keys
from ghasi.smpp.id_relation import TEXT, Relation, read_again, reader

PAGE = 1000
MARGIN = timedelta(minutes=2)
"""What was taken in so lately is looked at again: it may have been read by what was in force before."""


@repeated
def rekey(operator_id: UUID, relation: Relation | None, after: int, now: datetime) -> tuple[int, bool, int]:
    """A page of what waits behind the inbox id `after`; returns how many got other keys, whether there are more, and
    behind which id to go on."""
    read = reader(relation or TEXT)
    with locked():
        waiting = fetch(sql_ids.WAITING_PAGE, {"operator_id": operator_id, "after": after, "limit": PAGE})
        new = [fit_keys(read_again(read, name, _names(keys))) for _, _, name, keys in waiting]
        rows = [
            {"id": row_id, "lookup_keys": keys}
            for (row_id, _, _, old), keys in zip(waiting, new, strict=True)
            if keys and keys != old
        ]
        changed = execute(sql_ids.REKEY, {"rows": as_json(rows)}) if rows else 0
    if len(waiting) == PAGE:
        return changed, True, waiting[-1][0]
    settled = [row_id for row_id, taken_at, _, _ in waiting if taken_at < now - MARGIN]
    return changed, False, max([after, *settled])


def _names(keys: Sequence[str]) -> Sequence[str]:
    """Keys as `read_again` takes them. What was read by an id base has keys that are no names of the receipt's."""
    return keys[:1] if any(key.startswith("#") for key in keys) else keys
