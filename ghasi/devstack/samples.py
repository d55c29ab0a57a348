"""The sample messages of the demo: commands as the orchestrator writes them, and what must become of each."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any
from uuid import uuid4

import yaml

_FILE = Path(__file__).with_name("samples.yaml")
_ACCOUNT = "b7c1f8d2-1111-4222-8333-444455556666"


class Outcome(StrEnum):
    """How a sample must end; see samples.yaml."""

    DELIVERED = "DELIVERED"
    UNDELIVERABLE = "UNDELIVERABLE"
    EXPIRED = "EXPIRED"
    REJECTED = "REJECTED"
    ACCEPTED = "ACCEPTED"
    DEAD = "DEAD"


@dataclass(frozen=True, slots=True)
class Sample:
    """One command and its expectation. `parts` are PDUs on the wire, 0 where nothing may go out."""

    message_id: str
    operator_id: str
    operator: str
    language: str
    what: str
    outcome: Outcome
    parts: int
    coding: str
    reaches_operator: bool
    destination: str = field(repr=False)
    payload: bytes = field(repr=False)

    @property
    def digits(self) -> str:
        """The destination as it stands on the wire."""
        return self.destination.lstrip("+")


def load(operator_ids: Mapping[str, str], now: datetime | None = None) -> list[Sample]:
    """The samples for operators given as name → id. Raises KeyError for an operator that is not among them."""
    entries: list[dict[str, Any]] = yaml.safe_load(_FILE.read_text(encoding="utf-8"))
    return [_sample(entry, operator_ids, now or datetime.now(UTC)) for entry in entries]


def _sample(entry: dict[str, Any], operator_ids: Mapping[str, str], now: datetime) -> Sample:
    outcome = Outcome(entry.get("outcome", "DELIVERED"))
    reaches = outcome is not Outcome.DEAD and entry.get("expiresIn", 1) > 0
    message_id = str(uuid4())
    operator_id = operator_ids[entry["operator"]]
    command = {
        "version": "1.0",
        "eventId": str(uuid4()),
        "messageId": message_id,
        "to": entry["to"],
        "from": entry["from"],
        "text": entry["text"] * entry.get("repeat", 1),
        "operatorId": operator_id,
        "accountId": _ACCOUNT,
        "messageType": entry.get("type", "SMS"),
        "encoding": entry.get("encoding", "GSM7"),
        "longMessageStrategy": entry.get("strategy", "CSMS"),
        "enqueuedAt": _iso(now),
        "expiresAt": _iso(now + timedelta(seconds=entry.get("expiresIn", 600))),
    }
    return Sample(
        message_id=message_id,
        operator_id=operator_id,
        operator=entry["operator"],
        language=entry["language"],
        what=entry["what"],
        outcome=outcome,
        parts=entry.get("parts", 0),
        coding=entry.get("coding", ""),
        reaches_operator=reaches,
        destination=entry["to"],
        payload=_encode(command, entry.get("broken")),
    )


def _encode(command: dict[str, Any], broken: str | None) -> bytes:
    if broken == "no text":
        del command["text"]
    data = json.dumps(command, ensure_ascii=False).encode()
    return data[: len(data) // 2] if broken == "not JSON" else data


def _iso(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
