import pytest

from ghasi.simulator.quoting import DefaultAlphabet, ReceiptAlphabet, quoted
from ghasi.smpp.pdu import SubmitSm

OCTETS = b"p\x40\x24\xe9\x00z"


@pytest.mark.parametrize(
    ("alphabet", "written", "ucs2", "text"),
    [
        (None, "latin1", False, "p@$é\0z"),
        (None, "gsm7", False, "p@$é\0z"),
        ("gsm7", "latin1", False, "p¡¤\ufffd@z"),
        ("gsm7", "gsm7", False, "p@$?\0z"),
        ("gsm7", "gsm7", True, "p¡¤\ufffd@z"),
        ("latin1", "latin1", False, "p@$é\0z"),
        ("latin1", "gsm7", False, "p\x00\x02\x05?z"),
        ("ascii", "latin1", False, "p@$\ufffd\0z"),
    ],
)
def test_quotes(alphabet: DefaultAlphabet | None, written: ReceiptAlphabet, ucs2: bool, text: str) -> None:
    assert quoted(SubmitSm(short_message=OCTETS), alphabet, written, ucs2=ucs2) == text


def test_ucs2_and_headers() -> None:
    text = SubmitSm(data_coding=8, short_message="é@".encode("utf-16-be"))
    assert quoted(text, "gsm7", "latin1", ucs2=False) == "é@"
    assert quoted(text, "gsm7", "gsm7", ucs2=False) == "\x05\x00"
    part = SubmitSm(esm_class=0x40, short_message=b"\5\0\3\1\2\1" + b"\0" + b"x" * 30)
    assert quoted(part, "gsm7", "latin1", ucs2=False) == "@" + "x" * 19
