from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ghasi.sms import gsm7
from ghasi.sms.coding import Alphabet, Coding, Encoded, Wanted, decode_text, encode_text
from ghasi.sms.errors import LoneSurrogate, NotEncodable, TooLong
from ghasi.sms.segmentation import LongMode, Segmented, Strategy, capacity, segment, split

GSM = gsm7.DEFAULT.basic.replace("\x1b", "") + "".join(gsm7.DEFAULT.extension.values())
gsm_texts = st.text(st.sampled_from(GSM + "€{}[]" * 20), max_size=700)
any_texts = st.text(st.sampled_from("ab€čدپ🙂🈁"), max_size=400)


def _units(text: str, **options: object) -> list[int]:
    return [part.units for part in split(text, **options).parts]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("coding", "header", "units"),
    [
        (Coding.GSM7, 0, 160),
        (Coding.GSM7, 6, 153),
        (Coding.GSM7, 7, 152),
        (Coding.GSM7, 4, 155),
        (Coding.GSM7, 9, 149),
        (Coding.GSM7, 12, 146),
        (Coding.UCS2, 0, 70),
        (Coding.UCS2, 6, 67),
        (Coding.UCS2, 7, 66),
        (Coding.LATIN1, 0, 140),
        (Coding.LATIN1, 6, 134),
        (Coding.ASCII, 7, 133),
    ],
)
def test_capacity(coding: Coding, header: int, units: int) -> None:
    assert capacity(coding, header) == units


@pytest.mark.parametrize(
    ("text", "bits", "units"),
    [
        ("", 8, [0]),
        ("x" * 160, 8, [160]),
        ("x" * 161, 8, [153, 8]),
        ("x" * 161, 16, [152, 9]),
        ("x" * 306, 8, [153, 153]),
        ("x" * 307, 8, [153, 153, 1]),
        ("x" * 304, 16, [152, 152]),
        ("€" * 80, 8, [160]),
        ("€" * 81, 8, [152, 10]),
        ("€" * 153, 8, [152, 152, 2]),
        ("€" * 152, 16, [152, 152]),
        ("x" * 152 + "€" + "x" * 10, 8, [152, 12]),
        ("x" * 159 + "€", 8, [153, 8]),
        ("ж" * 70, 8, [70]),
        ("ж" * 71, 8, [67, 4]),
        ("ж" * 71, 16, [66, 5]),
        ("🙂" * 35, 8, [70]),
        ("🙂" * 36, 8, [66, 6]),
        ("🙂" * 67, 8, [66, 66, 2]),
        ("🙂" * 66, 16, [66, 66]),
    ],
)
def test_units_of_the_parts(text: str, bits: int, units: list[int]) -> None:
    assert _units(text, reference_bits=bits) == units


def test_octets_of_full_parts() -> None:
    assert [len(p.user_data) for p in split("x" * 306).parts] == [159, 159]
    assert [len(p.user_data) for p in split("x" * 304, reference_bits=16).parts] == [159, 159]
    assert [len(p.user_data) for p in split("ж" * 134).parts] == [140, 140]
    assert [len(p.user_data) for p in split("ж" * 132, reference_bits=16).parts] == [139, 139]


def test_latin1_is_cut_by_octets() -> None:
    assert _units("á" * 140, alphabet=Alphabet.LATIN1) == [140]
    assert _units("á" * 141, alphabet=Alphabet.LATIN1) == [134, 7]
    assert _units("á" * 141, alphabet=Alphabet.LATIN1, reference_bits=16) == [133, 8]


def test_headers() -> None:
    parts = split("x" * 400, reference=0xA5).parts
    assert [part.udh.hex() for part in parts] == ["050003a50301", "050003a50302", "050003a50303"]
    parts = split("x" * 400, reference=0xA55A, reference_bits=16).parts
    assert [part.udh.hex() for part in parts] == ["060804a55a0301", "060804a55a0302", "060804a55a0303"]


def test_one_part_is_plain_whatever_is_asked() -> None:
    for mode in LongMode:
        segmented = split("x" * 160, long_mode=mode)
        assert (segmented.mode, segmented.network_parts) == (None, 1)
        assert [(part.units, part.udh) for part in segmented.parts] == [(160, b"")]


def test_tlv_is_one_part_without_header() -> None:
    segmented = split("€" * 153, strategy=Strategy.TLV)
    assert [(part.units, part.udh, part.body) for part in segmented.parts] == [(306, b"", b"\x1be" * 153)]
    assert (segmented.mode, segmented.network_parts) == (LongMode.PAYLOAD, 3)


