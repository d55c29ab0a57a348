"""The answer of operator management about an operator, read and checked (docs/contract.md §6). Pure."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Any

import msgspec

MAX_SYSTEM_ID = 15
MAX_PASSWORD = 8
MAX_LONG_CREDENTIAL = 255
MAX_SYSTEM_TYPE = 12
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


class Stated(msgspec.Struct, rename="camel", kw_only=True):
    """What the answer states, secrets left out. What it leaves out is the profile's to say."""

    operator_id: str
    host: str = ""
    port: int = 0
    tps_limit: int | None = None
    bind_mode: BindMode | None = None
    backup_operator_id: str | None = None
    operator_name: str = ""
    hosts: list[str] = msgspec.field(default_factory=list)
    max_binds: int | None = None
    window_size: int | None = None
    tls: bool | TlsFiles | None = None
    system_type: str | None = None
    profile: str | None = None
    allow_long_credentials: bool | None = None
    directions: Directions | None = None
    rules: dict[str, Any] = msgspec.field(default_factory=dict)


class Answer(Stated, rename="camel", kw_only=True):
    """Everything of the answer. Keep it inside the call that needs the secrets."""

    system_id: str
    password: str

    def __repr__(self) -> str:
        return f"Answer(operator_id={self.operator_id!r})"

    def stated(self) -> Stated:
        """Without the secrets."""
        return Stated(**{name: getattr(self, name) for name in Stated.__struct_fields__})


_decoder = msgspec.json.Decoder(Answer)


def decode_answer(body: bytes, operator_id: str) -> Answer:
    """The answer to a question about `operator_id`. Raises InvalidSettings."""
    try:
        answer = _decoder.decode(body)
    except msgspec.ValidationError as error:
        raise InvalidSettings(_rule(str(error))) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise InvalidSettings("the answer is not JSON") from None
    if answer.operator_id.lower() != operator_id.lower():
        raise InvalidSettings("operatorId is another operator's")
    return answer


def check_credentials(system_id: str, password: str, *, long: bool) -> None:
    """Raises InvalidSettings: too long for a bind (SMPP 3.4 §4.1) unless `long`, or not ASCII."""
    check_ascii("systemId", system_id, MAX_LONG_CREDENTIAL if long else MAX_SYSTEM_ID)
    check_ascii("password", password, MAX_LONG_CREDENTIAL if long else MAX_PASSWORD)


def check_ascii(name: str, value: str, most: int) -> None:
    """Raises InvalidSettings where a C-octet string of `most` octets cannot hold `value`."""
    if len(value) > most:
        raise InvalidSettings(f"{name} is longer than {most} octets")
    if "\0" in value or not value.isascii():
        raise InvalidSettings(f"{name} has characters outside ASCII")


def _rule(error: str) -> str:
    """msgspec's complaint without any value from the answer."""
    if missing := _FIELD.search(error):
        return f"{missing.group(1)} is missing"
    place = _PLACE.search(error)
    return f"{place.group(1).removeprefix('$.') if place else 'the answer'} has the wrong type"
