"""ghasi.certificates: notAfter of certificates that others made."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
import trustme
from cryptography import x509
from hypothesis import given
from hypothesis import strategies as st

from ghasi.certificates import NotACertificate, expires_at


@pytest.mark.parametrize("year", [2027, 2049, 2050, 2090])
def test_pem_and_der_tell_when_they_expire(year: int) -> None:
    end = datetime(year, 3, 4, 5, 6, 7, tzinfo=UTC)
    blob = trustme.CA().issue_cert("smsc.example.org", not_after=end).cert_chain_pems[0].bytes()
    assert expires_at(blob) == end.timestamp()
    assert expires_at(b"Subject: something before it\n" + blob + b"and behind") == end.timestamp()
    read = x509.load_pem_x509_certificate(blob)
    from cryptography.hazmat.primitives.serialization import Encoding

    assert expires_at(read.public_bytes(Encoding.DER)) == end.timestamp()


@pytest.mark.parametrize("octets", [b"", b"0", b"-----BEGIN CERTIFICATE-----", b"\x30\x82", b"\x30\x03\x30\x01\x02"])
def test_what_is_none_is_said_to_be_none(octets: bytes) -> None:
    with pytest.raises(NotACertificate):
        expires_at(octets)


@given(st.binary(max_size=200))
def test_any_octets_end_in_a_time_or_in_that_error(octets: bytes) -> None:
    with pytest.raises(NotACertificate):
        expires_at(octets)
