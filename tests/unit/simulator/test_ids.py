import random
import uuid

import pytest

from ghasi.simulator.config import Ids
from ghasi.simulator.ids import IdSource, first_number, written


@pytest.mark.parametrize(
    ("form", "text"),
    [
        ("decimal", "48879"),
        ("paddedDecimal", "00048879"),
        ("hex", "beef"),
        ("upperHex", "BEEF"),
        ("paddedHex", "0000beef"),
    ],
)
def test_forms_of_a_number(form: str, text: str) -> None:
    assert written(0xBEEF, form, 8) == text


def test_uuid_forms_are_the_same_uuid() -> None:
    number = 0x0E999F21 << 96
    assert written(number, "uuid", 8).startswith("0e999f21-")
    assert written(number, "upperUuid", 8) == written(number, "uuid", 8).upper()


def test_hex_in_the_response_decimal_in_the_receipt() -> None:
    source = IdSource(Ids(response="hex", receipt="decimal"), random.Random(1))
    for _ in range(100):
        ids = source.take()
        assert int(ids.response, 16) == int(ids.receipt)
        assert ids.tlv == ids.receipt


def test_zero_padded_in_one_place_only() -> None:
    ids = IdSource(Ids(response="paddedDecimal", receipt="decimal", digits=14), random.Random(1)).take()
    assert len(ids.response) == 14
    assert ids.response.lstrip("0") == ids.receipt != ids.response


def test_uuids_are_valid_unique_and_equal_but_for_case() -> None:
    source = IdSource(Ids(response="uuid", receipt="upperUuid"), random.Random(1))
    taken = [source.take() for _ in range(200)]
    assert len({ids.response for ids in taken}) == 200
    assert all(uuid.UUID(ids.response).version == 4 for ids in taken)
    assert all(ids.response.upper() == ids.receipt for ids in taken)


def test_ids_beyond_63_bits() -> None:
    source = IdSource(Ids(), random.Random(1), start=9380935605053030457)
    assert [source.take().receipt for _ in range(2)] == ["9380935605053030457", "9380935605053030458"]


def test_suffix_in_the_tlv_only() -> None:
    ids = IdSource(Ids(tlv_suffix="@smsc1"), random.Random(1), start=7).take()
    assert (ids.response, ids.receipt, ids.tlv) == ("7", "7", "7@smsc1")


def test_the_same_seed_gives_the_same_ids() -> None:
    first, again, other = (
        [source.take() for _ in range(5)]
        for source in (IdSource(Ids(), random.Random(seed)) for seed in ("a", "a", "b"))
    )
    assert first == again != other


@pytest.mark.parametrize("digits", [2, 3, 10, 20])
def test_counting_starts_below_the_padding(digits: int) -> None:
    assert len(str(first_number(digits, random.Random(1)))) <= digits
