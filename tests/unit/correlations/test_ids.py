"""Row ids and lock keys."""

from uuid import UUID, uuid1, uuid4

from ghasi.correlations.ids import lock_key, row_id
from tests.unit.correlations.build import NOW, ahead


def test_a_row_id_is_a_uuid_of_version_7_with_its_time_in_front() -> None:
    one = row_id(NOW)
    assert (one.version, one.variant) == (7, UUID(int=0x8000 << 48).variant)
    assert one.int >> 80 == int(NOW.timestamp() * 1000)


def test_later_ids_sort_after_earlier_ones_and_none_is_equal() -> None:
    assert row_id(NOW) < row_id(ahead(seconds=1))
    assert len({row_id(NOW) for _ in range(1000)}) == 1000


def test_lock_keys_fit_a_bigint_and_differ() -> None:
    keys = {lock_key(make()) for make in (uuid1, uuid4) for _ in range(500)}
    assert len(keys) == 1000
    assert all(-(2**63) <= key < 2**63 for key in keys)
