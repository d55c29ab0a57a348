"""Ports for the servers of a local stack."""

import atexit
import random
import socket
import sys
from pathlib import Path

from ghasi.devstack.errors import DevstackError

_EPHEMERAL_RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")
_LOWEST = 15_000
_TRIES = 500
_rng = random.SystemRandom()
_reserved: dict[int, socket.socket | None] = {}


def free_port() -> int:
    """A loopback TCP port that is free at this moment and that no other stack on this machine is given.

    A stranger may still take it before the server listens: whoever starts the server tries again with another.
    """
    highest = _highest()
    if highest - _LOWEST < _TRIES:
        return _any_port()
    for _ in range(_TRIES):
        port = _rng.randint(_LOWEST, highest)
        if is_free(port) and _reserve(port):
            return port
    raise DevstackError("no free TCP port on 127.0.0.1")


def preferred_port(port: int) -> int:
    """This port where it is free and no other stack has it, else any free one."""
    return port if is_free(port) and _reserve(port) else free_port()


def is_free(port: int) -> bool:
    """Whether nobody listens on the port now, on any address (lingering closed connections do not count)."""
    for address in ("127.0.0.1", "0.0.0.0"):  # noqa: S104 - asked about, never listened on
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((address, port))
            except OSError:
                return False
    return True


def release(port: int) -> None:
    """Give a port back, for another stack to use."""
    holder = _reserved.pop(port, None)
    if holder is not None:
        holder.close()


@atexit.register
def release_all() -> None:
    """What is still reserved at the end goes without a complaint about open sockets."""
    for port in list(_reserved):
        release(port)


def _reserve(port: int) -> bool:
    """Keep the port from other stacks while this process lives; False where one of them has it.

    Two stacks that start at once would both find a port free that neither listens on yet, and the slower one would
    then take the other's answers for its own. An abstract socket name holds as far as ports do, and dies with us.
    """
    if port in _reserved:
        return False
    holder = None
    if sys.platform == "linux":
        holder = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            holder.bind(f"\0ghasi-smpp-port-{port}")
        except OSError:
            holder.close()
            return False
    _reserved[port] = holder
    return True


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


def _any_port() -> int:
    """Where nearly all ports are ephemeral, let the system choose."""
    while True:
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.bind(("127.0.0.1", 0))
            port: int = probe.getsockname()[1]
        if _reserve(port):
            return port
