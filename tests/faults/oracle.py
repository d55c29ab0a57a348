"""Judges a run: what was lost, what was doubled in silence, what nobody can explain. Pure.

- Lost: a command without a recorded outcome, an outcome nobody was told, a part recorded as sent that the SMSC never
  saw, a receipt we acknowledged that yields no event.
- Doubled: the SMSC took a part more often than the ledger admits to (`possible_duplicate`).
- Unexplained: any other disagreement between the SMSC's log, the ledger and the events.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TypeVar

from tests.faults.evidence import Command, Dlr, Evidence, Row, Submit

K = TypeVar("K")

ACCEPTED = frozenset({"SUBMITTED", "DLR_RECEIVED"})
CLOSED = frozenset({"SUBMITTED", "DLR_RECEIVED", "EXPIRED", "REJECTED", "IN_DOUBT"})


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that must not be. `subject` is a message id or an operator's id, never a number."""

    what: str
    subject: str
    batch: str = ""


@dataclass(slots=True)
class Verdict:
    """`in_doubt` and `resent` are admitted, counted and allowed; the three lists must be empty."""

    commands: int = 0
    taken: int = 0
    receipts: int = 0
    in_doubt: int = 0
    resent: int = 0
    lost: list[Finding] = field(default_factory=list)
    doubled: list[Finding] = field(default_factory=list)
    unexplained: list[Finding] = field(default_factory=list)

    @property
    def holds(self) -> bool:
        return not (self.lost or self.doubled or self.unexplained)

    def __str__(self) -> str:
        """Counts, and the first findings of each kind."""
        lists = {"lost": self.lost, "doubled": self.doubled, "unexplained": self.unexplained}
        told = [f"{self.commands} commands, {self.taken} taken, {self.in_doubt} in doubt, {self.resent} resent"]
        for name, found in lists.items():
            told.append(f"{name} {len(found)}: " + "; ".join(f"{f.what} ({f.batch}, {f.subject})" for f in found[:5]))
        return "\n".join(told)


def explain(verdict: Verdict, evidence: Evidence, most: int = 3) -> str:
    """The verdict, and all there is about the first messages it names, for who looks for the cause."""
    told = [str(verdict)]
    named = dict.fromkeys(one.subject for one in (*verdict.lost, *verdict.doubled, *verdict.unexplained))
    for subject in list(named)[:most]:
        numbers = {one.destination for one in evidence.commands if one.message_id == subject}
        told += [f"-- {subject}"]
        told += [str(row) for row in evidence.rows if row.message_id == subject]
        told += [str(submit) for submit in evidence.submits if submit.destination in numbers]
        told += [str(event) for event in (*evidence.results, *evidence.dlrs) if event.message_id == subject]
    return "\n".join(told)


class _Case:
    """The evidence, indexed."""

    def __init__(self, evidence: Evidence) -> None:
        self.evidence = evidence
        self.command_of = {one.destination: one for one in evidence.commands}
        self.batch_of = {one.message_id: one.batch for one in evidence.commands}
        self.rows: dict[str, dict[int, list[Row]]] = defaultdict(lambda: defaultdict(list))
        for row in evidence.rows:
            self.rows[row.message_id][row.segment].append(row)
        self.taken: dict[tuple[str, int], list[Submit]] = defaultdict(list)
        for submit in evidence.submits:
            if submit.taken:
                self.taken[(submit.destination, submit.part)].append(submit)
        self.results: dict[str, set[str]] = defaultdict(set)
        for result in evidence.results:
            self.results[result.message_id].add(result.result)

    def finding(self, what: str, subject: str) -> Finding:
        return Finding(what, subject, self.batch_of.get(subject, ""))

    def standing(self, message_id: str) -> list[Row]:
        """The last try of each part."""
        return [max(tries, key=lambda row: row.attempt) for tries in self.rows[message_id].values()]


def judge(evidence: Evidence) -> Verdict:
    """Compares all sides with each other."""
    case = _Case(evidence)
    verdict = Verdict(
        commands=len(evidence.commands),
        taken=sum(len(submits) for submits in case.taken.values()),
        receipts=len(evidence.receipts),
        in_doubt=sum(row.was_in_doubt for row in evidence.rows),
        resent=sum(row.possible_duplicate for row in evidence.rows),
    )
    for command in evidence.commands:
        verdict.lost += _lost(case, command)
        verdict.doubled += _doubled(case, command)
        verdict.unexplained += _ids_that_differ(case, command)
    verdict.lost += _lost_receipts(case)
    verdict.unexplained += _strangers(case)
    verdict.unexplained += _wrong_events(case)
    return verdict


