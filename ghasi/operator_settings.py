"""What operator management answers about an operator, over its profile, checked (docs/contract.md §6)."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Final, Protocol, TypeVar
from uuid import UUID

from ghasi.contracts.sessions import SendRules
from ghasi.operator_answer import (
    MAX_SYSTEM_TYPE,
    BindMode,
    Directions,
    InvalidSettings,
    Stated,
    TlsFiles,
    check_ascii,
    check_credentials,
    decode_answer,
)
from ghasi.profiles.places import Endpoint, parse_endpoint
from ghasi.profiles.resolve import PRESETS, Resolved, Resolver
from ghasi.profiles.rules import send_rules
from ghasi.profiles.schema import BindMode as ProfileBindMode
from ghasi.stated_rules import stated_rules

MAX_BINDS = 64
MAX_WINDOW = 5_000
T = TypeVar("T")
U = TypeVar("U")
_FIRST_MODE = {ProfileBindMode.TRANSCEIVER: BindMode.TRANSCEIVER, ProfileBindMode.PAIR: BindMode.TRANSMITTER}


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorSettings:
    """How to bind and feed one operator; holds no secret, so it may live as long as it is useful."""

    operator_id: str
    operator_name: str
    hosts: tuple[Endpoint, ...]
    tps_limit: int
    bind_mode: BindMode = BindMode.TRANSCEIVER
    directions: Directions = Directions.BOTH
    max_binds: int = 1
    window_size: int = 10
    tls: TlsFiles | None = None
    system_type: str = ""
    address_range: str = ""
    address_ton: int = 0
    address_npi: int = 0
    fall_back: bool = True
    """A transceiver that is refused becomes a transmitter and a receiver."""
    profile: str | None = None
    """As operator management names it; `source` is what was found (ghasi.profiles.resolve)."""
    source: str = ""
    profile_problem: str | None = None
    backup_operator_id: str | None = None
    long_credentials: bool = False
    enquire_link_interval: float | None = None
    enquire_link_timeout: float | None = None
    response_timeout: float | None = None
    """Seconds; None: as the process is set (docs/contract.md §12)."""
    rules: SendRules = field(default_factory=SendRules)
    stated: Stated | None = field(default=None, repr=False, compare=False)
    """What operator management stated, so that another profile can be laid under it (`settle`)."""


class Resolves(Protocol):
    """Tells an operator's profile (ghasi.profiles.resolve)."""

    def resolve(self, operator_id: str, named: str | None) -> Resolved: ...


@dataclass(frozen=True, slots=True)
class Credentials:
    """Settings plus what the bind needs once. Keep it inside the bind call only."""

    settings: OperatorSettings
    system_id: str = field(repr=False)
    password: str = field(repr=False)


def parse_credentials(body: bytes, operator_id: str, resolver: Resolver = PRESETS) -> Credentials:
    """The answer to a credentials request for `operator_id`, over its profile. Raises InvalidSettings."""
    answer = decode_answer(body, operator_id)
    settings = settle(answer.stated(), resolver)
    check_credentials(answer.system_id, answer.password, long=settings.long_credentials)
    return Credentials(settings, answer.system_id, answer.password)


def settle(stated: Stated, resolver: Resolves) -> OperatorSettings:
    """What operator management states over the operator's profile as it is now. Raises InvalidSettings."""
    operator_id = stated.operator_id.lower()
    resolved = resolver.resolve(operator_id, stated.profile)
    profile = resolved.profile
    bind, connection, timers = profile.bind, profile.connection, profile.timers
    stated_tls = connection.tls if stated.tls is None else stated.tls
    settings = OperatorSettings(
        operator_id=operator_id,
        operator_name=stated.operator_name,
        hosts=_hosts(stated, connection.hosts),
        tps_limit=_required("tpsLimit", _or(stated.tps_limit, profile.pace.tps)),
        bind_mode=_or(stated.bind_mode, _FIRST_MODE[bind.modes[0]]),
        directions=_or(stated.directions, Directions(bind.directions.value)),
        max_binds=_or(stated.max_binds, connection.max_binds),
        window_size=_or(stated.window_size, profile.pace.window),
        tls=TlsFiles() if stated_tls is True else stated_tls or None,
        system_type=_or(stated.system_type, bind.system_type),
        address_range=bind.address_range,
        address_ton=bind.address_ton,
        address_npi=bind.address_npi,
        fall_back=ProfileBindMode.PAIR in bind.modes,
        profile=stated.profile,
        source=resolved.source,
        profile_problem=resolved.problem,
        backup_operator_id=_backup(stated),
        long_credentials=_or(stated.allow_long_credentials, bind.allow_long_credentials),
        enquire_link_interval=timers.enquire_link_interval,
        enquire_link_timeout=timers.enquire_link_timeout,
        response_timeout=timers.response,
        rules=stated_rules(send_rules(profile), stated.rules),
        stated=stated,
    )
    _check_numbers(settings)
    check_ascii("systemType", settings.system_type, MAX_SYSTEM_TYPE)
    return settings


