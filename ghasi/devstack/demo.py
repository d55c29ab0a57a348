"""The demo: publishes the samples as the orchestrator would, listens as the platform would, and tells the outcome."""

import asyncio
import json
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import nats
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js import JetStreamContext
from nats.js.api import ConsumerConfig, DeliverPolicy
from nats.js.errors import NotFoundError
from rich.console import Console

from ghasi.contracts import subjects
from ghasi.devstack import samples
from ghasi.devstack.errors import DevstackError
from ghasi.devstack.stack import Stack
from ghasi.devstack.tracker import Tracker
from ghasi.devstack.view import LiveView, PlainView, summary

_STREAMS = (subjects.SMS_DISPATCH, subjects.SUBMIT_EVENTS, subjects.DLR_EVENTS, subjects.SMPP_DEAD)
_STREAM_WAIT_S = 20.0
_LOOK_EVERY_S = 0.1
_SETTLE_S = 0.5
"""After the last expected event: time for one too many to show itself."""
TIMEOUT_S = 90.0


async def run(stack: Stack, console: Console) -> bool:
    """Send the samples and wait for their outcomes. True where each was as expected."""
    tracker = Tracker(samples.load({operator.name: operator.id for operator in stack.settled.operators}))
    logs = [_LogTail(stack.simulator_log / f"{operator}.jsonl") for operator in stack.operator_ids]
    client = await nats.connect(stack.servers.nats_url, name="demo")
    try:
        stream = client.jetstream()
        await _await_streams(stream)
        await _listen(stream, tracker)
        started = time.monotonic()
        view = LiveView(console, tracker) if console.is_terminal else PlainView(console, tracker)
        with view:
            await _publish(stream, tracker)
            await _follow(tracker, logs, view.update)
        summary(console, tracker, time.monotonic() - started)
    finally:
        await _close(client)
    return not tracker.failed


async def _await_streams(stream: JetStreamContext) -> None:
    """The connector makes its streams where the platform has not."""
    deadline = time.monotonic() + _STREAM_WAIT_S
    for name in _STREAMS:
        while True:
            try:
                await stream.stream_info(name)
                break
            except NotFoundError:
                if time.monotonic() > deadline:
                    raise DevstackError(f"stream {name} does not appear") from None
                await asyncio.sleep(_LOOK_EVERY_S)


async def _listen(stream: JetStreamContext, tracker: Tracker) -> None:
    """Follow the three streams on which the connector tells what became of messages."""

    async def result(message: Msg) -> None:
        tracker.submit_result(json.loads(message.data))

    async def delivery(message: Msg) -> None:
        tracker.delivery(json.loads(message.data))

    async def dead(message: Msg) -> None:
        tracker.dead_letter(message.data, (message.headers or {}).get(subjects.HEADER_REASON, "?"))

    for subject, callback in (
        (subjects.SUBMIT_RESULT, result),
        (subjects.DLR_INBOUND, delivery),
        (subjects.dead("*"), dead),
    ):
        config = ConsumerConfig(deliver_policy=DeliverPolicy.NEW)
        await stream.subscribe(subject, cb=callback, ordered_consumer=True, config=config)


async def _publish(stream: JetStreamContext, tracker: Tracker) -> None:
    for track in tracker.tracks:
        sample = track.sample
        tracker.published(sample, time.time())
        await stream.publish(
            subjects.dispatch(sample.operator_id),
            sample.payload,
            headers={subjects.HEADER_MSG_ID: sample.message_id},
        )


async def _follow(tracker: Tracker, logs: "list[_LogTail]", update: Callable[[], None]) -> None:
    deadline = time.monotonic() + TIMEOUT_S
    settled_at: float | None = None
    while time.monotonic() < deadline:
        for log in logs:
            for line in log.new_lines():
                if line["event"] == "submit":
                    tracker.submit_seen(line)
        update()
        if not tracker.settled:
            settled_at = None
        elif settled_at is None:
            settled_at = time.monotonic()
        elif time.monotonic() - settled_at > _SETTLE_S:
            return
        await asyncio.sleep(_LOOK_EVERY_S)


async def _close(client: Client) -> None:
    with suppress(nats.errors.Error, OSError, TimeoutError):
        await asyncio.wait_for(client.close(), 3.0)


class _LogTail:
    """New whole lines of a simulated operator's log."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset = 0

    def new_lines(self) -> list[dict[str, Any]]:
        """Lines written since the last look; a half one waits for its end."""
        try:
            with self._path.open("rb") as file:
                file.seek(self._offset)
                data = file.read()
        except FileNotFoundError:
            return []
        whole = data[: data.rfind(b"\n") + 1]
        self._offset += len(whole)
        return [json.loads(line) for line in whole.splitlines()]