def _lost(case: _Case, command: Command) -> Iterator[Finding]:
    message_id = command.message_id
    last = case.standing(message_id)
    if not last:
        if message_id not in case.evidence.dead:
            yield case.finding("no outcome", message_id)
        elif "DEAD" not in case.results[message_id]:
            yield case.finding("nobody was told", message_id)
        return
    if len(last) != last[0].segments:
        yield case.finding("part without a row", message_id)
    for row in last:
        if _is_open(row):
            what = "not settled in time" if case.evidence.unsettled else "open, and its command is gone"
            yield case.finding(what, message_id)
        elif row.status in ACCEPTED and not case.taken[(command.destination, row.segment)]:
            yield case.finding("recorded as sent, never seen by the SMSC", message_id)
    if not any(_is_open(row) for row in last) and _result_of(last) not in case.results[message_id]:
        yield case.finding("nobody was told", message_id)


def _is_open(row: Row) -> bool:
    if row.status == "IN_DOUBT":
        return row.policy_action is None
    return row.status not in CLOSED or (row.status == "REJECTED" and row.retry)


def _result_of(last: list[Row]) -> str:
    """The worst part names the result (docs/contract.md §5)."""
    if any(row.status == "IN_DOUBT" and row.policy_action != "fail" for row in last):
        return "IN_DOUBT"
    if any(row.status in ("REJECTED", "IN_DOUBT") for row in last):
        return "REJECTED"
    return "EXPIRED" if any(row.status == "EXPIRED" for row in last) else "ACCEPTED"


def _doubled(case: _Case, command: Command) -> Iterator[Finding]:
    for segment, tries in case.rows[command.message_id].items():
        admitted = 1 + sum(row.possible_duplicate for row in tries)
        taken = len(case.taken[(command.destination, segment)])
        yield from [case.finding("doubled in silence", command.message_id)] * max(0, taken - admitted)


def _ids_that_differ(case: _Case, command: Command) -> Iterator[Finding]:
    """Ids the SMSC gave and ids the ledger knows. One that is missing there is explained by a try in doubt; one that
    only the ledger knows by nothing. Parts of one message that were in doubt together may have changed their ids: a
    receipt for each proves them all, and need not tell which is whose (docs/architecture.md, "Receipts")."""
    parts = case.rows[command.message_id]
    doubted = [segment for segment, tries in parts.items() if any(row.was_in_doubt for row in tries)]
    for group in ([[one] for one in parts if one not in doubted]) + ([doubted] if doubted else []):
        taken = [one for segment in group for one in case.taken[(command.destination, segment)]]
        tries = [row for segment in group for row in parts[segment]]
        given = Counter(one.message_id for one in taken if one.message_id)
        known = Counter(row.operator_message_id for row in tries if row.operator_message_id)
        doubtful = sum(row.was_in_doubt and not row.operator_message_id for row in tries)
        if (given - known).total() > doubtful:
            yield case.finding("taken by the SMSC, unknown to the ledger", command.message_id)
        if known - given:
            yield case.finding("the ledger knows an id that was never given", command.message_id)


def _lost_receipts(case: _Case) -> Iterator[Finding]:
    """Each event and each waiting receipt accounts for one receipt. The same octets, sent again, are one."""
    told = Counter((event.operator_message_id, event.stat) for event in case.evidence.dlrs if not event.own)
    waiting = Counter(case.evidence.inbox)
    for receipt in dict.fromkeys(case.evidence.receipts):
        names = dict.fromkeys((receipt.message_id, receipt.receipt_id))
        if not (_take(told, [(name, receipt.stat) for name in names]) or _take(waiting, list(names))):
            yield Finding(
                "a receipt was acknowledged and is gone", receipt.receipt_id, _batch(case, receipt.destination)
            )


def _take(counted: Counter[K], keys: Iterable[K]) -> bool:
    """Takes one of the first of the keys that is left."""
    for key in keys:
        if counted[key] > 0:
            counted[key] -= 1
            return True
    return False


def _strangers(case: _Case) -> Iterator[Finding]:
    for destination, part in case.taken:
        command = case.command_of.get(destination)
        if command is None:
            yield Finding("sent, though nobody asked for it", f"part {part}")
        elif part not in case.rows[command.message_id]:
            yield case.finding("sent without a row", command.message_id)
    known = {one.message_id for one in case.evidence.commands}
    for message_id in case.rows:
        if case.rows[message_id] and message_id not in known:
            yield Finding("a row nobody asked for", message_id)


def _wrong_events(case: _Case) -> Iterator[Finding]:
    repeats = Counter(one.event_id for one in (*case.evidence.results, *case.evidence.dlrs))
    for event_id, count in repeats.items():
        if count > 1:
            yield Finding("one event, told twice", event_id)
    owners: dict[str, set[str]] = defaultdict(set)
    for submit in case.evidence.submits:
        command = case.command_of.get(submit.destination)
        if command is not None and submit.message_id:
            owners[submit.message_id].add(command.message_id)
    for event in case.evidence.dlrs:
        if not event.own and _is_misattributed(event, owners):
            yield case.finding("a receipt told of the wrong message", event.message_id or event.operator_message_id)


def _is_misattributed(event: Dlr, owners: dict[str, set[str]]) -> bool:
    if event.message_id is None:
        return False
    return event.message_id not in owners.get(event.operator_message_id, {event.message_id})


def _batch(case: _Case, destination: str) -> str:
    command = case.command_of.get(destination)
    return command.batch if command else ""
