"""What operator management answers about an operator, checked (docs/contract.md §6). Reads only the zone database."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec

from ghasi.contracts.sessions import SendRules
from ghasi.smpp.constants import ESM_UDHI
from ghasi.smpp.receipt_ids import IdBase
from ghasi.sms.coding import Alphabet, FlashMode
from ghasi.sms.segmentation import LongMode

MAX_SYSTEM_ID = 15
MAX_PASSWORD = 8
MAX_LONG_CREDENTIAL = 255
MAX_BINDS = 64
MAX_WINDOW = 5_000
MAX_SERVICE_TYPE = 5
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

    def __repr__(self) -> str:
        return f"_Answer(operator_id={self.operator_id!r})"


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
    _check_rules(answer.rules)
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
        backup_operator_id=_backup(answer),
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


def _check_rules(rules: SendRules) -> None:
    words: tuple[tuple[str, object, tuple[object, ...]], ...] = (
        ("alphabet", rules.alphabet, tuple(map(str, Alphabet))),
        ("referenceBits", rules.reference_bits, (8, 16)),
        ("longMode", rules.long_mode, (str(LongMode.UDH), str(LongMode.SAR))),
        ("flash", rules.flash, tuple(map(str, FlashMode))),
        ("idBase", rules.id_base, tuple(map(str, IdBase))),
    )
    for name, value, known in words:
        if value not in known:
            raise InvalidSettings(f"rules.{name} is not one of {', '.join(map(str, known))}")
    for name, octet in (("registeredDelivery", rules.registered_delivery), ("esmClassBase", rules.esm_class_base)):
        if not 0 <= octet <= 255:
            raise InvalidSettings(f"rules.{name} is not within 0 to 255")
    if rules.esm_class_base & ESM_UDHI:
        # Every PDU would claim a user data header, those without one too.
        raise InvalidSettings("rules.esmClassBase has the bit of the user data header")
    _check_service_type(rules.service_type)
    if not 0 <= rules.in_doubt_wait < math.inf:
        raise InvalidSettings("rules.inDoubtWait is not 0 or more seconds")
    _check_zone(rules.dlr_zone)


def _check_service_type(value: str) -> None:
    if len(value) > MAX_SERVICE_TYPE:
        raise InvalidSettings(f"rules.serviceType is longer than {MAX_SERVICE_TYPE} octets")
    if "\0" in value or not value.isascii():
        raise InvalidSettings("rules.serviceType has characters outside ASCII")


def _check_zone(name: str) -> None:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise InvalidSettings("rules.dlrZone is no time zone of the IANA database") from None


def _backup(answer: _Answer) -> str | None:
    """In the form in which operators stand in subjects."""
    if answer.backup_operator_id is None:
        return None
    try:
        backup = str(UUID(answer.backup_operator_id))
    except ValueError:
        raise InvalidSettings("backupOperatorId is no UUID") from None
    if backup == answer.operator_id.lower():
        raise InvalidSettings("backupOperatorId is the operator itself")
    return backup


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
