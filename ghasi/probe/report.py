"""A run as one typed structure, from which the terminal, JSON and HTML are made. It holds no password, no text of a
subscriber, and numbers by their last four digits unless somebody asks for all of them."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime

import msgspec

from ghasi.probe.account import Account
from ghasi.probe.facts import BindTried, Facts, Reached, Sent
from ghasi.probe.findings import Finding
from ghasi.probe.infer.everything import Declared, conclude
from ghasi.probe.plan import Step
from ghasi.probe.proposal import Proposal, propose, unknown_profile
from ghasi.profiles.problems import InvalidProfile

_SHOWN = 4


class CertificateSeen(msgspec.Struct, frozen=True, rename="camel"):
    """What the operator showed in the TLS handshake."""

    subject: str
    issuer: str
    names: tuple[str, ...]
    not_before: str
    not_after: str
    days_left: int | None
    sha256: str


class HostSeen(msgspec.Struct, frozen=True, rename="camel"):
    """One host and how connecting to it went; durations in seconds."""

    host: str
    port: int
    ok: bool
    error: str
    connect_seconds: float | None
    tls_seconds: float | None
    protocol: str
    cipher: str
    trusted: bool | None
    certificate: CertificateSeen | None


class BindSeen(msgspec.Struct, frozen=True, rename="camel"):
    """One bind and its answer."""

    mode: str
    accepted: bool
    outcome: str
    seconds: float
    system_id: str
    version: int | None


class StepDone(msgspec.Struct, frozen=True, rename="camel"):
    """One step of the plan: how many messages left, how many were taken, and what the others were answered."""

    name: str
    text: str
    tells: str
    sent: int
    taken: int
    receipts: int
    refusals: dict[str, int]
    seconds: float | None


class Report(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Everything of one run; `at` in ISO 8601, durations in seconds. `stopped` says why it is not complete."""

    operator: str
    at: str
    seconds: float
    number: str
    invalid_number: str
    stopped: str
    messages_sent: int
    messages_allowed: int
    cost: float | None
    hosts: tuple[HostSeen, ...]
    bound_as: str
    binds: tuple[BindSeen, ...]
    steps: tuple[StepDone, ...]
    not_sent: tuple[str, ...]
    foreign: int
    findings: tuple[Finding, ...]
    proposal: Proposal | None
    notes: tuple[str, ...]

    def finding(self, name: str) -> Finding | None:
        """One dimension by name."""
        return next((each for each in self.findings if each.name == name), None)


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """What a report is made of beside the facts."""

    began: float
    ended: float
    number: str
    invalid_number: str
    show_number: bool
    allowed: int
    price: float | None
    stopped: str
    zone: str
    alphabet_on_phone: str
    max_binds: int
    profile_file: str = "profile.yaml"


def masked(number: str, *, show: bool) -> str:
    """The last four digits, the others as dots."""
    return number if show else "·" * max(0, len(number) - _SHOWN) + number[-_SHOWN:]


def make(account: Account, facts: Facts, steps: list[Step], run: Run) -> Report:
    """The report of a run, complete or not. Pure."""
    declared = Declared(
        zone=run.zone, max_binds=run.max_binds, idle=account.idle, alphabet_on_phone=run.alphabet_on_phone
    )
    findings = conclude(facts, declared, run.ended)
    notes = list(facts.notes)
    if name := unknown_profile(account):
        notes.append(
            f"{name} is no preset, and no live profile that can be seen from here: compared with plain SMPP 3.4 "
            "(--profile FILE takes it as YAML)"
        )
    proposal = None
    if facts.bound_as:
        try:
            proposal = propose(account, findings, run.profile_file)
        except InvalidProfile as error:
            notes.append(f"no profile is proposed: {error}")
    return Report(
        operator=account.name,
        at=datetime.fromtimestamp(run.began, UTC).isoformat(timespec="seconds"),
        seconds=round(run.ended - run.began, 1),
        number=masked(run.number, show=run.show_number),
        invalid_number=run.invalid_number,
        stopped=run.stopped,
        messages_sent=len(facts.sent),
        messages_allowed=run.allowed,
        cost=None if run.price is None else round(run.price * _charged(facts, steps), 4),
        hosts=tuple(_host(each) for each in facts.reached),
        bound_as=facts.bound_as,
        binds=tuple(_bind(each) for each in facts.binds),
        steps=_steps(facts, steps),
        not_sent=tuple(dict.fromkeys(facts.unsent_steps)),
        foreign=facts.foreign,
        findings=tuple(findings),
        proposal=proposal,
        notes=tuple(notes),
    )


def to_json(report: Report) -> bytes:
    """The report as indented JSON."""
    return msgspec.json.format(msgspec.json.encode(report), indent=2) + b"\n"


def _charged(facts: Facts, steps: list[Step]) -> int:
    """Messages the operator may bill: what was taken or not answered, a payload by the parts it becomes."""
    each = {step.name: step.charged / step.count for step in steps if step.count}
    return round(sum(each.get(sent.step, 1) for sent in facts.sent if not sent.status))


def _host(seen: Reached) -> HostSeen:
    found = seen.certificate
    return HostSeen(
        host=seen.host,
        port=seen.port,
        ok=seen.ok,
        error=seen.error,
        connect_seconds=_rounded(seen.connect_seconds),
        tls_seconds=_rounded(seen.tls_seconds),
        protocol=seen.protocol,
        cipher=seen.cipher,
        trusted=seen.trusted,
        certificate=None
        if found is None
        else CertificateSeen(
            subject=found.subject,
            issuer=found.issuer,
            names=found.names,
            not_before=found.not_before,
            not_after=found.not_after,
            days_left=found.days_left,
            sha256=found.sha256,
        ),
    )


def _bind(tried: BindTried) -> BindSeen:
    return BindSeen(
        mode=tried.mode.value,
        accepted=tried.accepted,
        outcome=tried.outcome,
        seconds=round(tried.seconds, 4),
        system_id=tried.system_id,
        version=tried.version,
    )


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 4)


def _steps(facts: Facts, steps: list[Step]) -> tuple[StepDone, ...]:
    texts: dict[str, tuple[str, str]] = {step.name: (step.text, step.tells) for step in steps}
    by_step: dict[str, list[Sent]] = {}
    for each in facts.sent:
        by_step.setdefault(each.step, []).append(each)
    return tuple(_step(name, sent, *texts.get(name, _BULK.get(name, ("", "")))) for name, sent in by_step.items())


_BULK: dict[str, tuple[str, str]] = {
    "window": ("many at once", "How many submits may be unanswered."),
    "rate": ("second by second, faster", "How many submits a second are taken."),
}


def _step(name: str, sent: list[Sent], text: str, tells: str) -> StepDone:
    seconds = [each.seconds for each in sent if each.seconds is not None]
    refusals: dict[str, int] = dict(Counter(each.outcome for each in sent if not each.accepted))
    return StepDone(
        name=name,
        text=text,
        tells=tells,
        sent=len(sent),
        taken=sum(each.accepted for each in sent),
        receipts=sum(each.receipts for each in sent),
        refusals=refusals,
        seconds=_rounded(sum(seconds) / len(seconds)) if seconds else None,
    )
