"""The oracle itself: a sound run passes, and each planted wrong is found and named."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from uuid import uuid4

import psycopg
import pytest

from ghasi.correlations.models import InboxReceipt
from tests.faults.evidence import Command, Dlr, Evidence, Result, Row, SentReceipt, Submit
from tests.faults.gather import untold, waiting
from tests.faults.oracle import Verdict, explain, judge

TO = "93700000001"
SOUND = Evidence(
    commands=[Command("m1", TO, "a")],
    submits=[Submit(TO, 1, "A1", taken=True)],
    receipts=[SentReceipt("A1", "A1", TO, "DELIVRD")],
    rows=[Row("m1", 1, 1, 1, "DLR_RECEIVED", "A1")],
    results=[Result("m1", "ACCEPTED", 1, "e1")],
    dlrs=[Dlr("m1", "A1", "DELIVRD", "e2")],
)
RESENT = replace(
    SOUND,
    submits=[Submit(TO, 1, "A1", taken=True), Submit(TO, 1, "A2", taken=True)],
    rows=[
        Row("m1", 1, 1, 1, "IN_DOUBT", None, was_in_doubt=True, policy_action="resend"),
        Row("m1", 1, 1, 2, "DLR_RECEIVED", "A2", possible_duplicate=True),
    ],
    receipts=[SentReceipt("A1", "A1", TO, "DELIVRD"), SentReceipt("A2", "A2", TO, "DELIVRD")],
    results=[Result("m1", "IN_DOUBT", 1, "e0"), Result("m1", "ACCEPTED", 2, "e1")],
    dlrs=[Dlr("m1", "A2", "DELIVRD", "e2")],
    inbox=["A1"],
)


def whats(verdict: Verdict) -> tuple[list[str], list[str], list[str]]:
    lists = (verdict.lost, verdict.doubled, verdict.unexplained)
    lost, doubled, unexplained = ([finding.what for finding in found] for found in lists)
    return lost, doubled, unexplained


def test_a_sound_run_holds() -> None:
    verdict = judge(SOUND)
    assert verdict.holds
    assert (verdict.commands, verdict.taken, verdict.receipts) == (1, 1, 1)
    assert (verdict.in_doubt, verdict.resent) == (0, 0)


def test_a_double_that_is_admitted_holds_and_is_counted() -> None:
    verdict = judge(RESENT)
    assert verdict.holds
    assert (verdict.taken, verdict.in_doubt, verdict.resent) == (2, 1, 1)


def test_a_dead_letter_is_an_outcome() -> None:
    dead = Evidence(commands=[Command("m1", TO)], dead=["m1"], results=[Result("m1", "DEAD", 0, "e1")])
    assert judge(dead).holds
    assert whats(judge(replace(dead, results=[])))[0] == ["nobody was told"]


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"rows": [], "submits": [], "receipts": [], "dlrs": []}, "no outcome"),
        ({"rows": [Row("m1", 1, 1, 1, "PREPARED")], "submits": []}, "open, and its command is gone"),
        ({"rows": [Row("m1", 1, 1, 1, "PREPARED")], "submits": [], "unsettled": 1}, "not settled in time"),
        ({"rows": [Row("m1", 1, 1, 1, "REJECTED", retry=True)], "submits": []}, "open, and its command is gone"),
        (
            {"rows": [Row("m1", 1, 1, 1, "IN_DOUBT", None, was_in_doubt=True)]},
            "open, and its command is gone",
        ),
        ({"rows": [Row("m1", 1, 2, 1, "DLR_RECEIVED", "A1")]}, "part without a row"),
        ({"submits": [], "rows": [Row("m1", 1, 1, 1, "SUBMITTED")]}, "recorded as sent, never seen by the SMSC"),
        ({"results": []}, "nobody was told"),
        ({"results": [Result("m1", "IN_DOUBT", 1, "e1")]}, "nobody was told"),
        ({"dlrs": []}, "a receipt was acknowledged and is gone"),
        ({"dlrs": [Dlr("m1", "A1", "ENROUTE", "e2")]}, "a receipt was acknowledged and is gone"),
    ],
)
def test_a_planted_loss_is_found(changes: dict[str, object], what: str) -> None:
    verdict = judge(replace(SOUND, **changes))  # type: ignore[arg-type]
    assert what in whats(verdict)[0]
    assert not verdict.holds


def test_a_receipt_that_waits_in_the_inbox_is_not_lost() -> None:
    assert judge(replace(SOUND, dlrs=[], inbox=["A1"])).holds


def test_receipts_of_one_id_are_counted_and_the_same_octets_are_one() -> None:
    assert judge(replace(SOUND, receipts=[*SOUND.receipts, *SOUND.receipts])).holds
    two = replace(SOUND, receipts=[*SOUND.receipts, SentReceipt("A1", "A1", "93700000002", "DELIVRD")])
    assert whats(judge(two))[0] == ["a receipt was acknowledged and is gone"]
    assert "a receipt was acknowledged and is gone" not in whats(judge(replace(two, inbox=["A1"])))[0]


def test_a_receipt_matched_in_the_inbox_without_its_event_is_lost(database_url: str, django_ready: None) -> None:
    operator, now = uuid4(), datetime.now(UTC)
    row = InboxReceipt.objects.create(
        operator_id=operator,
        receipt_key=1,
        taken_at=now,
        tried_at=now,
        operator_message_id="A1",
        lookup_keys=["A1"],
        final=True,
    )
    with psycopg.connect(database_url, autocommit=True) as database:
        assert judge(replace(SOUND, dlrs=[], inbox=waiting(database, str(operator)))).holds
        InboxReceipt.objects.filter(pk=row.pk).update(matched_at=now)
        lost = judge(replace(SOUND, dlrs=[], inbox=waiting(database, str(operator))))
        assert untold(database_url, [str(operator)]) == 1, "a run waits for it before it judges"
        InboxReceipt.objects.filter(pk=row.pk).update(published_at=now)
        assert untold(database_url, [str(operator)]) == 0
    row.delete()
    assert whats(lost)[0] == ["a receipt was acknowledged and is gone"]


def test_a_planted_double_is_found_once_for_each_copy() -> None:
    copies = [Submit(TO, 1, f"A{n}", taken=True) for n in (1, 2, 3)]
    verdict = judge(replace(SOUND, submits=copies))
    assert whats(verdict)[1] == ["doubled in silence"] * 2
    assert {finding.batch for finding in verdict.doubled} == {"a"}


def test_one_admission_covers_one_double_only() -> None:
    third = Submit(TO, 1, "A3", taken=True)
    verdict = judge(replace(RESENT, submits=[*RESENT.submits, third]))
    assert whats(verdict)[1] == ["doubled in silence"]


def test_a_part_that_was_refused_first_is_no_double() -> None:
    refused = Submit(TO, 1, "", taken=False)
    rows = [Row("m1", 1, 1, 1, "REJECTED", retry=True), Row("m1", 1, 1, 2, "DLR_RECEIVED", "A1")]
    assert judge(replace(SOUND, submits=[refused, *SOUND.submits], rows=rows)).holds


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"submits": [*SOUND.submits, Submit("93709", 1, "B", taken=True)]}, "sent, though nobody asked for it"),
        ({"submits": [*SOUND.submits, Submit(TO, 2, "B", taken=True)]}, "sent without a row"),
        ({"rows": [*SOUND.rows, Row("m9", 1, 1, 1, "SUBMITTED", "B")]}, "a row nobody asked for"),
        ({"rows": [Row("m1", 1, 1, 1, "SUBMITTED", None)]}, "taken by the SMSC, unknown to the ledger"),
        ({"rows": [Row("m1", 1, 1, 1, "SUBMITTED", "Z")]}, "the ledger knows an id that was never given"),
        ({"results": [SOUND.results[0], SOUND.results[0]]}, "one event, told twice"),
        ({"dlrs": [*SOUND.dlrs, Dlr("m2", "A1", "DELIVRD", "e3")]}, "a receipt told of the wrong message"),
    ],
)
def test_what_nobody_can_explain_is_found(changes: dict[str, object], what: str) -> None:
    verdict = judge(replace(SOUND, **changes))  # type: ignore[arg-type]
    assert what in whats(verdict)[2]
    assert not verdict.holds


def test_an_id_is_explained_by_a_try_in_doubt_and_only_by_one() -> None:
    both_lost = replace(RESENT, submits=[*RESENT.submits, Submit(TO, 1, "A3", taken=True)])
    assert "taken by the SMSC, unknown to the ledger" in whats(judge(both_lost))[2]


def test_what_is_wrong_is_told_with_all_there_is_about_it() -> None:
    evidence = replace(SOUND, results=[])
    told = explain(judge(evidence), evidence)
    assert "nobody was told" in told
    assert all(str(one) in told for one in (*SOUND.rows, *SOUND.submits, *SOUND.dlrs))


def test_parts_in_doubt_together_may_have_changed_their_ids_and_others_may_not() -> None:
    def swapped(*, doubted: bool) -> Evidence:
        rows = [Row("m1", n, 2, 1, "DLR_RECEIVED", f"A{3 - n}", was_in_doubt=doubted) for n in (1, 2)]
        return replace(
            SOUND,
            submits=[Submit(TO, n, f"A{n}", taken=True) for n in (1, 2)],
            rows=rows,
            receipts=[SentReceipt(f"A{n}", f"A{n}", TO, "DELIVRD") for n in (1, 2)],
            dlrs=[Dlr("m1", f"A{n}", "DELIVRD", f"d{n}") for n in (1, 2)],
        )

    assert judge(swapped(doubted=True)).holds
    assert set(whats(judge(swapped(doubted=False)))[2]) == {
        "taken by the SMSC, unknown to the ledger",
        "the ledger knows an id that was never given",
    }
