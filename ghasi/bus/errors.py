"""Errors of the bus, by what the caller does next."""

from __future__ import annotations


class BusError(Exception):
    """Something between us and JetStream failed; try again later."""


class BusTimeout(BusError):
    """No answer in time: whether it was done is unknown."""


class NoHolder(BusError):
    """Nobody listens on the subject: nothing was done, ask again later."""


class PublishFailed(BusError):
    """Not every message has its PubAck: publish again with the same message ids."""


class TopologyConflict(Exception):
    """A stream that exists cannot serve: a person must decide. The text names stream and setting."""
