"""ghasi.sms.receipt_body: receipts in codings that do not show."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ghasi.smpp.constants import ESM_UDHI
from ghasi.smpp.pdu import DeliverSm
from ghasi.smpp.receipt_body import receipt_text
from ghasi.sms import gsm7
from ghasi.sms.receipt_body import AUTO, DECODERS, KEEP_ASCII
from ghasi.sms.septets import fill_bits, pack

TEXT = "id:A_34 stat:DELIVRD err:000 text:hi"
NAMES = sorted(set(DECODERS) - {AUTO})


def packed(septets: bytes) -> bytes:
    bits = sum(septet << 7 * place for place, septet in enumerate(septets))
    return bits.to_bytes((7 * len(septets) + 7) // 8, "little")


def decode(name: str, data: bytes) -> str:
    decoder = DECODERS[name]
    assert decoder is not None
    return decoder(data, 0, 0)


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("latin1", TEXT.encode()),
        ("ascii", TEXT.encode()),
        ("utf8", TEXT.encode() + b"\0"),
        ("ucs2", TEXT.encode("utf-16-be")),
        ("ucs2-le", TEXT.encode("utf-16-le")),
        ("gsm7", gsm7.encode(TEXT)),
        ("gsm7-packed", packed(gsm7.encode(TEXT))),
    ],
)
def test_a_receipt_in_each(name: str, data: bytes) -> None:
    assert decode(name, data) == TEXT


@given(st.text(st.sampled_from("id:A_3stDELIVRD è4"), min_size=1, max_size=30))
def test_packed_septets_of_any_length(text: str) -> None:
    assert decode("gsm7-packed", packed(gsm7.encode(text))) == text


@given(st.sampled_from(sorted(KEEP_ASCII)), st.binary(max_size=40))
def test_ascii_is_kept(name: str, data: bytes) -> None:
    head = TEXT.encode() + b" "
    assert decode(name, head + data).startswith(TEXT + " ")


@given(st.sampled_from(NAMES), st.binary(max_size=60))
def test_no_octets_raise(name: str, data: bytes) -> None:
    assert isinstance(decode(name, data), str)


@pytest.mark.parametrize("header", ["", "03240101", "050003070101", "06080400070101"])
@pytest.mark.parametrize("text", [TEXT, TEXT[:-1], TEXT + "1234567"])
def test_packed_septets_behind_a_header(header: str, text: str) -> None:
    udh = bytes.fromhex(header)
    body = pack(gsm7.encode(text), fill_bits(len(udh)))
    pdu = DeliverSm(esm_class=4 | (ESM_UDHI if udh else 0), short_message=udh + body)
    assert receipt_text(pdu, DECODERS["gsm7-packed"]) == text
