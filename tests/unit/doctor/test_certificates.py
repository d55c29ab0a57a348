"""When certificates end, read from DER and PEM."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme

from ghasi.doctor.certificates import Unreadable, ends_in

DAY = timedelta(days=1)
ENDS = [
    datetime(2026, 5, 4, 8, 15, 30, tzinfo=UTC),
    datetime(2049, 12, 31, tzinfo=UTC),
    datetime(2051, 1, 1, tzinfo=UTC),
]


@pytest.fixture(scope="module")
def ca() -> trustme.CA:
    return trustme.CA()


def pem(ca: trustme.CA, end: datetime) -> bytes:
    return ca.issue_cert("smsc.example.net", not_after=end).cert_chain_pems[0].bytes()


@pytest.mark.parametrize("end", ENDS)
def test_the_end_of_a_certificate(ca: trustme.CA, end: datetime, tmp_path: Path) -> None:
    """Until 2049 it stands as UTCTime, later as GeneralizedTime (RFC 5280 §4.1.2.5)."""
    file = tmp_path / "leaf.pem"
    file.write_bytes(pem(ca, end))
    assert ends_in(file) == end


def test_the_first_end_of_a_chain_counts(ca: trustme.CA, tmp_path: Path) -> None:
    file = tmp_path / "chain.pem"
    file.write_bytes(b"of ours\n" + pem(ca, ENDS[1]) + pem(ca, ENDS[0]) + ca.cert_pem.bytes())
    assert ends_in(file) == ENDS[0]


@pytest.mark.parametrize("content", [b"", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", b"\xff"])
def test_what_is_no_certificate_is_said_to_be_none(content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "none.pem"
    file.write_bytes(content)
    with pytest.raises(Unreadable):
        ends_in(file)
