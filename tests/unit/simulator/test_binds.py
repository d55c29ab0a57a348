from typing import Any

import msgspec
import pytest

from ghasi.simulator.binds import BindBook
from ghasi.simulator.config import Operator
from ghasi.smpp.pdu import BindReceiver, BindRequest, BindTransceiver, BindTransmitter

WHO = {"system_id": "test", "password": "secret"}


def book(**keys: Any) -> BindBook:
    given = {"id": "550e8400-e29b-41d4-a716-446655440001", "name": "A", "systemId": "test", "password": "secret"}
    return BindBook(msgspec.convert(given | keys, Operator))


@pytest.mark.parametrize(
    ("keys", "request_", "status"),
    [
        ({}, BindTransceiver(**WHO), 0),
        ({}, BindTransceiver(system_id="other", password="secret"), 0x0F),
        ({}, BindTransceiver(system_id="test", password="Secret"), 0x0E),
        ({"otherAccounts": [{"systemId": "b", "password": "b"}]}, BindReceiver(system_id="b", password="b"), 0),
        ({"systemType": "SMPP"}, BindTransceiver(**WHO), 0x53),
        ({"systemType": "SMPP"}, BindTransceiver(**WHO, system_type="SMPP"), 0),
        ({"accepts": ["TX", "RX"]}, BindTransceiver(**WHO), 0x03),
        ({"accepts": ["TX", "RX"], "refuseModeWith": 5}, BindTransceiver(**WHO), 5),
        ({"accepts": ["TX", "RX"]}, BindTransmitter(**WHO), 0),
    ],
)
def test_judgement(keys: dict[str, Any], request_: BindRequest, status: int) -> None:
    assert book(**keys).judge(request_, now=0.0) == status


def test_the_limit_counts_each_direction() -> None:
    limited = book(bindLimit=1)
    limited.add(1, "test", "TX")
    assert limited.judge(BindReceiver(**WHO), now=0.0) == 0
    assert limited.judge(BindTransmitter(**WHO), now=0.0) == 5
    assert limited.judge(BindTransceiver(**WHO), now=0.0) == 5
    limited.remove(1, unbound=True, now=0.0)
    assert limited.judge(BindTransceiver(**WHO), now=0.0) == 0
    assert len(limited) == 0


def test_a_session_that_was_cut_lives_on_as_a_ghost() -> None:
    limited = book(bindLimit=1, ghostSeconds=10)
    limited.add(1, "test", "TRX")
    limited.remove(1, unbound=False, now=100.0)
    assert limited.judge(BindTransceiver(**WHO), now=109.9) == 5
    assert limited.judge(BindTransceiver(**WHO), now=110.0) == 0


def test_unbinding_leaves_no_ghost() -> None:
    limited = book(bindLimit=1, ghostSeconds=10)
    limited.add(1, "test", "TRX")
    limited.remove(1, unbound=True, now=100.0)
    limited.remove(2, unbound=False, now=100.0)
    assert limited.judge(BindTransceiver(**WHO), now=100.0) == 0
