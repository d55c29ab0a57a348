"""Ports for the servers of a local stack."""

import random
import socket
from pathlib import Path

from ghasi.devstack.errors import DevstackError

_EPHEMERAL_RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")
_LOWEST = 15_000
_TRIES = 500
_given: set[int] = set()
_rng = random.SystemRandom()


def _highest() -> int:
    """Last port below the range the system hands to outgoing connections.

    A client that keeps dialling a dead server inside that range can be given the very port it dials, is then
    connected to itself, and the server cannot come back on it: restarts under load need ports from below.
    """
    try:
        first = int(_EPHEMERAL_RANGE.read_text().split()[0])
    except (OSError, ValueError, IndexError):
        first = 49_152
    return first - 1


def is_free(port: int) -> bool:
    """Whether nobody listens on the loopback port now (lingering closed connections do not count)."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def free_port() -> int:
    """A loopback TCP port free at this moment, never the same twice in one process.

    Somebody may still take it before the server listens: whoever starts the server tries again with another.
    """
    highest = _highest()
    if highest - _LOWEST < _TRIES:
        return _any_port()
    for _ in range(_TRIES):
        port = _rng.randint(_LOWEST, highest)
        if port not in _given and is_free(port):
            _given.add(port)
            return port
    raise DevstackError("no free TCP port on 127.0.0.1")


def _any_port() -> int:
    """Where nearly all ports are ephemeral, let the system choose."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    _given.add(port)
    return port


def preferred_port(port: int) -> int:
    """This port where it is free, else any free one."""
    if port not in _given and is_free(port):
        _given.add(port)
        return port
    return free_port()
