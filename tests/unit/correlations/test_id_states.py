"""ghasi.correlations.id_states: what is applied unasked, what waits for a person, and that a person's word stands."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ghasi.correlations.id_states import (
    AUTOMATIC,
    Drift,
    NothingToDecide,
    Standing,
    State,
    accepted,
    judged,
    misfits,
    rejected,
)
from ghasi.smpp.id_inference import Doubt, Pair, Verdict
from ghasi.smpp.id_relation import TEXT, parse_relation

T0 = datetime(2026, 5, 4, 9, tzinfo=UTC)
LATER = T0 + timedelta(minutes=1)
NEW = Standing(State.NONE, T0)
CALM = Drift()
LOST = Drift(misfits=10, parts=20)


def verdict(relation: str | None, *doubts: Doubt) -> Verdict:
    return Verdict(None if relation is None else parse_relation(relation), doubts, 30, 0, ())


SURE, UNSURE = verdict("hex>dec"), verdict("hex>dec", Doubt.CONTRADICTED)
PLAIN, NOTHING = verdict("text"), verdict(None, Doubt.FEW_PAIRS)
APPLIED = judged(NEW, SURE, CALM, T0)
PROPOSED = judged(NEW, UNSURE, CALM, T0)
ACCEPTED = accepted(PROPOSED, [], "ann", T0)


def test_what_is_certain_is_applied_and_the_rest_proposed() -> None:
    assert (APPLIED.state, APPLIED.in_force, APPLIED.candidate, APPLIED.in_force_at) == (
        State.APPLIED,
        "hex>dec",
        None,
        T0,
    )
    assert (PROPOSED.state, PROPOSED.in_force, PROPOSED.candidate) == (State.PROPOSED, None, "hex>dec")
    for nothing in (PLAIN, NOTHING):
        assert judged(NEW, nothing, CALM, LATER) == NEW


def test_a_proposal_becomes_certain_changes_or_goes() -> None:
    assert judged(PROPOSED, SURE, CALM, LATER).state is State.APPLIED
    assert judged(PROPOSED, verdict("dec>hex", Doubt.RIVAL), CALM, LATER).candidate == "dec>hex"
    assert judged(PROPOSED, UNSURE, CALM, LATER) == PROPOSED
    assert judged(PROPOSED, NOTHING, CALM, LATER) == PROPOSED
    gone = judged(PROPOSED, PLAIN, CALM, LATER)
    assert (gone.state, gone.candidate) == (State.NONE, None)


def test_a_person_accepts() -> None:
    assert (ACCEPTED.state, ACCEPTED.in_force, ACCEPTED.candidate, ACCEPTED.changed_by) == (
        State.ACCEPTED,
        "hex>dec",
        None,
        "ann",
    )
    with pytest.raises(NothingToDecide):
        accepted(APPLIED, [], "ann", LATER)


def test_what_a_person_rejected_stays_rejected() -> None:
    refused = rejected(PROPOSED, "ann", LATER)
    assert (refused.state, refused.candidate, refused.rejected) == (State.REJECTED, None, {"hex>dec"})
    assert judged(refused, SURE, CALM, LATER) == refused
    other = judged(refused, verdict("dec>hex"), CALM, LATER)
    assert (other.state, other.in_force, other.candidate) == (State.PROPOSED, None, "dec>hex")
    with pytest.raises(NothingToDecide):
        rejected(refused, "ann", LATER)


@pytest.mark.parametrize("standing", [APPLIED, ACCEPTED])
def test_a_person_takes_out_of_force(standing: Standing) -> None:
    out = rejected(standing, "bob", LATER)
    assert (out.state, out.in_force, out.in_force_at, out.rejected) == (State.REJECTED, None, None, {"hex>dec"})


@pytest.mark.parametrize(
    ("drift", "is_one"),
    [
        (Drift(4, 4), False),
        (Drift(5, 51), False),
        (Drift(5, 50), True),
        (Drift(more_misses=0.19), False),
        (Drift(more_misses=0.2), True),
    ],
)
def test_when_it_is_drift(drift: Drift, is_one: bool) -> None:
    assert (judged(APPLIED, UNSURE, drift, LATER).state is State.DRIFTING) is is_one


def test_misfits_known_when_it_was_accepted_are_no_drift() -> None:
    pairs = [Pair("ff", "255"), Pair("zz", "1")]
    known = accepted(PROPOSED, pairs, "ann", T0)
    assert known.usual_misfits == 0.5
    assert judged(known, UNSURE, Drift(10, 20), LATER).state is State.ACCEPTED
    assert judged(known, UNSURE, Drift(12, 20), LATER).state is State.DRIFTING


def test_what_drifts_stays_in_force_until_something_better_is_known() -> None:
    drifting = judged(APPLIED, UNSURE, LOST, LATER)
    assert (drifting.state, drifting.in_force) == (State.DRIFTING, "hex>dec")
    assert judged(drifting, NOTHING, LOST, LATER) == drifting
    assert judged(drifting, UNSURE, LOST, LATER) == drifting
    unsure = judged(drifting, verdict("dec>hex", Doubt.CONTRADICTED), LOST, LATER)
    assert (unsure.state, unsure.in_force, unsure.candidate) == (State.DRIFTING, "hex>dec", "dec>hex")
    better = judged(unsure, verdict("dec>hex"), LOST, LATER)
    assert (better.state, better.in_force, better.candidate) == (State.APPLIED, "dec>hex", None)
    plain = judged(drifting, PLAIN, LOST, LATER)
    assert (plain.state, plain.in_force, plain.in_force_at) == (State.NONE, None, None)


def test_what_drifts_recovers() -> None:
    for standing in (APPLIED, ACCEPTED):
        drifting = judged(standing, UNSURE, LOST, LATER)
        assert judged(drifting, SURE, CALM, LATER).state is standing.state


def test_what_a_person_accepted_is_not_replaced_unasked() -> None:
    drifting = judged(ACCEPTED, UNSURE, LOST, LATER)
    for better in (verdict("dec>hex"), PLAIN):
        waits = judged(drifting, better, LOST, LATER)
        assert (waits.state, waits.in_force, waits.candidate) == (State.DRIFTING, "hex>dec", str(better.best))
    back = accepted(judged(drifting, PLAIN, LOST, LATER), [], "ann", LATER)
    assert (back.state, back.in_force) == (State.ACCEPTED, str(TEXT))
    kept = rejected(waits, "ann", LATER)
    assert (kept.state, kept.in_force, kept.candidate, kept.rejected) == (State.DRIFTING, "hex>dec", None, {"text"})


def test_misfits_count_parts() -> None:
    pairs = [Pair("ff", "255"), Pair("ff", "256"), Pair("fe", "254"), Pair("fd", "253"), Pair("fd", "253")]
    assert misfits(parse_relation("hex>dec"), pairs) == (1, 3)


relations = st.sampled_from(["hex>dec", "dec>hex", "cut-from:@", "text", "hex>dec or-text", None])
verdicts = st.builds(lambda name, doubts: verdict(name, *doubts), relations, st.sets(st.sampled_from(Doubt)))
drifts = st.builds(Drift, st.integers(0, 20), st.integers(20, 40), st.sampled_from([0.0, 0.5]))


@given(st.lists(st.one_of(st.tuples(verdicts, drifts), st.sampled_from(["accept", "reject"])), max_size=30))
def test_nothing_uncertain_is_ever_in_force_unasked(steps: list[object]) -> None:
    """Whatever comes in whatever order."""
    standing, agreed, refused = NEW, set[str](), set[str]()
    for n, step in enumerate(steps):
        now = T0 + timedelta(minutes=n)
        before = standing
        if isinstance(step, tuple):
            standing = judged(standing, step[0], step[1], now)
            if standing.in_force != before.in_force:
                assert step[0].certain
                assert not refused
                assert before.changed_by == AUTOMATIC
            continue
        try:
            standing = (accepted if step == "accept" else lambda *a: rejected(a[0], *a[2:]))(standing, [], "ann", now)
        except NothingToDecide:
            continue
        if step == "accept":
            assert standing.in_force == before.candidate
        else:
            refused.add(before.candidate or before.in_force or "")
        agreed.add(standing.in_force or "")
        assert (standing.in_force is None) == (standing.in_force_at is None)
