"""The account under test: where it is, how to bind, and what operator management says it may do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from msgspec.structs import replace

from ghasi.credential_source import open_source, source_from_env
from ghasi.env import Env
from ghasi.operator_answer import (
    BindMode,
    InvalidSettings,
    Stated,
    TlsFiles,
    check_credentials,
    decode_answer,
)
from ghasi.operator_management import CredentialsError
from ghasi.operator_settings import settle
from ghasi.probe.errors import ProbeError, Unanswered
from ghasi.profiles.names import as_name
from ghasi.profiles.places import Endpoint, parse_endpoint
from ghasi.profiles.presets import preset
from ghasi.profiles.resolve import Resolved
from ghasi.profiles.schema import PLAIN, Profile

Document = tuple[Profile, str]
"""A profile and the preset that it extends, empty for none."""
Follows = Callable[[str], Document | None]
"""What an operator follows where operator management names this profile (empty: none), if it is no preset."""

_TPS: Final = 10
"""Submits a second where nobody names a limit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """How to reach and bind one account, and what it is said to allow. The password shows nowhere."""

    name: str
    hosts: tuple[Endpoint, ...]
    system_id: str = field(repr=False)
    password: str = field(repr=False)
    tls: TlsFiles | None = None
    system_type: str = ""
    tps_limit: int = _TPS
    window_size: int = PLAIN.pace.window
    max_binds: int = 1
    pair_only: bool = False
    """Operator management demands a transmitter and a receiver."""
    profile: str | None = None
    document: Profile | None = None
    """The profile that holds now, where it is no preset."""
    extends: str = ""
    """The preset that `document` is over."""
    operator_id: str = ""
    """In operator management; empty for an account that was given by hand."""
    rules: dict[str, Any] = field(default_factory=dict)
    unused_hosts: tuple[Endpoint, ...] = ()
    """The profile has them, and `hosts` come from elsewhere."""
    idle: bool = False
    """Nobody else is bound with it, so that limits can be measured. Only a person knows."""

    def __post_init__(self) -> None:
        if not self.hosts:
            raise ProbeError("no host to connect to")


async def from_management(operator_id: str, env: Env) -> bytes:
    """What operator management hands out (docs/contract.md §6), for `read_answer`. Raises Unanswered,
    SettingsError."""
    client = open_source(source_from_env(env))
    try:
        return await client.fetch_answer(operator_id)
    except CredentialsError as error:
        raise Unanswered(error.reason) from None


def read_answer(body: bytes, operator_id: str, follows: Follows = lambda _: None) -> Account:
    """The account in an answer of operator management, over the profile that the operator follows: as the connector
    reads it, but that a limit may be missing. Raises ProbeError that names field and rule, never a value."""
    try:
        answer = decode_answer(body, operator_id)
        stated, profile = answer.stated(), as_name(answer.profile or "")
        document = follows(profile)
        return _account(stated, profile, document, answer.system_id, answer.password, operator_id)
    except InvalidSettings as error:
        raise ProbeError(f"the answer of operator management: {error}") from None


def account_by_hand(
    name: str, stated: Stated, system_id: str, password: str, document: Document | None = None
) -> Account:
    """An account that a person gives, over the profile that it is compared with. Raises ProbeError."""
    try:
        return _account(stated, "", document, system_id, password, "", name)
    except InvalidSettings as error:
        raise ProbeError(str(error)) from None


def _account(
    stated: Stated,
    profile: str,
    document: Document | None,
    system_id: str,
    password: str,
    operator_id: str,
    name: str = "",
) -> Account:
    """Raises InvalidSettings, ProbeError."""
    followed, extends = document or (None, "")
    below = followed or preset(profile) or PLAIN
    if stated.tps_limit is None and below.pace.tps is None:
        stated = replace(stated, tps_limit=_TPS)
    settings = settle(stated, _Over(below))
    check_credentials(system_id, password, long=settings.long_credentials)
    return Account(
        name=name or settings.operator_name or operator_id,
        hosts=settings.hosts,
        unused_hosts=tuple(one for one in _hosts_of(below) if one not in settings.hosts),
        system_id=system_id,
        password=password,
        tls=settings.tls,
        system_type=settings.system_type,
        tps_limit=settings.tps_limit,
        window_size=settings.window_size,
        max_binds=settings.max_binds,
        pair_only=stated.bind_mode not in (None, BindMode.TRANSCEIVER),
        profile=profile or None,
        document=followed,
        extends=extends,
        operator_id=operator_id,
        rules=stated.rules,
    )


class _Over:
    """The one profile that holds for the account."""

    def __init__(self, profile: Profile) -> None:
        self._profile = profile

    def resolve(self, operator_id: str, named: str | None) -> Resolved:
        return Resolved(self._profile, "")


def _hosts_of(profile: Profile) -> tuple[Endpoint, ...]:
    return tuple(found for one in profile.connection.hosts if (found := parse_endpoint(one)))


def endpoint(text: str) -> Endpoint:
    """`host:port`, the host of IPv6 in brackets. Raises ProbeError."""
    found = parse_endpoint(text)
    if found is None:
        raise ProbeError("a host is written host:port")
    return found


def password_from(path: Path) -> str:
    """The first line of a file. Raises ProbeError."""
    try:
        return path.read_text(encoding="utf-8").split("\n", 1)[0].rstrip("\r")
    except (OSError, UnicodeDecodeError) as error:
        raise ProbeError(f"--password-file: {type(error).__name__}") from None
