from __future__ import annotations

import msgspec
import pytest

from ghasi.contracts.sessions import ControlRequest
from ghasi.contracts.trace import TraceBatch, TracedPdu, TraceOrder, decode_batch, encode_batch

PDU = TracedPdu(1_770_000_000_123_456, True, 0, 3, "10.0.0.1:51000", "198.51.100.7:2775", b"a secret text")


def test_a_batch_there_and_back() -> None:
    batch = TraceBatch("gw-1", 7, [PDU], dropped=2, ended="stopped")
    assert decode_batch(encode_batch(batch)) == batch
    with pytest.raises(msgspec.DecodeError):
        decode_batch(b"nonsense")


def test_fields_of_a_later_version_are_passed_over() -> None:
    later = {"replica": "gw-1", "number": 1, "pdus": [[*msgspec.structs.astuple(PDU), "more"]], "more": 1}
    assert decode_batch(msgspec.msgpack.encode(later)) == TraceBatch("gw-1", 1, [PDU])


def test_an_order_as_people_write_it() -> None:
    request = b'{"action":"trace","by":"me","trace":{"id":"%s","commands":[4],"digits":"4567"}}' % (b"0" * 32)
    asked = msgspec.json.decode(request, type=ControlRequest)
    assert asked.trace == TraceOrder("0" * 32, commands=[4], digits="4567")
    assert msgspec.json.decode(b'{"action":"bind"}', type=ControlRequest).trace is None


def test_octets_are_in_no_repr() -> None:
    assert "secret" not in repr(TraceBatch("gw-1", 1, [PDU]))
