# ruff: noqa: S608 - the only things put into the conditions are the constants of this module
"""Which parts in doubt are an open question, and whose (docs/architecture.md, "Held").

Said once, for statements and for the admin's lists: what the first page counts is what the lists name and the shell
shows. In all of them `c` is the ledger. A part that was tried again is nobody's question any more, and one in doubt
has no operator's id: the index of parts without one holds the few that are open, not all that were settled since.
"""

from __future__ import annotations

from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet

from ghasi.correlations.claims import PLAN_CHANGED, POLICY_EXPIRED
from ghasi.correlations.models import MessageCorrelation
from ghasi.correlations.rows import ORDER_FAILED, ORDER_SENT, POLICY_FAIL, POLICY_HOLD
from ghasi.correlations.sql import LEDGER
from ghasi.correlations.types import RowStatus

KEPT = (POLICY_HOLD, POLICY_EXPIRED, PLAN_CHANGED)
"""policy_action of a part whose bytes are put aside for a person (`in_doubt:hold`)."""
GONE = "command_gone"
"""How the in_doubt_reason of a part begins that no policy acts on, because its command is gone."""
_ORDERED = (ORDER_SENT, ORDER_FAILED)


def _one_of(actions: tuple[str, ...]) -> str:
    return f"c.policy_action IN ({', '.join(repr(one) for one in actions)})"


_DOUBTFUL = (
    f"c.in_doubt_at IS NOT NULL AND c.operator_message_keys IS NULL AND c.status = '{RowStatus.IN_DOUBT.value}'"
)
_LAST_TRY = f"""
NOT EXISTS (SELECT 1 FROM {LEDGER} n
    WHERE n.message_id = c.message_id AND n.segment = c.segment AND n.attempt > c.attempt
      AND n.enqueued_day >= c.enqueued_day)
"""
IS_FOR_A_PERSON = f"({_one_of(KEPT)} OR c.policy_action IS NULL AND starts_with(c.in_doubt_reason, '{GONE}'))"
"""Of parts that are open: whether they are left to a person; true, or false or null."""

FOR_A_PERSON = f"{_DOUBTFUL} AND {IS_FOR_A_PERSON} AND {_LAST_TRY}"
"""Nobody but a person or a receipt settles it."""
LEFT = f"{_DOUBTFUL} AND ({IS_FOR_A_PERSON} OR {_one_of((POLICY_FAIL,))}) AND {_LAST_TRY}"
"""What a person may settle: the same, and what the policy `fail` has given up and told as such."""
OPEN = f"{_DOUBTFUL} AND (c.policy_action IS NULL OR {_one_of((*KEPT, POLICY_FAIL, *_ORDERED))}) AND {_LAST_TRY}"
"""Nobody knows yet: it waits for proof, is left, or a person's word on it is being told."""


def is_for_a_person(policy_action: str | None, in_doubt_reason: str | None) -> bool:
    """The same of the last try of a part in doubt."""
    return policy_action in KEPT or (policy_action is None and (in_doubt_reason or "").startswith(GONE))


def doubtful(*, for_a_person: bool) -> Q:
    """Those in doubt by their own row, whether or not they were tried again."""
    kept = Q(policy_action__in=KEPT) | Q(policy_action__isnull=True, in_doubt_reason__startswith=GONE)
    every = Q(policy_action__isnull=True) | Q(policy_action__in=(*KEPT, POLICY_FAIL, *_ORDERED))
    return Q(in_doubt_at__isnull=False, status=RowStatus.IN_DOUBT.value) & (kept if for_a_person else every)


def last_tries(queryset: QuerySet[Any]) -> QuerySet[Any]:
    """Those that were not tried again."""
    later = MessageCorrelation.objects.filter(
        message_id=OuterRef("message_id"),
        segment=OuterRef("segment"),
        attempt__gt=OuterRef("attempt"),
        enqueued_day__gte=OuterRef("enqueued_day"),
    )
    return queryset.filter(~Exists(later))
