"""Work that lanes give to Dramatiq's threads, and the way back.

A Dramatiq message here is a batch: it carries the number of a Work that waits in this process, because what
a batch holds (deliveries to settle, PDUs to send) cannot leave the process. What survives a crash is the
stream, never these messages.
"""

from __future__ import annotations

import asyncio
import itertools
import queue
from collections.abc import Callable
from typing import Any, TypeVar

from dramatiq import Message

A = TypeVar("A")
R = TypeVar("R")


class Work:
    """One call of `function(argument)` on a worker thread, awaited on the loop."""

    __slots__ = ("argument", "error", "function", "future", "result")

    def __init__(self, function: Callable[[Any], Any], argument: object, future: asyncio.Future[Any]) -> None:
        self.function = function
        self.argument = argument
        self.future = future
        self.result: object = None
        self.error: BaseException | None = None

    def perform(self) -> None:
        """Runs on a worker thread. An exception belongs to the lane that waits, not to Dramatiq."""
        try:
            self.result = self.function(self.argument)
        except BaseException as error:
            self.error = error

    def finish(self) -> None:
        """Runs on the loop, when Dramatiq has acknowledged the message."""
        if self.future.done():
            return
        if self.error is not None:
            self.future.set_exception(self.error)
        else:
            self.future.set_result(self.result)


class WorkQueue:
    """Work of one queue of one process. No more is in Dramatiq's hands than it has threads, so that nothing
    ages in its prefetch while another operator could use the thread."""

    def __init__(self, queue_name: str, actor_name: str, loop: asyncio.AbstractEventLoop) -> None:
        self.queue_name = queue_name
        self.actor_name = actor_name
        self._loop = loop
        self._ready: queue.SimpleQueue[Message[Any]] = queue.SimpleQueue()
        self._works: dict[int, Work] = {}
        self._numbers = itertools.count(1)
        self._threads: asyncio.Semaphore | None = None
        self.thread_count = 8

    async def run(self, function: Callable[[A], R], argument: A) -> R:
        """Waits for a free thread, runs it there, returns its result or raises its exception."""
        if self._threads is None:
            self._threads = asyncio.Semaphore(self.thread_count)
        async with self._threads:
            number = next(self._numbers)
            work = Work(function, argument, self._loop.create_future())
            self._works[number] = work
            self._ready.put(
                Message(
                    queue_name=self.queue_name,
                    actor_name=self.actor_name,
                    args=(number,),
                    kwargs={},
                    options={},
                )
            )
            # The thread cannot be stopped half-way: a cancelled waiter must not free it early.
            result: R = await asyncio.shield(work.future)
            return result

    def next(self, timeout: float) -> Message[Any] | None:
        """The next message, or None after `timeout` seconds. Called by Dramatiq's consumer thread."""
        try:
            return self._ready.get(timeout=timeout)
        except queue.Empty:
            return None

    def perform(self, number: int) -> None:
        """Called by the actor on a worker thread."""
        self._works[number].perform()

    def done(self, number: int) -> None:
        """Called by Dramatiq's ack or nack, on a worker thread: hands the result to the lane."""
        work = self._works.pop(number, None)
        if work is not None:
            self._loop.call_soon_threadsafe(work.finish)

    @property
    def in_hand(self) -> int:
        return len(self._works)
