"""A scenario file: YAML into frozen, validated types (docs/simulator.md lists every key).

`load(path)` is the only door. Whatever is wrong with a file ends as `ConfigError`, one line that names the key:
`operators[0].rules[2].stauts: unknown key, did you mean "status"?`
"""

from __future__ import annotations

import difflib
import re
from pathlib import Path
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
import yaml

from ghasi.simulator.dialects import DIALECTS
from ghasi.simulator.quoting import DefaultAlphabet, ReceiptAlphabet
from ghasi.simulator.rules import RULE_STRUCTS, Rule, Span, Status, check_span, status_code
from ghasi.yamlfile import parse

Count = Annotated[int, msgspec.Meta(ge=1)]
Seconds = Annotated[float, msgspec.Meta(ge=0)]
Port = Annotated[int, msgspec.Meta(ge=0, le=65535)]
BindMode = Literal["TRANSCEIVER", "TRANSMITTER", "RECEIVER"]
Accepts = Literal["TRX", "TX", "RX"]
IdForm = Literal["decimal", "paddedDecimal", "hex", "upperHex", "paddedHex", "uuid", "upperUuid"]


class ConfigError(Exception):
    """The file cannot be used; the text is one line that names the key. Correct the file."""


class Account(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """Who may bind. Lengths are not checked: onboarding sometimes means trying what SMPP forbids."""

    system_id: str
    password: str = ""

    def __repr__(self) -> str:
        return f"Account({self.system_id!r})"


class Ids(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """How message ids look in submit_sm_resp and in receipts (docs/simulator.md, "Message ids")."""

    response: IdForm = "decimal"
    receipt: IdForm | None = None
    digits: Annotated[int, msgspec.Meta(ge=2, le=40)] = 10
    start: Annotated[int, msgspec.Meta(ge=0)] | Literal["clock"] | None = None
    tlv_suffix: Annotated[str, msgspec.Meta(max_length=20, pattern=r"^[ -~]*$")] = ""
    later_parts: Literal["own", "empty"] = "own"

    def __post_init__(self) -> None:
        if isinstance(self.start, int) and self.start >= 10**40:
            raise ValueError("start: more than 40 digits")
        forms = [self.response, self.receipt or self.response]
        if len({form in ("uuid", "upperUuid") for form in forms}) > 1:
            raise ValueError(f"receipt: {forms[1]} cannot be told from a {forms[0]} response id")


class Outcome(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """One way a message may end; `share` is its weight among the outcomes."""

    stat: str = "DELIVRD"
    err: str = "000"
    share: Annotated[float, msgspec.Meta(gt=0)] = 1.0


class Receipts(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """When receipts are sent, how they look, and what happens to those nobody takes."""

    dialect: str = "standard"
    alphabet: ReceiptAlphabet = "latin1"
    delay: Span = (0.2, 1.0)
    outcomes: tuple[Outcome, ...] = (Outcome(),)
    when: Literal["requested", "always", "never"] = "requested"
    parts: Literal["each", "first", "last"] = "each"
    route: Literal["any", "same"] = "any"
    utc_offset: Annotated[str, msgspec.Meta(pattern=r"^[+-]\d\d:\d\d$")] = "+00:00"
    window: Count = 10
    retry_delay: Seconds = 5.0
    max_tries: Count = 20

    def __post_init__(self) -> None:
        check_span("delay", self.delay)
        if self.dialect not in DIALECTS:
            raise ValueError(f"dialect: {self.dialect!r} is none of {', '.join(DIALECTS)}")
        if not self.outcomes:
            raise ValueError("outcomes: at least one")

    @property
    def utc_minutes(self) -> int:
        hours, minutes = self.utc_offset[1:].split(":")
        return (-1 if self.utc_offset[0] == "-" else 1) * (int(hours) * 60 + int(minutes))


class Timers(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """The SMSC's own timers, in seconds."""

    bind: Seconds = 10.0
    response: Seconds = 30.0
    enquire_link: Annotated[float, msgspec.Meta(gt=0)] = 60.0
    enquire_link_timeout: Seconds = 10.0


class Tls(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """Files in PEM form, relative to the scenario file. With `clientCa` a client certificate is demanded."""

    cert: str
    key: str
    client_ca: str | None = None


class Outage(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """From `after` to `until` (seconds since the start) the port is closed and every session is reset."""

    after: Seconds
    until: Seconds

    def __post_init__(self) -> None:
        if self.until <= self.after:
            raise ValueError("until: must be later than after")


class Failure(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """One scripted failure of the stand-in for operator management: the first that still applies is used."""

    status: Annotated[int, msgspec.Meta(ge=100, le=599)] | None = None
    body: str | None = None
    delay: Seconds = 0.0
    drop: bool = False
    skip: Annotated[int, msgspec.Meta(ge=0)] = 0
    times: Count | None = None
    after: Seconds = 0.0
    until: Seconds | None = None


class Answers(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """What operator management says of this operator beyond the truth (docs/contract.md §6)."""

    known: bool = True
    override: dict[str, Any] = msgspec.field(default_factory=dict)
    failures: tuple[Failure, ...] = ()


class Operator(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """One simulated operator: one listening port with its accounts, limits, dialect and script."""

    id: UUID
    name: str
    system_id: str
    password: str = msgspec.field(default="")
    other_accounts: tuple[Account, ...] = ()
    host: str = "127.0.0.1"
    port: Port = 0
    tls: Tls | None = None
    accepts: tuple[Accepts, ...] = ("TRX", "TX", "RX")
    refuse_mode_with: Status = "ESME_RINVCMDID"
    bind_limit: Count | None = None
    ghost_seconds: Seconds = 0.0
    interface_version: Annotated[int, msgspec.Meta(ge=0, le=255)] | None = 0x34
    response_delay: Span = 0.0
    enforce_tps: bool = False
    enforce_window: bool = False
    full_window_with: Status = "ESME_RMSGQFUL"
    alphabet: DefaultAlphabet | None = None
    ids: Ids = Ids()
    receipts: Receipts = Receipts()
    timers: Timers = Timers()
    rules: tuple[Rule, ...] = ()
    outages: tuple[Outage, ...] = ()
    # What operator management tells the connector (docs/contract.md §6).
    tps_limit: Count = 100
    bind_mode: BindMode = "TRANSCEIVER"
    max_binds: Count = 1
    window_size: Count = 10
    system_type: str = ""
    profile: str | None = None
    backup_operator_id: UUID | None = None
    management: Answers = Answers()

    def __post_init__(self) -> None:
        status_code(self.refuse_mode_with, "refuseModeWith")
        status_code(self.full_window_with, "fullWindowWith")
        check_span("responseDelay", self.response_delay)
        accounts = [account.system_id for account in self.accounts]
        if len(set(accounts)) != len(accounts):
            raise ValueError("otherAccounts: a systemId stands twice")

    @property
    def accounts(self) -> tuple[Account, ...]:
        return (Account(system_id=self.system_id, password=self.password), *self.other_accounts)

    def __repr__(self) -> str:
        return f"Operator({self.name!r}, {self.id})"


class Management(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """The stand-in for operator management. Without a token every caller is welcome."""

    host: str = "127.0.0.1"
    port: Port = 0
    token: str | None = None
    tls: Tls | None = None


class Scenario(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """A whole file. `folder` is where it lies: the base of file names in it."""

    operators: tuple[Operator, ...]
    seed: int = 1
    management: Management = Management()
    folder: str = "."

    def __post_init__(self) -> None:
        if not self.operators:
            raise ValueError("operators: at least one")
        _unique("id", [str(operator.id) for operator in self.operators])
        _unique("port", [f"{operator.host}:{operator.port}" for operator in self.operators if operator.port])


def _unique(key: str, values: list[str]) -> None:
    for index, value in enumerate(values):
        if value in values[:index]:
            raise ValueError(f"operators[{index}].{key}: {value} stands twice")


def load(path: Path) -> Scenario:
    """Reads and checks a scenario file. Raises ConfigError (also for a file that is not there)."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read: {error}") from error
    return loads(text, folder=path.parent, name=str(path))


def loads(text: str, *, folder: Path = Path(), name: str = "scenario") -> Scenario:
    """As `load`, from text. Raises ConfigError."""
    try:
        data = parse(text)
    except yaml.YAMLError as error:
        raise ConfigError(f"{name}: not YAML: {' '.join(str(error).split())}") from error
    if not isinstance(data, dict):
        raise ConfigError(f"{name}: must be a mapping with the key operators")
    if "folder" in data:
        raise ConfigError(f"{name}: folder: unknown key")
    try:
        scenario = msgspec.convert(data, Scenario)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{name}: {_explain(str(error))}") from error
    return msgspec.structs.replace(scenario, folder=str(folder))


_UNKNOWN = re.compile(r"^Object contains unknown field `(?P<key>[^`]*)`")
_MISSING = re.compile(r"^Object missing required field `(?P<key>[^`]*)`")
_STRUCTS = (Scenario, Operator, Management, Answers, Failure, Outage, Tls, Timers, Receipts, Outcome, Ids, Account)


def _explain(message: str) -> str:
    """One line from a msgspec message: the path of the key first, then what is wrong with it."""
    what, _, place = message.partition(" - at `$")
    path = place.rstrip("`").lstrip(".")
    if found := _UNKNOWN.match(what):
        return f"{_join(path, found['key'])}: unknown key{_suggestion(found['key'])}"
    if found := _MISSING.match(what):
        return f"{_join(path, found['key'])}: missing"
    if what.startswith("Expected `str") and "got `int`" in what:
        what += " (write it in quotes)"
    key, colon, why = what.partition(": ")
    if colon and key.replace("[", "").replace("]", "").replace(".", "").isalnum():
        return f"{_join(path, key)}: {why}"
    return f"{path or 'file'}: {what}"


def _join(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key


def _suggestion(key: str) -> str:
    names = {name for struct in (*_STRUCTS, *RULE_STRUCTS) for name in struct.__struct_encode_fields__}
    near = difflib.get_close_matches(key, sorted(names), n=1)
    return f', did you mean "{near[0]}"?' if near else ""
