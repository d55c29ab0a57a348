"""Rules of operators that this process cannot follow: words of a release to come, or what a gateway let pass.

Nothing can be built by them, so that such a gateway is handed nothing and the operator's commands wait. It is told
once, and shown by a metric for as long as it lasts.
"""

from __future__ import annotations

from collections import defaultdict

from ghasi.contracts.sessions import SendRules, SessionRecord
from ghasi.logs import get_logger
from ghasi.profiles.rule_checks import rule_problems
from workers import metrics
from workers.submit_rules import writers_of

log = get_logger()


class Unfollowed:
    """By operator and replica, as the last record of each says."""

    def __init__(self) -> None:
        self._replicas: dict[str, dict[str, float]] = defaultdict(dict)
        """When each was last heard of."""

    def holds(self, record: SessionRecord) -> bool:
        """Whether the replica's last word of that operator cannot be followed."""
        return record.replica in self._replicas.get(record.operator_id, ())

    def judge(self, record: SessionRecord, now: float) -> bool:
        """Takes a record in; whether its rules can be followed."""
        try:
            writers_of(record.rules)
        except Exception as error:
            self.mark(record.operator_id, record.replica, now, type(error).__name__, _named(record.rules))
            return False
        self.clear(record.operator_id, record.replica)
        return True

    def mark(self, operator_id: str, replica: str, now: float, error_type: str, fields: str = "") -> None:
        """Tells it once, until `clear`."""
        known = replica in self._replicas[operator_id]
        self._replicas[operator_id][replica] = now
        if known:
            return
        metrics.rules_not_followed.labels(operator_id).set(1)
        log.error("rules.not_followed", operatorId=operator_id, replica=replica, errorType=error_type, fields=fields)

    def clear(self, operator_id: str, replica: str) -> None:
        """The replica has said something else, or nothing any more."""
        replicas = self._replicas.get(operator_id)
        if replicas is None or replica not in replicas:
            return
        del replicas[replica]
        if not replicas:
            metrics.rules_not_followed.labels(operator_id).set(0)
        log.info("rules.followed_again", operatorId=operator_id, replica=replica)

    def forget(self, operator_id: str, before: float) -> None:
        """Replicas last heard of before that time: they are gone, and nothing of theirs is to be followed."""
        for replica in [one for one, heard in self._replicas.get(operator_id, {}).items() if heard < before]:
            self.clear(operator_id, replica)


def _named(rules: SendRules) -> str:
    """The fields that a profile could not have, without their values."""
    try:
        return ", ".join(one.path for one in rule_problems(rules)[:5])
    except Exception as error:
        return type(error).__name__
