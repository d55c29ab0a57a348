"""ghasi.contracts.commands: what is a command, and why something is none (docs/contract.md §2)."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ghasi.contracts import timers
from ghasi.contracts.commands import DeadReason, Refused, SmsDispatchCommand, decode_command

NOW = datetime(2026, 4, 18, 10, 31, tzinfo=UTC)
OPERATOR = "550e8400-e29b-41d4-a716-446655440001"
GOOD: dict[str, Any] = {
    "version": "1.0",
    "eventId": "2f1c4a52-6a0e-4a6e-9c39-0d5a2a1b7c11",
    "messageId": "7a9d1c34-5b6e-4f80-9a1b-2c3d4e5f6071",
    "to": "+93701234567",
    "from": "GHASI",
    "text": "Your code is 482913",
    "operatorId": OPERATOR,
    "accountId": "b7c1f8d2-1111-4222-8333-444455556666",
    "messageType": "SMS",
    "encoding": "GSM7",
    "longMessageStrategy": "CSMS",
    "enqueuedAt": "2026-04-18T10:30:00.000Z",
    "expiresAt": "2026-04-18T10:40:00.000Z",
}


def decode(data: bytes, **more: Any) -> SmsDispatchCommand:
    return decode_command(data, operator_id=OPERATOR, now=NOW, retention_days=30, **more)


def refusal(**changes: Any) -> Refused:
    command = {**GOOD, **changes}
    with pytest.raises(Refused) as refused:
        decode(json.dumps({key: value for key, value in command.items() if value is not ...}).encode())
    return refused.value


def test_the_example_of_the_contract_is_a_command() -> None:
    command = decode(json.dumps(GOOD).encode())
    assert str(command.message_id) == GOOD["messageId"]
    assert command.sender == "GHASI"
    assert command.expires_at == datetime(2026, 4, 18, 10, 40, tzinfo=UTC)


def test_unknown_fields_are_left_alone_and_traceparent_is_taken() -> None:
    command = decode(json.dumps({**GOOD, "new": {"a": 1}, "traceparent": "00-a-b-01"}).encode())
    assert command.traceparent == "00-a-b-01"


def test_a_later_minor_version_is_read() -> None:
    assert decode(json.dumps({**GOOD, "version": "1.7"}).encode()).version == "1.7"


@pytest.mark.parametrize(
    ("changes", "reason", "names"),
    [
        ({"version": "2.0"}, DeadReason.UNSUPPORTED_VERSION, "version"),
        ({"version": "1"}, DeadReason.UNSUPPORTED_VERSION, "version"),
        ({"version": 1}, DeadReason.MALFORMED, "version"),
        ({"text": ...}, DeadReason.MALFORMED, "text"),
        ({"messageId": "x"}, DeadReason.MALFORMED, "messageId"),
        ({"eventId": "6ba7b810-9dad-11d1-80b4-00c04fd430c8"}, DeadReason.MALFORMED, "eventId"),
        ({"text": ""}, DeadReason.BAD_TEXT, "text"),
        ({"text": "a\x00b"}, DeadReason.BAD_TEXT, "text"),
        ({"operatorId": "550e8400-e29b-41d4-a716-446655440002"}, DeadReason.OPERATOR_MISMATCH, "operatorId"),
        ({"to": "+93abc12345"}, DeadReason.BAD_DESTINATION, "to"),
        ({"to": "1234"}, DeadReason.BAD_DESTINATION, "to"),
        ({"to": "1234567890123456"}, DeadReason.BAD_DESTINATION, "to"),
        ({"messageType": "MMS"}, DeadReason.MALFORMED, "messageType"),
        ({"enqueuedAt": "2026-03-09T10:30:00Z"}, DeadReason.BAD_TIME, "enqueuedAt"),
        ({"enqueuedAt": "2026-04-18T11:31:01Z"}, DeadReason.BAD_TIME, "enqueuedAt"),
        ({"enqueuedAt": "2026-04-18T10:30:00"}, DeadReason.MALFORMED, "enqueuedAt"),
        ({"expiresAt": "soon"}, DeadReason.MALFORMED, "expiresAt"),
    ],
)
def test_each_fault_has_its_reason_and_names_the_field(
    changes: dict[str, Any], reason: DeadReason, names: str
) -> None:
    refused = refusal(**changes)
    assert refused.reason is reason
    assert names in refused.detail


def test_another_major_version_with_other_fields_is_refused_as_such() -> None:
    refused = refusal(version="2.0", text=..., body="x")
    assert refused.reason is DeadReason.UNSUPPORTED_VERSION
    assert refused.message_id == GOOD["messageId"]


@pytest.mark.parametrize("data", [b"", b"x", b"\xff\xfe", b"[1]", b"[" * 5000, b"null", b'"text"'])
def test_what_is_no_object_is_refused(data: bytes) -> None:
    with pytest.raises(Refused) as refused:
        decode(data)
    assert refused.value.reason in (DeadReason.NOT_JSON, DeadReason.MALFORMED)


def test_a_giant_is_not_parsed() -> None:
    with pytest.raises(Refused) as refused:
        decode(b"{" + b" " * timers.MAX_COMMAND_OCTETS)
    assert refused.value.reason is DeadReason.TOO_BIG


def test_no_value_of_the_sender_is_in_a_reason() -> None:
    for changes in (
        {"to": "+93secret123"},
        {"messageType": "SECRET"},
        {"expiresAt": "secret"},
        {"version": "secret"},
    ):
        refused = refusal(**changes)
        assert "secret" not in f"{refused} {refused.detail}".lower()


def test_a_command_never_shows_number_or_text() -> None:
    shown = repr(decode(json.dumps(GOOD).encode()))
    assert "93701234567" not in shown
    assert "482913" not in shown


@given(st.binary(max_size=300))
def test_any_octets_are_a_command_or_refused(data: bytes) -> None:
    try:
        decode(data)
    except Refused:
        pass


@given(
    st.dictionaries(
        st.sampled_from(sorted(GOOD)), st.one_of(st.none(), st.text(), st.integers(), st.lists(st.text()))
    )
)
def test_any_values_are_a_command_or_refused(changes: dict[str, Any]) -> None:
    try:
        decode(json.dumps({**GOOD, **changes}).encode())
    except Refused:
        pass


def test_retention_bounds_the_age() -> None:
    data = json.dumps({**GOOD, "enqueuedAt": (NOW - timedelta(days=8)).isoformat()}).encode()
    with pytest.raises(Refused):
        decode_command(data, operator_id=OPERATOR, now=NOW, retention_days=7)
    assert decode_command(data, operator_id=OPERATOR, now=NOW, retention_days=9)


def test_a_replayed_command_may_be_of_any_age() -> None:
    data = json.dumps({**GOOD, "enqueuedAt": "2025-04-18T10:30:00Z"}).encode()
    assert decode(data, replayed=True)


def test_an_expiry_that_is_no_date_in_another_zone_is_refused() -> None:
    assert refusal(expiresAt="9999-12-31T23:59:59-12:00").reason is DeadReason.BAD_TIME


@pytest.mark.parametrize("encoding", ["GSM7", "UCS2", "LATIN1", "ASCII", "ISO-8859-5", "BINARY"])
def test_encodings(encoding: str) -> None:
    assert decode(json.dumps({**GOOD, "encoding": encoding}).encode()).encoding == encoding
    assert refusal(encoding=encoding.lower()).reason is DeadReason.MALFORMED
