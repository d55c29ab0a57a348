"""Where a request comes from."""

import pytest

from ghasi.operators.address import UNKNOWN, address_of

PEER = "10.0.0.1"


@pytest.mark.parametrize(
    ("forwarded", "proxies", "address"),
    [
        ("", 0, PEER),
        ("203.0.113.9", 0, PEER),
        ("203.0.113.9", 1, "203.0.113.9"),
        ("1.2.3.4, 203.0.113.9", 1, "203.0.113.9"),
        ("1.2.3.4, 203.0.113.9, 10.0.0.2", 2, "203.0.113.9"),
        ("203.0.113.9", 2, PEER),
        ("nonsense", 1, PEER),
        ("2001:DB8::1", 1, "2001:db8::1"),
        ("1.2.3.4, ,203.0.113.9", 1, "203.0.113.9"),
    ],
)
def test_only_what_our_own_proxies_wrote_is_believed(forwarded: str, proxies: int, address: str) -> None:
    assert address_of({"REMOTE_ADDR": PEER, "HTTP_X_FORWARDED_FOR": forwarded}, proxies) == address


def test_a_peer_without_an_address() -> None:
    assert address_of({"REMOTE_ADDR": ""}, 0) == UNKNOWN
    assert address_of({}, 1) == UNKNOWN
