"""Ports of the local stack."""

import socket
import subprocess
import sys

import pytest

from ghasi.devstack import ports
from ghasi.devstack.paths import CHECKOUT


def preferred_elsewhere(port: int) -> int:
    """What another process is given that would like this port."""
    code = f"from ghasi.devstack.ports import preferred_port; print(preferred_port({port}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=CHECKOUT)
    return int(done.stdout)


def test_free_ports_are_free_different_and_below_the_ephemeral_range() -> None:
    given = [ports.free_port() for _ in range(50)]
    assert len(set(given)) == 50
    assert all(ports.is_free(port) for port in given)
    assert max(given) <= ports._highest()
    for port in given:
        ports.release(port)


@pytest.mark.parametrize("address", ["127.0.0.1", "0.0.0.0"])
def test_a_taken_port_is_not_free_and_not_preferred(address: str) -> None:
    with socket.create_server((address, 0)) as taken:
        port = taken.getsockname()[1]
        assert not ports.is_free(port)
        assert ports.preferred_port(port) != port


def test_a_free_port_is_preferred_once_until_released() -> None:
    port = ports.free_port()
    assert ports.preferred_port(port) != port
    ports.release(port)
    assert ports.preferred_port(port) == port


def test_a_port_given_here_is_not_given_to_another_process() -> None:
    port = ports.free_port()
    assert preferred_elsewhere(port) != port
    ports.release(port)
    assert preferred_elsewhere(port) == port


def test_where_all_ports_are_ephemeral_the_system_chooses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ports, "_highest", lambda: 1_023)
    assert ports.is_free(ports.free_port())