def test_sar_leaves_room_for_a_header_it_does_not_write() -> None:
    segmented = split("x" * 307, long_mode=LongMode.SAR, reference=7)
    assert [(part.units, part.udh) for part in segmented.parts] == [(153, b""), (153, b""), (1, b"")]
    assert (segmented.mode, segmented.reference) == (LongMode.SAR, 7)
    assert _units("x" * 307, long_mode=LongMode.SAR, reference_bits=16) == [152, 152, 3]


def test_long_mode_overrides_the_strategy() -> None:
    assert len(split("x" * 161, strategy=Strategy.TLV, long_mode=LongMode.UDH).parts) == 2


@pytest.mark.parametrize("strategy", list(Strategy))
def test_255_parts_and_no_more(strategy: Strategy) -> None:
    assert split("x" * 153 * 255, strategy=strategy).network_parts == 255
    with pytest.raises(TooLong) as caught:
        split("x" * (153 * 255 + 1), strategy=strategy)
    assert (caught.value.parts, caught.value.limit) == (256, 255)


def test_fewer_parts_by_the_operator() -> None:
    assert len(split("x" * 1530, max_parts=10).parts) == 10
    with pytest.raises(TooLong):
        split("x" * 1531, max_parts=10)


def test_text_errors_pass_through() -> None:
    with pytest.raises(LoneSurrogate):
        split("\ud83d")
    with pytest.raises(NotEncodable):
        split("ж", strict=True)


@pytest.mark.parametrize(("reference", "bits"), [(256, 8), (-1, 8), (65536, 16), (0, 7)])
def test_reference_out_of_range(reference: int, bits: int) -> None:
    with pytest.raises(ValueError):
        split("x", reference=reference, reference_bits=bits)


def test_elements_of_national_tables_take_their_room() -> None:
    elements = bytes.fromhex("240101")
    short = segment(Encoded(Coding.GSM7, b"x" * 155, 0, elements), LongMode.UDH)
    assert [(part.units, part.udh.hex()) for part in short.parts] == [(155, "03240101")]
    long = segment(Encoded(Coding.GSM7, b"x" * 156, 0, elements), LongMode.UDH, reference=9)
    assert [part.units for part in long.parts] == [149, 7]
    assert [part.udh.hex() for part in long.parts] == ["08000309020124" + "0101", "08000309020224" + "0101"]


def test_repr_hides_the_text() -> None:
    assert b"secret".hex() not in repr(split("secret"))
    assert "secret" not in repr(split("secret"))


def _check(text: str, segmented: Segmented, bits: int) -> None:
    alone = capacity(segmented.coding, 0)
    each = capacity(segmented.coding, 6 if bits == 8 else 7)
    whole = encode_text(text, Wanted.AUTO)
    assert b"".join(part.body for part in segmented.parts) == whole.data
    texts = [decode_text(part.body, segmented.data_coding) for part in segmented.parts]
    assert "".join(part or "" for part in texts) == text
    if segmented.mode is None:
        assert segmented.units <= alone
        return
    assert segmented.units > alone
    assert all(0 < part.units <= each for part in segmented.parts)
    assert all(part.units >= each - 1 for part in segmented.parts[:-1])
    least = -(-segmented.units // each)
    # A cut moved before a pair costs one unit a part: only a text of nearly full parts needs one more.
    assert least <= len(segmented.parts) <= least + 1 + len(segmented.parts) // each
    assert len({part.udh[:-1] for part in segmented.parts}) == 1
    assert [part.udh[-1] for part in segmented.parts] == list(range(1, len(segmented.parts) + 1))


@given(gsm_texts, st.sampled_from([8, 16]))
def test_gsm_parts(text: str, bits: int) -> None:
    segmented = split(text, reference_bits=bits)
    assert segmented.coding is Coding.GSM7
    assert all(part.body[-1:] != b"\x1b" for part in segmented.parts)
    _check(text, segmented, bits)


@given(any_texts, st.sampled_from([8, 16]))
def test_any_parts(text: str, bits: int) -> None:
    segmented = split(text, Wanted.AUTO, reference_bits=bits)
    if segmented.coding is Coding.UCS2:
        for part in segmented.parts:
            part.body.decode("utf-16-be")
    _check(text, segmented, bits)
