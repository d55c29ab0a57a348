"""What an operator means by what the specification leaves open, as explanations need it: from its profile
(docs/profiles.md).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

import msgspec

from ghasi.contracts.rules import StatusMeaning, TlvToRead
from ghasi.contracts.sessions import SendRules
from ghasi.contracts.statuses import StatusOverride, check_statuses
from ghasi.profiles.receipt_rules import receipt_id_base, receipt_rules
from ghasi.profiles.rules import send_rules
from ghasi.profiles.schema import Profile
from ghasi.smpp.receipt import IdBase, ReceiptRules
from ghasi.smpp.status_rules import StatusRulesError, parse_codes
from ghasi.sms.coding import Alphabet


@dataclass(frozen=True, slots=True)
class Dialect:
    """One operator's. `profile` None means that nobody named one: then nothing is held against it. `statuses` are its
    own meanings by number, name or range."""

    profile: Profile | None = None
    alphabet: Alphabet = Alphabet.GSM7
    packed: bool = False
    """Texts in GSM 03.38 are packed septets; of receipts `receipts` tells."""
    tlvs: Mapping[int, TlvToRead] = field(default_factory=dict)
    receipts: ReceiptRules = field(default_factory=ReceiptRules)
    id_base: IdBase = IdBase.TEXT
    statuses: Mapping[str, StatusMeaning] = field(default_factory=dict)

    def status(self, status: int) -> StatusMeaning | None:
        """The operator's own meaning of a command_status; of ranges that hold it the narrowest."""
        found = []
        for text, meaning in self.statuses.items():
            first, last = parse_codes(text)
            if first <= status <= last:
                found.append((last - first, meaning))
        return min(found, key=lambda one: one[0])[1] if found else None


PLAIN: Final = Dialect()


def dialect_of(profile: Profile) -> Dialect:
    return replace(dialect_of_rules(send_rules(profile)), profile=profile, statuses=profile.statuses)


def dialect_of_rules(rules: SendRules) -> Dialect:
    """By the rules that a gateway publishes of an operator: what its profile and operator management say together.
    Words of a release to come mean what is plain."""
    return Dialect(
        alphabet=Alphabet(rules.alphabet) if rules.alphabet in set(Alphabet) else Alphabet.GSM7,
        packed=rules.packed,
        tlvs={one.tag: one for one in rules.tlvs_read},
        receipts=receipt_rules(rules),
        id_base=receipt_id_base(rules),
        statuses=_meanings(rules.statuses),
    )


def _meanings(overrides: tuple[StatusOverride, ...]) -> dict[str, StatusMeaning]:
    try:
        check_statuses(overrides)
        return {str(one.code): msgspec.convert(_without_code(one), StatusMeaning) for one in overrides}
    except (StatusRulesError, msgspec.ValidationError):
        return {}


def _without_code(override: StatusOverride) -> dict[str, Any]:
    fields: dict[str, Any] = msgspec.to_builtins(override)
    return {name: value for name, value in fields.items() if name != "code"}
