"""Which operator carries the commands of a subject: its own binds, or those of its backup (docs/architecture.md).

The gateways decide and say so in their session records; the workers follow. Of several replicas' words the one with
the highest failover term counts.
"""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from ghasi.contracts.sessions import InDoubtPolicy, SendRules, SessionRecord
from ghasi.correlations.types import DoubtRule
from workers.holders import Holders

UNKNOWN_RULES = SendRules(in_doubt_policy=InDoubtPolicy.HOLD, in_doubt_wait=3600.0)
"""Plain SMPP 3.4, but what is in doubt waits: nobody has said yet what its operator wants done."""


class Route:
    """Of one operator's commands. Everything is looked up when it is asked for."""

    def __init__(self, holders: Holders, operator_id: str) -> None:
        self.operator_id = operator_id
        self._holders = holders
        self._heard: set[str] = set()

    def carrier(self) -> str:
        """The operator whose binds carry the commands now. One deep: whoever carries for it is not looked at."""
        word = self._word()
        return (word.carried_by if word is not None else None) or self.operator_id

    def holder(self) -> SessionRecord | None:
        """The replica to hand PDUs to; its `operator_id` is the one that carries. None: nobody can send now."""
        return self._holders.holder(self.carrier())

    def rules(self) -> SendRules:
        """By which the PDUs of a command are built now."""
        return self.rules_of(self.carrier())

    def rules_of(self, operator_id: str) -> SendRules:
        """As last heard; until then those that decide nothing that could not be undone."""
        return self._holders.rules(operator_id) or UNKNOWN_RULES

    def known(self) -> bool:
        """Whether a gateway has said the operator's own rules."""
        return self._holders.rules(self.operator_id) is not None

    def stuck(self) -> bool:
        """Whether no PDU can be built by the operator's own rules: its commands wait on the stream."""
        return self._holders.stuck(self.operator_id)

    def listen(self, changed: Callable[[], None]) -> None:
        """`changed` is called when a record of the operator or of its backup comes or goes."""

        def heard() -> None:
            for operator_id in self.pair() - self._heard:
                self._heard.add(operator_id)
                self._holders.listen(operator_id, changed)
            changed()

        self._heard.add(self.operator_id)
        self._holders.listen(self.operator_id, heard)

    def doubts(self) -> tuple[DoubtRule, ...]:
        """How each operator that may have carried a part wants its doubts handled."""
        rules = ((one, self.rules_of(one)) for one in sorted(self.pair()))
        return tuple(DoubtRule(UUID(one), each.in_doubt_policy.value, each.in_doubt_wait) for one, each in rules)

    def apart(self) -> bool:
        """Whether parts over the operator and parts over its backup make no whole for a phone."""
        return len({_form(self.rules_of(one)) for one in self.pair()}) > 1

    def pair(self) -> set[str]:
        """The operator, its backup, and who carries where that is neither; by the words of all replicas, because one
        that never bound the operator knows no backup."""
        named = {self.operator_id}
        for record in self._holders.records(self.operator_id):
            named |= {one for one in (record.backup_operator_id, record.carried_by) if one is not None}
        return named

    def _word(self) -> SessionRecord | None:
        records = self._holders.records(self.operator_id)
        return max(records, key=lambda record: (record.failover_term, record.updated_at), default=None)


def _form(rules: SendRules) -> tuple[object, ...]:
    """What decides how a long text is cut and how its parts are joined."""
    return (
        rules.alphabet,
        rules.packed,
        rules.locking_shift,
        rules.single_shift,
        rules.transliteration,
        rules.allowed_data_codings,
        rules.data_coding_fallback,
        rules.whole_clusters,
        rules.reference_bits,
        rules.long_mode,
        rules.long_mode_tlv,
    )
