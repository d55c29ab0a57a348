"""What operator management answers about an operator, checked (docs/contract.md §6). Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import msgspec

from ghasi.contracts.sessions import SendRules

MAX_SYSTEM_ID = 15
MAX_PASSWORD = 8
MAX_LONG_CREDENTIAL = 255
MAX_BINDS = 64
MAX_WINDOW = 5_000
_PLACE = re.compile(r"at `(\$[^`]*)`$")
_FIELD = re.compile(r"required field `([^`]*)`")


class InvalidSettings(Exception):
    """The answer cannot be used. The text names field and rule, never a value."""


class BindMode(StrEnum):
    """What the answer's `bindMode` may be; the last two mean a TX+RX pair at once."""

    TRANSCEIVER = "TRANSCEIVER"
    TRANSMITTER = "TRANSMITTER"
    RECEIVER = "RECEIVER"


class Directions(StrEnum):
    """Which ways an operator is bound at all."""

    BOTH = "both"
    TX = "tx"
    RX = "rx"


class TlsFiles(msgspec.Struct, frozen=True, rename="camel"):
    """TLS to the operator: paths of PEM files on this host; without `ca` the system's authorities count."""

    ca: str | None = None
    cert: str | None = None
    key: str | None = None
    server_name: str | None = None


class _Answer(msgspec.Struct, rename="camel"):
    operator_id: str
    host: str
    port: int
    system_id: str
    password: str
    tps_limit: int
    bind_mode: BindMode
    backup_operator_id: str | None = None
    operator_name: str = ""
    hosts: list[str] = msgspec.field(default_factory=list)
    max_binds: int = 1
    window_size: int = 10
    tls: bool | TlsFiles = False
    system_type: str = ""
    profile: str | None = None
    allow_long_credentials: bool = False
    directions: Directions = Directions.BOTH
    rules: SendRules = msgspec.field(default_factory=SendRules)


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorSettings:
    """How to bind and feed one operator; holds no secret, so it may live as long as it is useful."""

    operator_id: str
    operator_name: str
    hosts: tuple[tuple[str, int], ...]
    tps_limit: int
    bind_mode: BindMode = BindMode.TRANSCEIVER
    directions: Directions = Directions.BOTH
    max_binds: int = 1
    window_size: int = 10
    tls: TlsFiles | None = None
    system_type: str = ""
    profile: str | None = None
    backup_operator_id: str | None = None
    long_credentials: bool = False
    rules: SendRules = field(default_factory=SendRules)


@dataclass(frozen=True, slots=True)
class Credentials:
    """Settings plus what the bind needs once. Keep it inside the bind call only."""

    settings: OperatorSettings
    system_id: str = field(repr=False)
    password: str = field(repr=False)


_decoder = msgspec.json.Decoder(_Answer)


def parse_credentials(body: bytes, operator_id: str) -> Credentials:
    """The answer to a credentials request for `operator_id`. Raises InvalidSettings."""
    try:
        answer = _decoder.decode(body)
    except msgspec.ValidationError as error:
        raise InvalidSettings(_rule(str(error))) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise InvalidSettings("the answer is not JSON") from None
    if answer.operator_id.lower() != operator_id:
        raise InvalidSettings("operatorId is another operator's")
    _check_numbers(answer)
    _check_credentials(answer)
    return Credentials(_settings(answer, operator_id), answer.system_id, answer.password)


def _settings(answer: _Answer, operator_id: str) -> OperatorSettings:
    tls = TlsFiles() if answer.tls is True else answer.tls or None
    return OperatorSettings(
        operator_id=operator_id,
        operator_name=answer.operator_name,
        hosts=_hosts(answer),
        tps_limit=answer.tps_limit,
        bind_mode=answer.bind_mode,
        directions=answer.directions,
        max_binds=answer.max_binds,
        window_size=answer.window_size,
        tls=tls,
        system_type=answer.system_type,
        profile=answer.profile,
        backup_operator_id=answer.backup_operator_id,
        long_credentials=answer.allow_long_credentials,
        rules=answer.rules,
    )


def _check_numbers(answer: _Answer) -> None:
    bounds: tuple[tuple[str, Any, int, int], ...] = (
        ("port", answer.port, 1, 65535),
        ("tpsLimit", answer.tps_limit, 1, 1_000_000),
        ("maxBinds", answer.max_binds, 1, MAX_BINDS),
        ("windowSize", answer.window_size, 1, MAX_WINDOW),
    )
    for name, value, low, high in bounds:
        if not low <= value <= high:
            raise InvalidSettings(f"{name} is not within {low} to {high}")


def _check_credentials(answer: _Answer) -> None:
    long = answer.allow_long_credentials
    for name, value, most in (
        ("systemId", answer.system_id, MAX_LONG_CREDENTIAL if long else MAX_SYSTEM_ID),
        ("password", answer.password, MAX_LONG_CREDENTIAL if long else MAX_PASSWORD),
        ("systemType", answer.system_type, 12),
    ):
        if len(value) > most:
            raise InvalidSettings(f"{name} is longer than {most} octets")
        if "\0" in value or not value.isascii():
            raise InvalidSettings(f"{name} has characters outside ASCII")


def _hosts(answer: _Answer) -> tuple[tuple[str, int], ...]:
    if not answer.hosts:
        if not answer.host:
            raise InvalidSettings("host is empty")
        return ((answer.host, answer.port),)
    return tuple(_endpoint(one) for one in answer.hosts)


def _endpoint(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not host or not port.isdecimal() or not 1 <= int(port) <= 65535:
        raise InvalidSettings("hosts has an entry that is not host:port")
    return host, int(port)


def _rule(error: str) -> str:
    """msgspec's complaint without any value from the answer."""
    if missing := _FIELD.search(error):
        return f"{missing.group(1)} is missing"
    place = _PLACE.search(error)
    return f"{place.group(1).removeprefix('$.') if place else 'the answer'} has the wrong type"