def settled_anew(settings: OperatorSettings, resolver: Resolves) -> OperatorSettings:
    """The same answer over the profile as it is now. Where that is no longer right the settings stay, with the
    problem named: what is bound goes on as before, because nothing else is known that could be followed."""
    if settings.stated is None:
        return settings
    try:
        return settle(settings.stated, resolver)
    except InvalidSettings as error:
        return replace(settings, profile_problem=f"not followed, with it {error}")


REBIND_FIELDS: Final = {
    "bind_mode": "bind.modes",
    "fall_back": "bind.modes",
    "directions": "bind.directions",
    "system_type": "bind.systemType",
    "address_range": "bind.addressRange",
    "address_ton": "bind.addressTon",
    "address_npi": "bind.addressNpi",
    "long_credentials": "bind.allowLongCredentials",
    "hosts": "connection.hosts",
    "tls": "connection.tls",
    "enquire_link_interval": "timers.enquireLinkInterval",
    "enquire_link_timeout": "timers.enquireLinkTimeout",
    "response_timeout": "timers.response",
}
"""What reaches an operator with its next bind only, by its name in a profile (docs/profiles.md)."""


def rebind_reasons(bound: OperatorSettings, now: OperatorSettings) -> tuple[str, ...]:
    """What `now` says otherwise than the settings that a bind was made with, as far as it needs another bind."""
    changed = {path for name, path in REBIND_FIELDS.items() if getattr(bound, name) != getattr(now, name)}
    return tuple(sorted(changed))


def _check_numbers(settings: OperatorSettings) -> None:
    for name, value, high in (
        ("tpsLimit", settings.tps_limit, 1_000_000),
        ("maxBinds", settings.max_binds, MAX_BINDS),
        ("windowSize", settings.window_size, MAX_WINDOW),
    ):
        if not 1 <= value <= high:
            raise InvalidSettings(f"{name} is not within 1 to {high}")


def _or(stated: T | None, otherwise: U) -> T | U:
    return otherwise if stated is None else stated


def _required(name: str, value: T | None) -> T:
    if value is None:
        raise InvalidSettings(f"{name} is missing")
    return value


def _backup(stated: Stated) -> str | None:
    """In the form in which operators stand in subjects."""
    if stated.backup_operator_id is None:
        return None
    try:
        backup = str(UUID(stated.backup_operator_id))
    except ValueError:
        raise InvalidSettings("backupOperatorId is no UUID") from None
    if backup == stated.operator_id.lower():
        raise InvalidSettings("backupOperatorId is the operator itself")
    return backup


def _hosts(stated: Stated, profile: tuple[str, ...]) -> tuple[tuple[str, int], ...]:
    """The answer's list, else its one host. Where that is one of the profile's, the others belong to it."""
    if stated.hosts:
        return tuple(_endpoint(one) for one in stated.hosts)
    others = tuple(_endpoint(one) for one in profile)
    if not stated.host and others:
        return others
    if not stated.host:
        raise InvalidSettings("host is empty")
    if not 1 <= stated.port <= 65535:
        raise InvalidSettings("port is not within 1 to 65535")
    own = (stated.host, stated.port)
    return (own, *(one for one in others if one != own)) if own in others else (own,)


def _endpoint(text: str) -> Endpoint:
    found = parse_endpoint(text)
    if found is None:
        raise InvalidSettings("hosts has an entry that is not host:port")
    return found
