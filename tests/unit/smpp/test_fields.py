import pytest

from ghasi.smpp.errors import FieldError
from ghasi.smpp.fields import BrokenField, Counted, CString, UInt


@pytest.mark.parametrize(("size", "value", "octets"), [(1, 255, "ff"), (2, 258, "0102"), (4, 1, "00000001")])
def test_integers_are_big_endian(size, value, octets):
    assert UInt(size).encode("f", value).hex() == octets
    assert UInt(size).decode(bytes.fromhex("00" + octets), 1, True) == (value, 1 + size)


@pytest.mark.parametrize("value", [-1, 256, "1", None, 1.0, b"\x01"])
def test_integers_that_do_not_fit(value):
    with pytest.raises(FieldError, match=r"^ton: "):
        UInt(1).encode("ton", value)


def test_an_integer_beyond_the_end():
    with pytest.raises(BrokenField) as caught:
        UInt(2).decode(b"\x01", 0, False)
    assert caught.value.status == 0x02


def test_a_string_ends_with_nul():
    assert CString(6).encode("f", "abc") == b"abc\0"
    assert CString(6).encode("f", "") == b"\0"
    assert CString(6).decode(b"xabc\0y", 1, True) == ("abc", 5)


def test_a_string_at_its_limit():
    assert CString(6).encode("f", "abcde") == b"abcde\0"
    with pytest.raises(FieldError, match="longer than 5"):
        CString(6).encode("f", "abcdef")


@pytest.mark.parametrize(
    ("value", "why"), [("a\0b", "NUL"), ("سلام", "Latin-1"), ("\ud800", "Latin-1"), (b"abc", "text"), (None, "text")]
)
def test_strings_that_cannot_be_sent(value, why):
    with pytest.raises(FieldError, match=why):
        CString(20).encode("f", value)


def test_latin1_survives_both_ways():
    everything = "".join(map(chr, range(1, 256)))
    octets = CString(300).encode("f", everything)
    assert CString(300).decode(octets, 0, True) == (everything, 256)


def test_no_nul_before_the_end():
    with pytest.raises(BrokenField) as caught:
        CString(6, 0x15).decode(b"abc", 0, False)
    assert caught.value.status == 0x02


def test_too_long_a_string_is_refused_with_its_own_status_or_taken():
    with pytest.raises(BrokenField) as caught:
        CString(3, 0x15).decode(b"abc\0", 0, True)
    assert caught.value.status == 0x15
    assert CString(3, 0x15).decode(b"abc\0", 0, False) == ("abc", 4)


@pytest.mark.parametrize("value", ["", "000001000000000R"])
def test_times_are_whole(value):
    kind = CString(17, 0x62, exact=True)
    assert kind.decode(kind.encode("f", value), 0, True)[0] == value


@pytest.mark.parametrize("value", ["1", "000001000000000", "000001000000000R0"])
def test_times_are_not_partial(value):
    kind = CString(17, 0x62, exact=True)
    with pytest.raises(FieldError, match="empty or have 16"):
        kind.encode("f", value)
    with pytest.raises(BrokenField) as caught:
        kind.decode(value.encode() + b"\0", 0, True)
    assert caught.value.status == 0x62


def test_counted_octets():
    assert Counted(254).encode("f", b"\0@") == b"\x02\0@"
    assert Counted(254).decode(b"\x02\0@z", 0, True) == (b"\0@", 3)


@pytest.mark.parametrize("value", [b"x" * 255, "text", None, bytearray(b"x")])
def test_octets_that_cannot_be_sent(value):
    with pytest.raises(FieldError):
        Counted(254).encode("short_message", value)


@pytest.mark.parametrize(("data", "status"), [(b"", 0x02), (b"\x03ab", 0x01)])
def test_octets_cut_short(data, status):
    with pytest.raises(BrokenField) as caught:
        Counted().decode(data, 0, False)
    assert caught.value.status == status


def test_no_error_text_holds_the_value():
    for kind in (CString(4), UInt(1), Counted(2)):
        with pytest.raises(FieldError) as caught:
            kind.encode("f", "secret سر")
        assert "secret" not in str(caught.value)
