"""All dimensions of one run, in the order of the report. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ghasi.probe.facts import Facts, Sent
from ghasi.probe.findings import Finding
from ghasi.probe.infer import alphabet, dates, dialect, id_match, ids, session, ways
from ghasi.probe.infer.columns import find_columns, read_by
from ghasi.probe.infer.reading import Seen, pairs_by_content, read_all


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """What operator management says of the account, and what a person said."""

    max_binds: int = 1
    idle: bool = True
    zone: str = "UTC"
    alphabet_on_phone: str = ""


def conclude(facts: Facts, declared: Declared, now: float) -> list[Finding]:
    """`now` in Unix seconds. Notes with each message how many receipts are about it."""
    found = session.conclude(facts, max_binds=declared.max_binds, idle=declared.idle)
    if not facts.sent:
        return found
    seen = read_all(facts.arrived)
    columns = find_columns(seen, facts.sent)
    seen = [read_by(each, columns) for each in seen]
    pairs = pair(seen, facts.sent)
    for each in facts.sent:
        each.receipts = sum(message is each for _, message in pairs)
    found += ways.conclude(facts, pairs)
    found.append(alphabet.conclude(pairs, facts.sent, declared.alphabet_on_phone))
    found.append(ids.conclude(seen, facts.sent, pairs_by_content(seen, facts.sent)))
    found.append(dialect.conclude(seen, facts.sent, columns))
    return found + dates.conclude(pairs, seen, declared.zone, now)


def pair(seen: Sequence[Seen], sent: Sequence[Sent]) -> list[tuple[Seen, Sent]]:
    """Receipts with their messages, by what they repeat of it, and by their ids where a relation fits them all."""
    by_content = pairs_by_content(seen, sent)
    paired = {id(one): (one, message) for one, message in by_content}
    fitting = id_match.match([each for each in seen if each.ids], sent, by_content)
    if fitting:
        for one, message in fitting[0].pairs:
            paired.setdefault(id(one), (one, message))
    return [paired[id(one)] for one in seen if id(one) in paired]
