from __future__ import annotations

import pytest

from ghasi.smpp.pdu import DataSm, DeliverSm, EnquireLink, Pdu
from ghasi.smpp.tlv import Tag, Tlv
from sessions_gateway.receipts import is_receipt

TEXT = b"id:1 sub:001 dlvrd:001 submit date:2604181030 done date:2604181031 stat:DELIVRD err:000 text:x"


@pytest.mark.parametrize(
    ("pdu", "expected"),
    [
        (DeliverSm(esm_class=0x04), True),
        (DeliverSm(esm_class=0x44), True),
        (DeliverSm(esm_class=0x20), True),
        (DeliverSm(esm_class=0xC7), True),
        (DeliverSm(short_message=TEXT), True),
        (DeliverSm(tlvs=(Tlv(Tag.RECEIPTED_MESSAGE_ID, b"1"),)), True),
        (DataSm(esm_class=0x04), True),
        (DataSm(tlvs=(Tlv(Tag.RECEIPTED_MESSAGE_ID, b"1"),)), True),
        (DeliverSm(short_message=b"STOP"), False),
        (DeliverSm(esm_class=0x40, short_message=b"\5\0\3\1\2\1STOP"), False),
        (DeliverSm(esm_class=0x08, short_message=b"read"), False),
        (DataSm(), False),
        (EnquireLink(), False),
    ],
)
def test_what_speaks_of_an_earlier_message(pdu: Pdu, expected: bool) -> None:
    assert is_receipt(pdu) is expected
