"""Collects a run's evidence from every side: SMSC log, ledger, event streams, consumers."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from typing import Any

import psycopg
from nats.js.api import ConsumerConfig, DeliverPolicy

from ghasi.bus import Bus
from ghasi.contracts import subjects
from tests.faults.evidence import Command, Dlr, Evidence, Result, Row, SentReceipt, Submit
from tests.faults.line import Line

# Matched, and its event not known to be stored: the process that matched it died or NATS went, and the sweep of the
# inbox tells it half a minute later.
_UNTOLD = """
    select count(*) from smpp.receipts_inbox
    where operator_id = any(%s::uuid[]) and matched_at is not null and published_at is null
"""
TEMPORARY = (0x08, 0x14, 0x58, 0x64)
"""Answers after which an SMSC sends a receipt again."""
_ROWS = """
    select message_id::text, segment, segments, attempt, status, operator_message_id, in_doubt_at is not null,
           possible_duplicate, policy_action, retry_at is not null,
           concat_ws(' ', command_status, in_doubt_reason, reason, gateway_epoch, 'prepared', prepared_at::time,
                     'retry', retry_at::time, 'in doubt', in_doubt_at::time)
    from smpp.message_correlations where requested_operator_id = any(%s::uuid[])
"""
# One that was matched or given up has an event, or it is lost.
_INBOX = """
    select operator_message_id from smpp.receipts_inbox
    where operator_id = any(%s::uuid[]) and matched_at is null and given_up_at is null
"""


async def gather(line: Line, commands: list[Command]) -> Evidence:
    """Everything there is about a line's operators since it was made."""
    bus = await line.bus("oracle")
    try:
        since = datetime.fromtimestamp(line.began, UTC)
        dead = [
            message.headers.get("Smpp-Message-Id", "")
            for operator_id in line.operator_ids
            async for message in stored(bus, subjects.SMPP_DEAD, subjects.dead(operator_id), since)
        ]
        results = [one async for one in _results(bus, line, since)]
        dlrs = [one async for one in _dlrs(bus, line, since)]
        unsettled = await pending(bus, line)
    finally:
        await bus.close()
    with psycopg.connect(line.servers.database_url) as database:
        rows = [Row(*values) for values in database.execute(_ROWS, [line.operator_ids])]
        inbox = waiting(database, *line.operator_ids)
    return Evidence(
        commands=commands,
        submits=list(submits(line)),
        receipts=list(receipts(line)),
        rows=rows,
        results=results,
        dlrs=dlrs,
        dead=dead,
        inbox=inbox,
        unsettled=unsettled,
    )


def waiting(database: psycopg.Connection[Any], *operator_ids: str) -> list[str]:
    """Ids of the receipts that wait in the inbox."""
    return [name for (name,) in database.execute(_INBOX, [list(operator_ids)])]


def untold(database_url: str, operator_ids: list[str]) -> int:
    """Receipts that left the stream, found their part in the inbox and whose event is still to come."""
    with psycopg.connect(database_url, connect_timeout=5) as database:
        found = database.execute(_UNTOLD, [operator_ids]).fetchone()
    return int(found[0]) if found else 0


async def pending(bus: Bus, line: Line) -> int:
    """Messages that wait for a consumer of the line, or are out with one."""
    total = 0
    for consumer in line.consumers():
        info = await bus.js.consumer_info(consumer.stream, consumer.durable)
        total += (info.num_pending or 0) + (info.num_ack_pending or 0)
    return total


def submits(line: Line) -> Iterator[Submit]:
    """The SMSCs' submit lines."""
    for one in _smsc_lines(line, "submit"):
        yield Submit(one["destination_addr"], one["part"], one["message_id"], taken=one["taken"], at=one["at"])


def receipts(line: Line) -> Iterator[SentReceipt]:
    """Receipts the SMSCs know to be with us."""
    for one in _smsc_lines(line, "deliver_resp", "deliver_resp_late"):
        if one["command_status"] == 0 and "receipt_id" in one:
            yield SentReceipt(one["message_id"], one["receipt_id"], one["destination_addr"], one["stat"])


def owed(line: Line) -> int:
    """Messages that an SMSC took and whose final receipt we have not acknowledged."""
    taken = Counter(one.destination for one in submits(line) if one.taken)
    done = Counter(
        one["destination_addr"]
        for one in _smsc_lines(line, "deliver_resp", "deliver_resp_late")
        if one.get("final") and one["copy"] == 1 and one["command_status"] not in TEMPORARY
    )
    return (taken - done).total()


def _smsc_lines(line: Line, *events: str) -> Iterator[dict[str, Any]]:
    for operator_id in line.operator_ids:
        for event in events:
            yield from line.smsc_log(operator_id, event)


async def stored(bus: Bus, stream: str, subject: str, since: datetime) -> AsyncIterator[Any]:
    """The messages of a subject that the stream holds and took since then."""
    subscription = await bus.js.subscribe(
        subject,
        stream=stream,
        ordered_consumer=True,
        config=ConsumerConfig(
            deliver_policy=DeliverPolicy.BY_START_TIME, opt_start_time=since.isoformat().replace("+00:00", "Z")
        ),
    )
    try:
        info = await subscription.consumer_info()
        # What has reached us already is not pending any more.
        for _ in range((info.num_pending or 0) + info.delivered.consumer_seq):
            yield await subscription.next_msg(timeout=5.0)
    finally:
        await subscription.unsubscribe()


async def _results(bus: Bus, line: Line, since: datetime) -> AsyncIterator[Result]:
    async for message in stored(bus, subjects.SUBMIT_EVENTS, subjects.SUBMIT_RESULT, since):
        one = json.loads(message.data)
        if one["operatorId"] in line.operator_ids and one["messageId"] is not None:
            at = message.metadata.timestamp.timestamp()
            yield Result(one["messageId"], one["result"], one["attempt"], one["eventId"], at)


async def _dlrs(bus: Bus, line: Line, since: datetime) -> AsyncIterator[Dlr]:
    async for message in stored(bus, subjects.DLR_EVENTS, subjects.DLR_INBOUND, since):
        one = json.loads(message.data)
        if one["operatorId"] in line.operator_ids:
            at = message.metadata.timestamp.timestamp()
            yield Dlr(one["messageId"], one["operatorMessageId"], one["stat"], one["eventId"], at)
