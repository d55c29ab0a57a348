"""What a run has seen, before anybody draws conclusions. Times are Unix seconds, durations seconds."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from ghasi.smpp.constants import status_name
from ghasi.smpp.pdu import DataSm, DeliverSm


class Mode(StrEnum):
    """A kind of bind."""

    TRX = "TRX"
    TX = "TX"
    RX = "RX"


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """What the operator showed in the TLS handshake; `names` are the subject's alternative names."""

    subject: str = ""
    issuer: str = ""
    names: tuple[str, ...] = ()
    not_before: str = ""
    not_after: str = ""
    days_left: int | None = None
    sha256: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reached:
    """One try to connect to one host. `error` is empty where it worked."""

    host: str
    port: int
    connect_seconds: float | None = None
    tls_seconds: float | None = None
    protocol: str = ""
    cipher: str = ""
    certificate: Certificate | None = None
    trusted: bool | None = None
    error: str = ""

    @property
    def ok(self) -> bool:
        return not self.error


@dataclass(frozen=True, slots=True, kw_only=True)
class BindTried:
    """One bind and its answer; `status` None: there was none, and `detail` says what happened instead."""

    mode: Mode
    status: int | None
    seconds: float
    system_id: str = ""
    version: int | None = None
    detail: str = ""

    @property
    def accepted(self) -> bool:
        return self.status == 0

    @property
    def outcome(self) -> str:
        return self.detail if self.status is None else status_name(self.status)


@dataclass(slots=True, kw_only=True, repr=False)
class Sent:
    """One submit_sm. `status` None: no answer yet, or never one. `sent_at` is Unix time, `began` the loop's clock."""

    step: str
    part: int = 1
    parts: int = 1
    destination: str = ""
    sent_at: float = 0.0
    began: float = 0.0
    wants_receipt: bool = True
    octets: bytes = b""
    tag: str = ""
    reference: bytes | None = None
    status: int | None = None
    message_id: str = ""
    seconds: float | None = None
    info: str = ""
    receipts: int = 0
    """Receipts about it, as far as they can be matched."""

    @property
    def accepted(self) -> bool:
        return self.status == 0

    @property
    def outcome(self) -> str:
        return "no answer" if self.status is None else status_name(self.status)


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Arrived:
    """One deliver_sm or data_sm about a message of this run, and when it came."""

    pdu: DeliverSm | DataSm
    at: float
    mode: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Burst:
    """So many submits at once, and how many the operator took. `refusals` counts by status name."""

    asked: int
    accepted: int
    refusals: dict[str, int]
    first_answer: float | None
    last_answer: float | None
    piled_up: int
    """Submits without an answer at the same time, as far as this end can see."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """One stretch at one rate. `offered` is what this end managed to send a second, `accepted` what was taken;
    `held_back` are the seconds it waited because too much was unanswered."""

    wanted: float
    offered: float
    accepted: float
    answered: float
    throttled: int
    seconds: float
    held_back: float


@dataclass(slots=True, kw_only=True)
class Facts:
    """Everything of one run. Grows while it goes; what is there when it is stopped still makes a report."""

    reached: list[Reached] = field(default_factory=list)
    binds: list[BindTried] = field(default_factory=list)
    bound_as: str = ""
    sessions_held: int = 0
    sessions_refused: str = ""
    sent: list[Sent] = field(default_factory=list)
    arrived: list[Arrived] = field(default_factory=list)
    foreign: int = 0
    """deliver_sm that were not about this run's messages; they were given back with a temporary error."""
    burst: Burst | None = None
    paces: list[Pace] = field(default_factory=list)
    rate: float | None = None
    rate_told: bool = False
    rate_note: str = ""
    notes: list[str] = field(default_factory=list)
    unsent_steps: list[str] = field(default_factory=list)

    def of_step(self, step: str) -> list[Sent]:
        """What was sent for a step, in order."""
        return [each for each in self.sent if each.step == step]
