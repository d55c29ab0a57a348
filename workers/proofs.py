"""What is counted and said of parts in doubt that a receipt proved (docs/contract.md §11)."""

from __future__ import annotations

from collections.abc import Sequence

from ghasi.correlations.types import MatchedReceipt
from ghasi.logs import get_logger
from workers import metrics

log = get_logger()


def count_proofs(matched: Sequence[MatchedReceipt]) -> None:
    """Parts in doubt that these receipts proved although their id was unknown."""
    for receipt in matched:
        if receipt.proof is not None:
            metrics.in_doubt_proven.labels(str(receipt.facts.operator_id), receipt.proof.value).inc()
            log.info(
                "in_doubt.proven",
                operatorId=str(receipt.facts.operator_id),
                messageId=str(receipt.message_id),
                reason=receipt.proof.value,
                traceparent=receipt.traceparent,
            )
