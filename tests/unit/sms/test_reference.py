from __future__ import annotations

from collections import Counter
from uuid import UUID, uuid4

import pytest

from ghasi.sms.reference import concatenation_reference, message_reference

MESSAGE_ID = UUID("7a9d1c34-5b6e-4f80-9a1b-2c3d4e5f6071")


def test_is_the_same_in_every_process_and_release() -> None:
    assert concatenation_reference(MESSAGE_ID) == 209
    assert concatenation_reference(MESSAGE_ID, 16) == 9113


@pytest.mark.parametrize("bits", [8, 16])
def test_fits_and_spreads(bits: int) -> None:
    seen = Counter(concatenation_reference(uuid4(), bits) for _ in range(4096))
    assert 0 <= min(seen) <= max(seen) < 1 << bits
    assert len(seen) > (250 if bits == 8 else 3500)


def test_messages_made_one_after_another_differ() -> None:
    ids = [UUID(int=MESSAGE_ID.int + n) for n in range(256)]
    assert len({concatenation_reference(one, 16) for one in ids}) > 240


def test_other_sizes_do_not_exist() -> None:
    with pytest.raises(ValueError):
        concatenation_reference(MESSAGE_ID, 32)


def test_the_parts_of_a_message_count_up_and_wrap() -> None:
    first = message_reference(MESSAGE_ID)
    assert first == 11819
    assert [message_reference(MESSAGE_ID, n) for n in (1, 2, 3)] == [first, first + 1, first + 2]
    assert message_reference(MESSAGE_ID, 0x10000 - first + 1) == 0
    assert first != concatenation_reference(MESSAGE_ID, 16)
