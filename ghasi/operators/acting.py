"""Which request is being answered now, for what is written down on the way: neither signals nor rows carry it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from django.http import HttpRequest

from ghasi.operators.address import client_address

_request: ContextVar[HttpRequest | None] = ContextVar("request", default=None)


@contextmanager
def acting_in(request: HttpRequest) -> Iterator[None]:
    """Everything inside is done by whoever the request is from."""
    token = _request.set(request)
    try:
        yield
    finally:
        _request.reset(token)


def current_request() -> HttpRequest | None:
    """None in a command and in a worker."""
    return _request.get()


def current_address() -> str:
    """Where the request comes from; empty in a command and in a worker."""
    request = _request.get()
    return "" if request is None else client_address(request)
