"""Which part in doubt a receipt proves that carries an id nobody knows (docs/architecture.md, receipts). Pure.

A wrong proof loses a message in silence, a proof not given costs a repeat that says it may be one. So all must fit:
the operator, both numbers, and the times. Parts whose id may still come, or never came, cannot be proven but count
as what the receipt may mean; where more than one part is meant, nothing is proven, but for two cases in which the
message is proven whichever receipt belongs to which part: all its parts that are meant have their receipts, or all
that are meant are tries of one part. Failing that, the reference that the operator repeats may name the part.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from ghasi.contracts import timers
from ghasi.correlations.matching import Candidate, same_number
from ghasi.correlations.rows import DoubtfulRow
from ghasi.correlations.types import Proof, ReceiptFacts, RowStatus
from ghasi.smpp.id_explain import readings
from ghasi.smpp.receipt_ids import IdBase, fold_id, id_keys

SUBMIT_TOLERANCE = timedelta(minutes=2)
"""Dates in receipts are often cut to the minute, and the operator's clock is not ours."""
CLOCKS = timedelta(seconds=2)
"""Between the clocks of our own hosts."""
LATEST = timedelta(hours=timers.INBOX_MATCHABLE_HOURS)
_REFERENCE_DIGITS = 4


class Doubt(Candidate):
    """A part without an id; `provable` is False for one that only may be what a receipt means."""

    __slots__ = ("sender", "user_message_reference")

    def __init__(self, row: DoubtfulRow) -> None:
        super().__init__(row)
        self.sender = row.sender
        self.user_message_reference = row.user_message_reference

    @property
    def provable(self) -> bool:
        return self.row.status is RowStatus.IN_DOUBT


@dataclass(frozen=True, slots=True)
class Proven:
    """`receipts`, all of one id and in order, mean this part."""

    receipts: tuple[ReceiptFacts, ...]
    part: Doubt
    by: Proof


@dataclass(frozen=True, slots=True)
class Undecided:
    """So many `ids` may mean so many `parts`, and nothing tells which."""

    receipts: tuple[ReceiptFacts, ...]
    ids: int
    parts: int


def decide(receipts: Sequence[ReceiptFacts], parts: Sequence[Doubt]) -> tuple[list[Proven], list[Undecided]]:
    """`receipts` must be all that wait for the subscribers of `parts`: one left out could decide otherwise.

    They carry ids that no part has. What means no part at all is in neither list.
    """
    meant = {named: [part for part in parts if _all_fit(named, part)] for named in _by_id(receipts)}
    proven = _by_facts(meant)
    proven += _by_reference(meant, parts, taken={id(one.part) for one in proven})
    done = {one.receipts for one in proven}
    return proven, [_undecided(named, meant) for named, fitting in meant.items() if fitting and named not in done]


_Named = tuple[ReceiptFacts, ...]
_Meant = dict[_Named, list[Doubt]]


def _by_id(receipts: Iterable[ReceiptFacts]) -> list[_Named]:
    """Receipts of one id at one operator are about one part, however many states they tell."""
    named: dict[object, list[ReceiptFacts]] = {}
    for facts in sorted(receipts, key=lambda facts: (facts.taken_at, facts.receipt_key)):
        if facts.lookup_keys:
            named.setdefault((facts.operator_id, facts.lookup_keys[0]), []).append(facts)
    return [tuple(group) for group in named.values()]


def _by_facts(meant: _Meant) -> list[Proven]:
    """The surest first: what is proven is no longer in doubt for the rest."""
    proven: list[Proven] = []
    while found := _surest(meant):
        proven += found
        taken, settled = {id(one.part) for one in found}, {one.receipts for one in found}
        for named in settled:
            meant[named] = []
        for named, fitting in meant.items():
            meant[named] = [part for part in fitting if id(part) not in taken]
    return proven


def _surest(meant: _Meant) -> list[Proven]:
    claims: dict[frozenset[int], list[_Named]] = {}
    for named, fitting in meant.items():
        claims.setdefault(frozenset(map(id, fitting)), []).append(named)
    for ids in sorted(claims, key=len):
        claiming = sorted(claims[ids], key=_order)
        fitting = sorted(meant[claiming[0]], key=_sent)
        if fitting and _is_proof(len(claiming), fitting):
            return [Proven(named, part, Proof.FACTS) for named, part in zip(claiming, fitting, strict=False)]
    return []


