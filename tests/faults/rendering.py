"""From figures to the text of docs/reliability.md. Pure but for the head of the page, which is a file of its own."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from tests.faults.catalogue import SECTIONS
from tests.faults.figures import Figures, latest
from tests.faults.rows import Fault, Section

HEAD = Path(__file__).with_name("reliability.head.md")
WITH_EXAMPLES = ["input", "promise", "holds", "examples", "test", "run"]
WITH_MESSAGES = ["fault", "promise", "holds", "runs", "messages", "lost", "doubled", "unexplained", "in doubt"]
WITH_MESSAGES += ["back, s", "test", "run"]


def merged(rows: list[Figures]) -> Figures:
    """Variants of one fault as one: counts are added, the slowest recovery stands."""
    ran = [one for one in rows if not one.not_run]
    if not ran:
        return rows[-1]
    times = [one.recovered for one in ran if one.recovered is not None]
    return Figures(
        fault=ran[0].fault,
        runs=sum(one.runs for one in ran),
        commands=sum(one.commands for one in ran),
        lost=sum(one.lost for one in ran),
        doubled=sum(one.doubled for one in ran),
        unexplained=sum(one.unexplained for one in ran),
        in_doubt=sum(one.in_doubt for one in ran),
        resent=sum(one.resent for one in ran),
        recovered=max(times) if times else None,
        failed=any(one.failed for one in ran),
        note="; ".join(sorted({one.note for one in ran if one.note})),
        kinds=tuple(sorted({kind for one in ran for kind in one.kinds})),
        test=ran[-1].test,
        date=max(one.date for one in ran),
        commit=", ".join(sorted({one.commit for one in ran})),
    )


def render(figures: Iterable[Figures]) -> str:
    """The document."""
    rows = _rows(figures)
    parts = [HEAD.read_text(encoding="utf-8"), "\n".join(["## Summary", "", *_summary(rows), ""])]
    parts += [_section(section, rows) for section in SECTIONS]
    return "\n".join(parts)


def summary(figures: Iterable[Figures]) -> str:
    """The document's first words, for a reader who has not opened it."""
    return "\n".join(_summary(_rows(figures)))


def _rows(figures: Iterable[Figures]) -> dict[str, Figures]:
    by_fault: dict[str, list[Figures]] = {}
    for (fault, _), one in sorted(latest(figures).items()):
        by_fault.setdefault(fault, []).append(one)
    return {fault: merged(variants) for fault, variants in by_fault.items()}


def _summary(rows: dict[str, Figures]) -> list[str]:
    faults = [fault for section in SECTIONS for fault in section.faults]
    ran = [(fault, rows[fault.name]) for fault in faults if fault.name in rows and not rows[fault.name].not_run]
    promised = [one for fault, one in ran if not fault.admits_doubles]
    counted = [one for one in promised if one.commands]
    limits = [fault.what for fault in faults if fault.admits_doubles]
    broken = [fault.what for fault, one in ran if _holds(fault, one) is False]
    return [
        f"Of {len(faults)} faults {len(ran)} were run. {sum(one.runs for one in counted):,} runs with "
        f"{sum(one.commands for one in counted):,} commands met a fault: "
        f"**{sum(one.lost for one in counted)} lost, {sum(one.doubled for one in counted)} doubled in silence, "
        f"{sum(one.unexplained for one in counted)} unexplained**, {sum(one.in_doubt for one in counted):,} parts "
        "in doubt for a while and admitted.",
        "",
        "Promises that did not hold: " + ("; ".join(broken) if broken else "none") + ".",
        "",
        "Not promised, because nobody on this side could keep it: " + "; ".join(limits) + ".",
    ]


def _holds(fault: Fault, one: Figures) -> bool:
    if one.failed:
        return False
    if fault.admits_doubles:
        return one.lost == 0
    return not (one.lost or one.doubled or one.unexplained)


def _section(section: Section, rows: dict[str, Figures]) -> str:
    lines = [f"## {section.title}", "", section.text, ""]
    names = WITH_MESSAGES if section.counts_messages else WITH_EXAMPLES
    lines += [_line(names), "|" + "---|" * len(names)]
    lines += [_row(section, fault, rows.get(fault.name)) for fault in section.faults]
    notes = [f"- {fault.what}: {text}" for fault in section.faults if (text := _note(section, rows.get(fault.name)))]
    return "\n".join([*lines, *(["", *notes] if notes else [])]) + "\n"


def _row(section: Section, fault: Fault, one: Figures | None) -> str:
    columns = 9 if section.counts_messages else 3
    if one is None or one.not_run:
        why = fault.why_not or (one.not_run if one else "") or "not yet"
        return _line([fault.what, fault.promise, f"not run: {why}", *[""] * columns])
    holds = "**no**" if not _holds(fault, one) or fault.admits_doubles else "yes"
    run = f"{one.date} `{one.commit}`"
    test = f"`{one.test.removeprefix('tests/faults/')}`"
    if not section.counts_messages:
        return _line([fault.what, fault.promise, holds, f"{one.runs:,}", test, run])
    back = "" if one.recovered is None else f"{one.recovered:.1f}"
    runs = f"{one.runs} ({one.note.replace('; ', ', ')})" if one.fault.startswith("crash ") else str(one.runs)
    # Nothing is said of messages where none were compared.
    counts = [one.commands, one.lost, one.doubled, one.unexplained, one.in_doubt] if one.commands else [""] * 5
    return _line([fault.what, fault.promise, holds, runs, *map(str, counts), back, test, run])


def _line(cells: list[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _note(section: Section, one: Figures | None) -> str:
    """What the columns do not tell: the words of what went wrong, the wire's worst second, what else was measured."""
    if one is None or one.not_run:
        return ""
    told = one.note if section.shows_notes or "second" in one.note else ""
    return ", ".join(filter(None, (told, *one.kinds, "the test failed" if one.failed else "")))
