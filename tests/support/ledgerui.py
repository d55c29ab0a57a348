"""What the tests of the ledger's pages have in common: staff, messages in every state, dead letters with bytes."""

from __future__ import annotations

import asyncio
import json
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from django.contrib.auth.models import Permission, User
from django.test import Client

from ghasi.bus import Bus, BusSettings, Publication
from ghasi.contracts import subjects
from ghasi.correlations import dead, ledger
from ghasi.correlations.models import DeadLetter
from ghasi.correlations.types import Intent, Part, PartFateKind, PartOutcome
from tests.support import platform

NUMBER = "93701234545"


def staff(*permissions: str) -> Client:
    user = User.objects.create(username=f"staff-{uuid4().hex[:8]}", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    client = Client(headers={"host": "localhost"})
    client.force_login(user)
    return client


def intent(now: datetime, segments: int = 1, **fields: Any) -> Intent:
    given: dict[str, Any] = {
        "message_id": uuid4(),
        "event_id": uuid4(),
        "operator_id": uuid4(),
        "destination": NUMBER,
        "expires_at": now + timedelta(minutes=10),
        **fields,
    }
    return Intent(
        requested_operator_id=given["operator_id"],
        sender="GHASI",
        account_id="account",
        segments=segments,
        enqueued_at=now,
        **given,
    )


def claimed(one: Intent, now: datetime) -> tuple[Part, ...]:
    [answer] = ledger.claim([one], replica="gw-1", epoch="e1", now=now, arm={})
    return answer.parts


def fate(part: Part, at: datetime, kind: PartFateKind, **fields: Any) -> PartOutcome:
    return PartOutcome(part.row_id, part.enqueued_day, part.message_id, kind, at, **fields)


def accepted(part: Part, at: datetime, name: str) -> PartOutcome:
    return fate(part, at, PartFateKind.ACCEPTED, operator_message_id=name, lookup_keys=(name.lower(),))


def held(now: datetime, segments: int = 1, **fields: Any) -> tuple[Intent, tuple[Part, ...]]:
    """A message all of whose parts were answered with a status nobody knows."""
    one = intent(now, segments, **fields)
    parts = claimed(one, now)
    given = {"command_status": 0x455, "reason": "unknown_status"}
    ledger.record([fate(part, now, PartFateKind.HELD, **given) for part in parts], now=now)
    return one, parts


def command(one: Intent, text: str = "hello") -> bytes:
    """The command of an intent, as the platform gives it."""
    made = platform.command(
        str(one.operator_id),
        f"+{one.destination}",
        text,
        eventId=str(one.event_id),
        messageId=str(one.message_id),
        enqueuedAt=platform.iso(one.enqueued_at),
        expiresAt=platform.iso(one.expires_at),
    )
    return json.dumps(made).encode()


def bury(
    nats_url: str, one: Intent, body: bytes, reason: str, now: datetime, command_seq: int | None = None
) -> DeadLetter:
    """Bytes in SMPP_DEAD and their row in the index."""
    operator = str(one.operator_id)
    headers = {"Smpp-Message-Id": str(one.message_id), subjects.HEADER_REASON: reason}

    async def publish() -> int:
        bus = await Bus.connect(BusSettings(urls=(nats_url,)), name="test")
        try:
            await bus.ensure()
            return await bus.publish(Publication(subjects.dead(operator), body, uuid4().hex, headers))
        finally:
            await bus.close()

    sequence = asyncio.run(publish())
    dead.dead_letter_index(operator, sequence, reason, one.message_id, len(body), now, command_seq)
    return DeadLetter.objects.get(operator_id=one.operator_id, stream_seq=sequence)


def dispatched(nats_url: str, operator_id: UUID) -> list[tuple[dict[str, str], bytes]]:
    """Headers and bodies of what is in SMS_DISPATCH for an operator."""

    async def read() -> list[tuple[dict[str, str], bytes]]:
        bus = await Bus.connect(BusSettings(urls=(nats_url,)), name="test")
        try:
            found = []
            subject = subjects.dispatch(str(operator_id))
            stream = subjects.SMS_DISPATCH
            info = await bus.js.stream_info(stream, subjects_filter=subject)
            left, sequence = (info.state.subjects or {}).get(subject, 0), 1
            while left:
                message = await bus.js.get_msg(
                    subjects.SMS_DISPATCH, sequence, subject=subject, direct=True, next=True
                )
                found.append((dict(message.headers or {}), message.data or b""))
                left, sequence = left - 1, (message.seq or sequence) + 1
            return found
        finally:
            await bus.close()

    return asyncio.run(read())
