"""Order of states (docs/contract.md §3)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ghasi.contracts.events import DlrStatus
from ghasi.correlations.lattice import Standing, advance
from ghasi.correlations.types import RowStatus
from tests.unit.correlations.build import NOW, ago

OPEN = Standing(RowStatus.SUBMITTED)
FINALS = ["DELIVERED", "UNDELIVERABLE", "EXPIRED", "DELETED", "REJECTED"]


def after(standing: Standing, state: str, *, final: bool) -> Standing:
    return advance(standing, state=state, final=final, error_code="001", at=NOW)


@pytest.mark.parametrize("state", FINALS)
def test_a_final_state_closes_the_part(state: str) -> None:
    assert after(OPEN, state, final=True) == Standing(RowStatus.DLR_RECEIVED, state, "001", NOW)


@pytest.mark.parametrize("state", ["ACCEPTED", "UNKNOWN", "DELIVERED"])
def test_an_intermediate_state_never_closes(state: str) -> None:
    assert after(OPEN, state, final=False) == Standing(RowStatus.SUBMITTED, state, "001", NOW)


@pytest.mark.parametrize("status", [RowStatus.IN_DOUBT, RowStatus.PREPARED])
def test_an_intermediate_state_proves_that_the_part_left(status: RowStatus) -> None:
    assert after(Standing(status), "ACCEPTED", final=False).status is RowStatus.SUBMITTED


@pytest.mark.parametrize(
    ("old", "new", "taken"),
    [
        ("DELIVERED", "UNDELIVERABLE", False),
        ("UNDELIVERABLE", "DELIVERED", False),
        ("EXPIRED", "DELIVERED", True),
        ("EXPIRED", "UNDELIVERABLE", False),
        ("UNKNOWN", "DELIVERED", True),
        ("UNKNOWN", "UNKNOWN", False),
        ("DELIVERED", "UNKNOWN", False),
        ("DELIVERED", "DELIVERED", False),
    ],
)
def test_what_is_better_news_than_a_final_state(old: str, new: str, taken: bool) -> None:
    closed = Standing(RowStatus.DLR_RECEIVED, old, "000", ago(minutes=1))
    assert (after(closed, new, final=True).dlr_state == new and new != old) is taken


def test_the_sweeps_expired_is_no_word_of_the_operator() -> None:
    swept = Standing(RowStatus.EXPIRED, "ACCEPTED")
    assert after(swept, "UNDELIVERABLE", final=True).status is RowStatus.DLR_RECEIVED
    assert after(swept, "ACCEPTED", final=False) == swept


receipts = st.tuples(st.sampled_from([state.value for state in DlrStatus]), st.booleans())


@given(st.lists(receipts, max_size=8))
def test_a_closed_part_never_opens(words: list[tuple[str, bool]]) -> None:
    standing, closed = OPEN, False
    for state, final in words:
        standing = after(standing, state, final=final)
        closed = closed or final
        assert (standing.status is RowStatus.DLR_RECEIVED) is closed


@given(receipts, st.lists(receipts, max_size=4))
def test_the_same_receipt_twice_changes_nothing(last: tuple[str, bool], before: list[tuple[str, bool]]) -> None:
    standing = OPEN
    for state, final in [*before, last]:
        standing = after(standing, state, final=final)
    assert advance(standing, state=last[0], final=last[1], error_code="001", at=NOW) == standing
