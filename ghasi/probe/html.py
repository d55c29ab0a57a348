"""A report as one HTML file that needs nothing else: to keep, or to send to the operator. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import Final

from ghasi.probe.findings import Finding
from ghasi.probe.proposal import Proposal
from ghasi.probe.report import HostSeen, Report, StepDone

_STYLE: Final = """
:root { color-scheme: light dark; }
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 62rem; padding: 0 1rem; }
h1 { font-size: 1.4rem; } h2 { font-size: 1.1rem; margin-top: 2rem; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; padding: .3rem .6rem; vertical-align: top; }
th { border-bottom: 2px solid #8888; } td { border-bottom: 1px solid #8883; }
pre { background: #8881; padding: .8rem; overflow-x: auto; } small { opacity: .75; }
.told { color: #17803d; } .bounded { color: #a16207; } .open, .bad { color: #b91c1c; }
del { color: #b91c1c; } ins { color: #17803d; }
"""
_WORDS: Final = {"told": "told", "bounded": "in part", "open": "open"}


def to_html(report: Report) -> str:
    """The whole page."""
    title = f"{report.operator}, {report.at}"
    parts = [
        f"<h1>{escape(title)}</h1>",
        _summary(report),
        _section("Connection", _hosts(report.hosts)),
        _section("Binds", _binds(report)),
        _section("Findings", _findings(report.findings)),
        _section("To ask the operator, or to look at on the phone", _asks(report.findings)),
        _section("Proposed profile", _proposal(report.proposal)),
        _section("Messages", _steps(report.steps)),
        _section("Notes", "".join(f"<p>{escape(note)}</p>" for note in report.notes)),
    ]
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        '<meta name="viewport" content="width=device-width"><meta name="robots" content="noindex">'
        f"<style>{_STYLE}</style></head><body>{''.join(parts)}</body></html>\n"
    )


def _section(title: str, content: str) -> str:
    return f"<h2>{escape(title)}</h2>{content}" if content else ""


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Cells are HTML already."""
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    names = "".join(f"<th>{escape(name)}</th>" for name in head)
    return f"<table><thead><tr>{names}</tr></thead><tbody>{body}</tbody></table>" if body else ""


def _summary(report: Report) -> str:
    cost = "" if report.cost is None else f", cost {report.cost:g}"
    sent = f"{report.messages_sent} of {report.messages_allowed} messages sent to {escape(report.number)} in"
    did = sent if report.messages_allowed else "No message was to be sent;"
    lines = [f"{did} {report.seconds:.0f} s{cost}."]
    if report.bound_as:
        lines.append(f"Bound as {escape(report.bound_as)}.")
    if report.foreign:
        lines.append(f"{report.foreign} receipts of other messages were given back.")
    if report.not_sent:
        lines.append(f"Not sent: {escape(', '.join(report.not_sent))}.")
    stopped = f'<p class="bad">Not complete: {escape(report.stopped)}</p>' if report.stopped else ""
    return f"<p>{' '.join(lines)}</p>{stopped}"


def _hosts(hosts: Iterable[HostSeen]) -> str:
    rows = []
    for host in hosts:
        took = "" if host.connect_seconds is None else f"TCP in {1000 * host.connect_seconds:.0f} ms"
        state = f'<span class="bad">{escape(host.error)}</span>' if host.error else took
        rows.append((f"{escape(host.host)}:{host.port}", state, _tls(host)))
    return _table(("host", "reached", "TLS"), rows)


def _tls(host: HostSeen) -> str:
    if not host.protocol and host.certificate is None:
        return "no"
    lines = [f"{host.protocol} {host.cipher}", "trusted" if host.trusted else "not trusted"]
    if host.certificate is not None:
        shown = host.certificate
        lines += [
            f"subject {shown.subject}",
            f"issuer {shown.issuer}",
            f"names {', '.join(shown.names)}",
            f"valid {shown.not_before} to {shown.not_after} ({shown.days_left} days left)",
            f"sha256 {shown.sha256}",
        ]
    return "<br>".join(escape(line) for line in lines)


def _binds(report: Report) -> str:
    rows = [(each.mode, escape(each.outcome), f"{1000 * each.seconds:.0f} ms") for each in report.binds]
    return _table(("bind", "answer", "in"), rows)


def _findings(findings: Iterable[Finding]) -> str:
    rows = []
    for finding in findings:
        word = finding.certainty.value
        evidence = "".join(f"<br><small>{escape(line)}</small>" for line in finding.evidence)
        rows.append(
            (
                escape(finding.title),
                f'<span class="{word}">{_WORDS[word]}</span>',
                escape(finding.says) + evidence,
            )
        )
    return _table(("dimension", "", "finding"), rows)


def _asks(findings: Iterable[Finding]) -> str:
    rows = [(escape(each.title), escape(each.ask)) for each in findings if each.ask]
    return _table(("about", "question"), rows)


def _proposal(proposal: Proposal | None) -> str:
    if proposal is None:
        return ""
    rows = [
        (
            f"<code>{escape(each.path)}</code>",
            f"<del>{escape(str(each.before))}</del>",
            f"<ins>{escape(str(each.after))}</ins>",
            escape(each.why),
        )
        for each in proposal.changes
    ]
    changes = _table(("value", "now", "proposed", "because of"), rows) or "<p>No change.</p>"
    use = f"<p>To put it to use:</p><pre>{escape(proposal.command)}</pre>" if proposal.command else ""
    return f"{changes}<pre>{escape(proposal.profile)}</pre>{use}"


def _steps(steps: Iterable[StepDone]) -> str:
    rows = [
        (
            escape(step.name),
            escape(step.text),
            str(step.sent),
            str(step.taken),
            str(step.receipts),
            "" if step.seconds is None else f"{1000 * step.seconds:.0f} ms",
            escape(", ".join(f"{count} {name}" for name, count in step.refusals.items())),
        )
        for step in steps
    ]
    return _table(("step", "what", "sent", "taken", "receipts", "answered in", "refused"), rows)
