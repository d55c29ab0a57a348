"""What a container runs, by the first word of its command (docs/operations.md, "In containers"); pure.

A role is a process of docs/contract.md §12 with what a container needs beside: an address that other hosts reach, a
temporary folder as the only place to write to, and a worker's time to stop told to Dramatiq too.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ghasi.env import Env

POOLS = {"dispatch": 9191, "receipts": 9192}
"""Where each answers unless WORKER_HTTP_PORT says otherwise."""
ROLES = ("gateway", *POOLS, "web", "manage")
GATEWAY_PORT = 3001
WEB_PORT = 8000
STOP_MARGIN_S = 5
"""What Dramatiq waits beyond WORKER_SHUTDOWN_DEADLINE before it ends a worker the hard way."""
_BIN = Path(sys.executable).parent
_ROOT = Path(__file__).resolve().parents[2]
_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - containers are asked from other hosts


class UnknownRole(Exception):
    """The container's command names no role; the text is for the person who wrote it."""


@dataclass(frozen=True, slots=True)
class Launch:
    """A process to become: its arguments, what its environment has beyond the container's, and where it says that it
    is alive (None: it comes to an end by itself)."""

    argv: tuple[str, ...]
    env: dict[str, str] = field(default_factory=dict)
    health: str | None = None


def launch(command: Sequence[str], environ: Mapping[str, str], *, temp: Path) -> Launch:
    """What `command` ("gateway", "dispatch --processes 2", "manage migrate") stands for. `temp` can be written to.

    Raises UnknownRole, and SettingsError for a variable that the role itself would refuse.
    """
    role, arguments = (command[0], tuple(command[1:])) if command else ("", ())
    env = Env(environ)
    if role == "gateway":
        return _gateway(arguments, env)
    if role in POOLS:
        return _pool(role, arguments, env)
    if role == "web":
        return _web(arguments, temp)
    if role == "manage":
        return Launch((sys.executable, str(_ROOT / "manage.py"), *arguments))
    raise UnknownRole(f"the command must begin with one of {', '.join(ROLES)}")


def _gateway(arguments: tuple[str, ...], env: Env) -> Launch:
    if arguments:
        raise UnknownRole("gateway takes no arguments, only variables")
    health = _health(env, "HTTP_HOST", env.integer("HTTP_PORT", GATEWAY_PORT, high=65_535))
    return Launch((sys.executable, "-m", "sessions_gateway"), health=health)


def _pool(queue: str, arguments: tuple[str, ...], env: Env) -> Launch:
    port = env.integer("WORKER_HTTP_PORT", POOLS[queue], high=65_535)
    deadline = env.number("WORKER_SHUTDOWN_DEADLINE", 35.0, low=1.0, high=600.0)
    timeout = (math.ceil(deadline) + STOP_MARGIN_S) * 1000
    # Without the second one a pool that starts slowly has no metrics (docs/decisions/0003-dramatiq-broker.md).
    times = ("--worker-shutdown-timeout", str(timeout), "--worker-fork-timeout", "300000")
    argv = (str(_BIN / "dramatiq"), "workers.app", "--queues", queue, *times)
    given = {} if env.text("WORKER_HTTP_PORT", "") else {"WORKER_HTTP_PORT": str(port)}
    # Without a port nothing answers; Dramatiq's master ends with its workers, and with it the container.
    health = _health(env, "WORKER_HTTP_HOST", port) if port else None
    return Launch((*argv, *arguments), given, health)


def _web(arguments: tuple[str, ...], temp: Path) -> Launch:
    """One process with threads, so that one page of metrics tells of all requests."""
    argv = [str(_BIN / "gunicorn"), "ghasi.wsgi", "--workers", "1", "--threads", "8"]
    argv += ["--graceful-timeout", "30", "--worker-tmp-dir", str(temp), "--no-control-socket"]
    address = _bind(arguments)
    if address is None:
        argv += ["--bind", f"0.0.0.0:{WEB_PORT}"]
        address = f"127.0.0.1:{WEB_PORT}"
    return Launch((*argv, *arguments), health=f"http://{address}/healthz")


def _bind(arguments: tuple[str, ...]) -> str | None:
    """The address that the arguments name, as it is reached from the same machine."""
    for index, argument in enumerate(arguments):
        name, mark, value = argument.partition("=")
        if name in ("--bind", "-b"):
            value = value if mark else "".join(arguments[index + 1 : index + 2])
            host, _, port = value.rpartition(":")
            return f"{_reached(host.strip('[]'))}:{port}"
    return None


def _health(env: Env, variable: str, port: int) -> str:
    return f"http://{_reached(env.text(variable, '0.0.0.0'))}:{port}/health"  # noqa: S104


def _reached(host: str) -> str:
    host = _EVERYWHERE.get(host, host)
    return f"[{host}]" if ":" in host else host
