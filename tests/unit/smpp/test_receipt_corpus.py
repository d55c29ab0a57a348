"""Every receipt of the corpus (tests/vectors/receipt_cases.py) is read as it says, under its own dialect."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ghasi.smpp.causes import Cause
from ghasi.smpp.pdu import DataSm, DeliverSm, decode_pdu, encode_pdu
from ghasi.smpp.receipt import DlrState, parse_receipt
from tests.vectors.receipt_cases import Case, cases, name_of, pdu_of, rules_of

CASES = cases()


@pytest.mark.parametrize("case", CASES, ids=map(name_of, CASES))
def test_a_receipt_of_the_corpus(case: Case) -> None:
    expect = case["expect"]
    pdu = decode_pdu(encode_pdu(pdu_of(case)))
    assert isinstance(pdu, DeliverSm | DataSm)

    receipt = parse_receipt(pdu, rules_of(case))

    assert receipt.is_receipt is expect.get("receipt", True)
    assert receipt.id == expect["id"]
    assert receipt.stat == expect["stat"]
    assert (receipt.state and receipt.state.value) == expect["state"]
    assert receipt.error == expect["error"]
    assert (receipt.cause and receipt.cause.value) == expect["cause"]
    assert (receipt.submit_date and receipt.submit_date.isoformat()) == expect["submitDate"]
    assert (receipt.done_date and receipt.done_date.isoformat()) == expect["doneDate"]
    assert receipt.text == expect["text"]
    assert receipt.final is expect["final"]
    assert receipt.intermediate is expect.get("intermediate", False)
    assert receipt.message_state == expect.get("messageState")
    assert receipt.unreadable == expect.get("unreadable")
    assert receipt.readable is (receipt.is_receipt and "unreadable" not in expect)
    if "ids" in expect:
        assert list(receipt.ids) == expect["ids"]
    if "keys" in expect:
        assert receipt.lookup_keys() == expect["keys"]
    if "errorCode" in expect:
        assert receipt.error_code == expect["errorCode"]
    if "doneAt" in expect:
        assert receipt.done_at is not None
        assert receipt.done_at.isoformat() == expect["doneAt"]


def test_the_corpus_is_complete() -> None:
    assert {case["row"] for case in CASES} == set(range(28))
    assert len({(case.get("text"), str(case)) for case in CASES}) == len(CASES) >= 120
    assert all(case["source"] and case["what"] for case in CASES)


def test_every_row_of_the_table_has_a_case_that_needs_no_rules_or_says_which() -> None:
    read = {case["row"] for case in CASES if "unreadable" not in case["expect"]}
    assert set(range(1, 28)) - read == {24}


def test_every_cause_is_told_by_a_receipt_or_is_for_operators_tables() -> None:
    told = {case["expect"]["cause"] for case in CASES} - {None}
    assert told <= {cause.value for cause in Cause}
    assert len(told) >= 12


@pytest.mark.parametrize("case", CASES, ids=map(str, range(len(CASES))))
def test_unreadable_is_never_a_failure(case: Case) -> None:
    """A state is told only where the operator wrote one."""
    receipt = parse_receipt(pdu_of(case))
    if not receipt.readable:
        assert receipt.state is None or receipt.stat is not None or receipt.message_state is not None
        assert receipt.unreadable is not None or not receipt.is_receipt


@given(case=st.sampled_from(CASES), dialect=st.sampled_from(CASES))
def test_no_receipt_raises_under_another_operators_rules(case: Case, dialect: Case) -> None:
    receipt = parse_receipt(pdu_of(case), rules_of(dialect))
    assert not (receipt.intermediate and receipt.final)
    assert receipt.cause is None or receipt.state is not DlrState.DELIVERED
