"""Ports of the local stack."""

import socket

from ghasi.devstack import ports


def test_free_ports_are_free_different_and_below_the_ephemeral_range() -> None:
    given = [ports.free_port() for _ in range(50)]
    assert len(set(given)) == 50
    assert all(ports.is_free(port) for port in given)
    assert max(given) <= ports._highest()


def test_a_taken_port_is_not_free_and_not_preferred() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert not ports.is_free(port)
        assert ports.preferred_port(port) != port


def test_a_free_port_is_preferred_once() -> None:
    port = ports.free_port()
    ports._given.discard(port)
    assert ports.preferred_port(port) == port
    assert ports.preferred_port(port) != port