def _is_proof(ids: int, fitting: Sequence[Doubt]) -> bool:
    if not all(part.provable for part in fitting) or len({part.row.message_id for part in fitting}) > 1:
        return False
    one_part = len({part.row.segment for part in fitting}) == 1
    return ids <= len(fitting) if one_part else ids == len(fitting)


def _order(named: _Named) -> tuple[object, ...]:
    first = named[0]
    return (first.submit_date or first.taken_at, first.taken_at, first.receipt_key)


def _sent(part: Doubt) -> tuple[int, int]:
    """A message stands by its last tries: they come first."""
    return (-part.row.attempt, part.row.segment)


def _by_reference(meant: _Meant, parts: Sequence[Doubt], taken: set[int]) -> list[Proven]:
    found: dict[int, list[Proven]] = {}
    for named in meant:
        repeated = [part for part in parts if id(part) not in taken and all(repeats(one, part) for one in named)]
        if len(repeated) == 1 and repeated[0].provable:
            found.setdefault(id(repeated[0]), []).append(Proven(named, repeated[0], Proof.REFERENCE))
    return [claims[0] for claims in found.values() if len(claims) == 1]


def _undecided(named: _Named, meant: _Meant) -> Undecided:
    mine = set(map(id, meant[named]))
    ids = sum(not mine.isdisjoint(map(id, others)) for others in meant.values())
    return Undecided(named, ids, len(mine))


def _all_fit(named: _Named, part: Doubt) -> bool:
    return all(fits(facts, part) for facts in named)


def fits(facts: ReceiptFacts, part: Doubt) -> bool:
    """Whether operator, numbers, times and reference of the receipt allow that it means this part."""
    told, ours = _reference(facts.user_message_reference), _reference_of(part)
    return (
        in_time(facts, part)
        and _same_sender(facts.sender, part.sender)
        and _submitted_then(facts, part)
        and (told is None or ours is None or told == ours)
    )


def repeats(facts: ReceiptFacts, part: Doubt) -> bool:
    """Sender and date may have been rewritten on the way; number and time of arrival cannot."""
    told = _reference(facts.user_message_reference)
    return told is not None and told == _reference_of(part) and in_time(facts, part)


def in_time(facts: ReceiptFacts, part: Doubt) -> bool:
    """Whether the receipt is of the part's subscriber and came when one for it may come."""
    row = part.row
    if facts.operator_id != row.operator_id or not same_number(facts.destination, row.destination):
        return False
    earliest = row.prepared_at - CLOCKS
    return earliest <= facts.taken_at <= (row.in_doubt_at or facts.taken_at) + LATEST


def _submitted_then(facts: ReceiptFacts, part: Doubt) -> bool:
    if facts.submit_date is None:
        return True
    end = part.row.in_doubt_at or facts.taken_at
    return part.row.prepared_at - SUBMIT_TOLERANCE <= facts.submit_date <= end + SUBMIT_TOLERANCE


def _same_sender(left: str, right: str) -> bool:
    left, right = left.strip().lstrip("+"), right.strip().lstrip("+")
    if left.isdigit() and right.isdigit():
        return same_number(left, right)
    return bool(left) and left.casefold() == right.casefold()


def _reference(text: str | None) -> int | None:
    """Two octets in hex; what is longer or shorter names none of ours (SMPP 3.4 §5.3.2.17)."""
    if text is None or len(text) != _REFERENCE_DIGITS:
        return None
    try:
        return int(text, 16)
    except ValueError:
        return None


def _reference_of(part: Doubt) -> int | None:
    """The ledger keeps the first part's; the others count up from it."""
    first = _reference(part.user_message_reference)
    return None if first is None else (first + part.row.segment - 1) % 0x10000


def other_readings(facts: ReceiptFacts) -> set[str]:
    """Keys under which a part would stand if the operator wrote the id of this receipt in another way there.

    Where the operator's rule for ids is wrong, or not learned yet, the receipts of known parts look like those of
    unknown ones.
    """
    name = facts.operator_message_id
    keys = {key for one in readings(name) if (key := one.key(name)) is not None}
    for base in (IdBase.HEX, IdBase.DEC):
        for key in id_keys(name, base=base):
            if key.startswith("#"):
                number = int(key[1:])
                keys |= {key, str(number), fold_id(f"{number:x}")}
    return keys.difference(facts.lookup_keys)
