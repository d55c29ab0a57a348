"""Dramatiq's view of a pool: messages to run now, and their end."""

from __future__ import annotations

from collections.abc import Iterable

from dramatiq import Consumer, MessageProxy

from workers.broker.works import WorkQueue


class JetStreamConsumer(Consumer):
    """Yields batches that the lanes made ready. Settling towards JetStream is the lanes' matter: a batch that
    Dramatiq acknowledges is one whose thread is free again, nothing more."""

    def __init__(self, works: WorkQueue, timeout_ms: int) -> None:
        self._works = works
        self._timeout = timeout_ms / 1000

    def __next__(self) -> MessageProxy | None:
        message = self._works.next(self._timeout)
        return None if message is None else MessageProxy(message)

    def ack(self, message: MessageProxy) -> None:
        self._works.done(message.args[0])

    def nack(self, message: MessageProxy) -> None:
        self._works.done(message.args[0])

    def requeue(self, messages: Iterable[MessageProxy]) -> None:
        """Only at a stop past its deadline: the stream redelivers what these held."""

    def close(self) -> None:
        """The pool is stopped before the worker is, by the broker's middleware."""
