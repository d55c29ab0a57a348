"""Errors of the bus, by what the caller does next."""

from __future__ import annotations

from nats.js.errors import APIError


class BusError(Exception):
    """Something between us and JetStream failed; try again later."""


class BusTimeout(BusError):
    """No answer in time: whether it was done is unknown."""


class NoHolder(BusError):
    """Nobody listens on the subject: nothing was done, ask again later."""


class PublishFailed(BusError):
    """Not every message has its PubAck: publish again with the same message ids."""


class TopologyConflict(Exception):
    """A stream that exists cannot serve, or a missing one cannot be made: a person must decide. The text names stream
    and setting."""


def said(error: BaseException) -> str:
    """What may be shown of an error: our own text, or JetStream's description and code. Of others the type alone: the
    client's text may quote an address with its password."""
    if isinstance(error, BusError | TopologyConflict):
        return str(error)
    if isinstance(error, APIError) and error.description:
        return f"{error.description} (JetStream error {error.err_code or error.code})"
    return type(error).__name__
