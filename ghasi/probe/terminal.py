"""A preview and a report for a person at a terminal."""

from __future__ import annotations

from collections.abc import Iterable

from rich import box
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from ghasi.probe.findings import Certainty, Finding
from ghasi.probe.infer import ids
from ghasi.probe.preview import Preview
from ghasi.probe.proposal import Proposal
from ghasi.probe.report import HostSeen, Report, StepDone

_MARKS = {
    Certainty.TOLD: ("told", "green"),
    Certainty.BOUNDED: ("in part", "yellow"),
    Certainty.OPEN: ("open", "red"),
}
_WITH_EVIDENCE = {ids.NAME}
"""Dimensions that a person judges by examples; the evidence of the others is in JSON and HTML."""


def show_preview(console: Console, plan: Preview, number: str, invalid: str, warnings: Iterable[str]) -> None:
    """What would be sent, to whom, and what it may cost."""
    table = _table("step", "messages", "what is sent", "what it tells")
    for step in plan.steps:
        table.add_row(step.name, str(step.count), Text(step.text[:48]), Text(step.tells))
    if plan.window:
        table.add_row("window", str(plan.window), "many at once", "How many submits may be unanswered.")
        table.add_row("rate", f"≤ {plan.rate}", "second by second, faster", "How many submits a second are taken.")
    if plan.steps:
        console.print(table)
        console.print(f"All messages go to {number}, one to {invalid}, which does not exist.")
        cost = "" if plan.cost is None else f", {plan.cost:g} at the price given"
        console.print(f"At most {plan.allowed} messages are sent ({plan.charged} billed{cost}).")
    if plan.falls_short and plan.steps:
        console.print(
            f"To answer every question up to {plan.needed} are needed: --max-messages {plan.needed}. "
            "With fewer, the rate is measured as far as they reach."
        )
    for warning in warnings:
        console.print(Text(f"! {warning}", style="yellow"))


def show_report(console: Console, report: Report) -> None:
    """The whole report."""
    console.print(_head(report))
    for host in report.hosts:
        console.print(_host(host))
    if report.steps:
        console.print(_steps(report.steps))
    if report.findings:
        console.print(_findings(report.findings))
    asks = [finding for finding in report.findings if finding.ask]
    if asks:
        console.print(Text("To ask the operator, or to look at on the phone", style="bold"))
        for finding in asks:
            console.print(Text(f"  {finding.title}: {finding.ask}"))
    if report.proposal is not None:
        console.print(_proposal(report.proposal))
    for note in report.notes:
        console.print(Text(f"! {note}", style="yellow"))


def _table(*columns: str) -> Table:
    table = Table(box=box.SIMPLE, pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def _head(report: Report) -> RenderableType:
    cost = "" if report.cost is None else f", cost {report.cost:g}"
    sent = f"{report.messages_sent} of {report.messages_allowed} messages sent to {report.number} in "
    did = sent if report.messages_allowed else "no message was to be sent; "
    bound = f"; bound as {report.bound_as}" if report.bound_as else ""
    lines = [
        Text(f"{report.operator}  {report.at}", style="bold"),
        Text(f"{did}{report.seconds:.0f} s{cost}{bound}"),
    ]
    if report.stopped:
        lines.append(Text(f"Not complete: {report.stopped}", style="red"))
    if report.foreign:
        lines.append(Text(f"{report.foreign} receipts of other messages were given back", style="yellow"))
    if report.not_sent:
        lines.append(Text(f"Not sent: {', '.join(report.not_sent)}", style="yellow"))
    return Group(*lines)


def _host(host: HostSeen) -> RenderableType:
    where = f"{host.host}:{host.port}"
    took = "" if host.connect_seconds is None else f", TCP in {1000 * host.connect_seconds:.0f} ms"
    lines = [Text(f"{where}: {host.error or 'reached'}{took}", style="red" if host.error else "")]
    if host.protocol:
        lines.append(Text(f"  {host.protocol}, {host.cipher}, " + ("trusted" if host.trusted else "NOT trusted")))
    if host.certificate is not None:
        shown = host.certificate
        lines += [
            Text(f"  subject  {shown.subject}"),
            Text(f"  issuer   {shown.issuer}"),
            Text(f"  names    {', '.join(shown.names)}"),
            Text(f"  valid    {shown.not_before} to {shown.not_after} ({shown.days_left} days left)"),
            Text(f"  sha256   {shown.sha256}"),
        ]
    return Group(*lines)


def _steps(steps: Iterable[StepDone]) -> Table:
    table = _table("step", "sent", "taken", "receipts", "answered in", "refused")
    for step in steps:
        table.add_row(
            step.name,
            str(step.sent),
            str(step.taken),
            str(step.receipts),
            "-" if step.seconds is None else f"{1000 * step.seconds:.0f} ms",
            ", ".join(f"{count} {name}" for name, count in step.refusals.items()),
        )
    return table


def _findings(findings: Iterable[Finding]) -> Table:
    table = _table("dimension", "", "finding")
    for finding in findings:
        word, style = _MARKS[finding.certainty]
        table.add_row(finding.title, Text(word, style=style), Text(finding.says))
        for line in finding.evidence if finding.name in _WITH_EVIDENCE else ():
            table.add_row("", "", Text(f"  {line}", style="dim"))
    return table


def _proposal(proposal: Proposal) -> RenderableType:
    lines = [Text("Proposed profile", style="bold")]
    if not proposal.changes:
        lines.append(Text("  no change: the profile fits what was seen"))
    for change in proposal.changes:
        lines.append(Text(f"- {change.path}: {change.before}", style="red"))
        lines.append(Text(f"+ {change.path}: {change.after}    # {change.why}", style="green"))
    lines.append(Text(proposal.profile.rstrip()))
    if proposal.command:
        lines += [Text("To put it to use", style="bold"), Text(proposal.command)]
    return Group(*lines)
