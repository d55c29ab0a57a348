"""The table of docs/architecture.md: rows a message has, and what becomes of its command."""

from datetime import timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from ghasi.correlations.claims import PLAN_CHANGED, Decision, decide
from ghasi.correlations.rows import Row
from ghasi.correlations.types import DoubtRule, Intent, RowStatus, Verdict
from tests.unit.correlations.build import EVENT, NOW, OPERATOR, OTHER, ago, ahead, armed, intent, row

BACKUP = UUID("550e8400-e29b-41d4-a716-446655440002")
LATE = {"expires_at": ago(seconds=1)}
DONE = row("SUBMITTED")
RETRY_DUE = row("REJECTED", retry_at=ago(seconds=1))
RETRY_LATER = row("REJECTED", retry_at=ahead(seconds=7))
DOUBT = row("IN_DOUBT", in_doubt_at=ago(seconds=61))
FRESH_DOUBT = row("IN_DOUBT", in_doubt_at=ago(seconds=20))
HELD = row("IN_DOUBT", policy_action="hold")
SWEPT = row("EXPIRED", submitted_at=ago(days=4))


def tries(decision: Decision) -> list[tuple[int, int, bool]]:
    """(segment, attempt, possible duplicate) of the rows to insert."""
    return [(new.segment, new.attempt, new.possible_duplicate) for new in decision.insert]


@pytest.mark.parametrize(
    ("rows", "wants", "verdict", "inserted"),
    [
        # A first dispatch.
        ([], intent(), Verdict.SEND, [(1, 1, False)]),
        ([], intent(3), Verdict.SEND, [(1, 1, False), (2, 1, False), (3, 1, False)]),
        ([], intent(**LATE), Verdict.EXPIRED, [(1, 1, False)]),
        # A repeat.
        ([row()], intent(), Verdict.SEND, []),
        ([armed()], intent(), Verdict.ASK, []),
        ([DONE], intent(), Verdict.SETTLED, []),
        ([row("DLR_RECEIVED")], intent(), Verdict.SETTLED, []),
        ([SWEPT], intent(), Verdict.SETTLED, []),
        ([row("EXPIRED")], intent(), Verdict.EXPIRED, []),
        ([row("REJECTED")], intent(), Verdict.SETTLED, []),
        ([RETRY_DUE], intent(), Verdict.SEND, [(1, 2, False)]),
        ([RETRY_LATER], intent(), Verdict.WAIT, []),
        ([FRESH_DOUBT], intent(), Verdict.WAIT, []),
        ([DOUBT], intent(), Verdict.SEND, [(1, 2, True)]),
        ([DOUBT], intent(in_doubt_policy="hold"), Verdict.PARK, []),
        ([DOUBT], intent(in_doubt_policy="fail"), Verdict.PARK, []),
        ([HELD], intent(), Verdict.PARK, []),
        # Too late, and nothing left.
        ([row()], intent(**LATE), Verdict.EXPIRED, []),
        ([RETRY_LATER], intent(**LATE), Verdict.EXPIRED, [(1, 2, False)]),
        ([RETRY_DUE], intent(**LATE), Verdict.EXPIRED, [(1, 2, False)]),
        ([row("REJECTED")], intent(**LATE), Verdict.SETTLED, []),
        # Too late, but something left or may have.
        ([armed()], intent(**LATE), Verdict.ASK, []),
        ([DONE], intent(**LATE), Verdict.SETTLED, []),
        ([FRESH_DOUBT], intent(**LATE), Verdict.WAIT, []),
        ([DOUBT], intent(**LATE), Verdict.PARK, []),
        # A new event.
        ([DONE], intent(event_id=OTHER), Verdict.DUPLICATE, []),
        ([row("DLR_RECEIVED")], intent(event_id=OTHER), Verdict.DUPLICATE, []),
        ([DOUBT], intent(event_id=OTHER), Verdict.DUPLICATE, []),
        ([row()], intent(event_id=OTHER), Verdict.WAIT, []),
        ([armed()], intent(event_id=OTHER), Verdict.WAIT, []),
        ([row("REJECTED")], intent(event_id=OTHER), Verdict.SEND, [(1, 2, False)]),
        ([RETRY_LATER], intent(event_id=OTHER), Verdict.SEND, [(1, 2, False)]),
        ([row("EXPIRED")], intent(event_id=OTHER), Verdict.SEND, [(1, 2, False)]),
        ([SWEPT], intent(event_id=OTHER), Verdict.SEND, [(1, 2, True)]),
        ([row("REJECTED")], intent(event_id=OTHER, **LATE), Verdict.EXPIRED, [(1, 2, False)]),
        ([SWEPT], intent(event_id=OTHER, **LATE), Verdict.EXPIRED, [(1, 2, True)]),
        # A replay by a person.
        ([row("REJECTED")], intent(replay_attempt=1), Verdict.SEND, [(1, 2, False)]),
        ([row("EXPIRED")], intent(replay_attempt=1), Verdict.SEND, [(1, 2, False)]),
        ([HELD], intent(replay_attempt=1), Verdict.SEND, [(1, 2, True)]),
        ([DONE], intent(replay_attempt=1), Verdict.SETTLED, []),
        ([row("DLR_RECEIVED")], intent(replay_attempt=1), Verdict.SETTLED, []),
        ([row("REJECTED", attempt=2)], intent(replay_attempt=1), Verdict.SETTLED, []),
        ([row("REJECTED")], intent(replay_attempt=1, **LATE), Verdict.EXPIRED, [(1, 2, False)]),
        ([HELD], intent(replay_attempt=1, **LATE), Verdict.EXPIRED, [(1, 2, True)]),
        ([row("REJECTED")], intent(replay_attempt=1, event_id=OTHER), Verdict.SEND, [(1, 2, False)]),
    ],
)
def test_one_part(rows: list[Row], wants: Intent, verdict: Verdict, inserted: list[tuple[int, int, bool]]) -> None:
    decision = decide(rows, wants, NOW)
    assert (decision.verdict, tries(decision)) == (verdict, inserted)


def parts(*rows: Row) -> list[Row]:
    return list(rows)


def test_asking_goes_before_sending() -> None:
    rows = [armed(segments=2), row(segment=2, segments=2)]
    decision = decide(rows, intent(2), NOW)
    assert decision.verdict is Verdict.ASK
    assert [one.segment for one in decision.ask] == [1]
    assert not decision.reuse


def test_sending_goes_before_waiting() -> None:
    rows = [row("REJECTED", segments=2, retry_at=ahead(seconds=7)), row(segment=2, segments=2)]
    decision = decide(rows, intent(2), NOW)
    assert decision.verdict is Verdict.SEND
    assert [one.segment for one in decision.reuse] == [2]


def test_the_shortest_wait_counts() -> None:
    rows = [
        row("REJECTED", segments=2, retry_at=ahead(seconds=7)),
        row("IN_DOUBT", segment=2, segments=2, in_doubt_at=ago(seconds=57)),
    ]
    decision = decide(rows, intent(2), NOW)
    assert decision.verdict is Verdict.WAIT
    assert decision.wait == pytest.approx(3.0)


def test_waiting_goes_before_parking() -> None:
    rows = [
        row("IN_DOUBT", segments=2, policy_action="hold"),
        row("REJECTED", segment=2, segments=2, retry_at=ahead(seconds=7)),
    ]
    assert decide(rows, intent(2), NOW).verdict is Verdict.WAIT


def test_parts_are_settled_one_by_one() -> None:
    """Only what failed is sent again: not what stands, not what still waits for proof."""
    rows = [
        row("SUBMITTED", segments=4),
        row("IN_DOUBT", segment=2, segments=4, in_doubt_at=ago(seconds=61)),
        row("IN_DOUBT", segment=3, segments=4, in_doubt_at=ago(seconds=20)),
        row("REJECTED", segment=4, segments=4, retry_at=ago(seconds=1)),
    ]
    decision = decide(rows, intent(4), NOW)
    assert (decision.verdict, tries(decision)) == (Verdict.SEND, [(2, 2, True), (4, 2, False)])
    assert [one.segment for one, _ in decision.policy] == [2]


@pytest.mark.parametrize("policy", ["hold", "fail"])
def test_a_policy_that_keeps_waits_for_the_proof_of_every_part(policy: str) -> None:
    rows = [
        row("IN_DOUBT", segments=2, in_doubt_at=ago(seconds=61)),
        row("IN_DOUBT", segment=2, segments=2, in_doubt_at=ago(seconds=20)),
    ]
    decision = decide(rows, intent(2, in_doubt_policy=policy), NOW)
    assert (decision.verdict, decision.wait, decision.policy) == (Verdict.WAIT, pytest.approx(40.0), ())
    later = decide(rows, intent(2, in_doubt_policy=policy), ahead(seconds=40))
    assert (later.verdict, [(one.segment, action) for one, action in later.policy]) == (
        Verdict.PARK,
        [(1, policy), (2, policy)],
    )


def test_a_proven_part_is_never_sent_again() -> None:
    rows = [
        row("DLR_RECEIVED", segments=2, in_doubt_at=ago(minutes=5)),
        row("IN_DOUBT", segment=2, segments=2, in_doubt_at=ago(minutes=5)),
    ]
    assert tries(decide(rows, intent(2), NOW)) == [(2, 2, True)]
    assert decide([rows[0], row("SUBMITTED", segment=2, segments=2)], intent(2), NOW).verdict is Verdict.SETTLED


def test_once_one_part_left_the_others_follow_though_expired() -> None:
    rows = [row("SUBMITTED", segments=3), row(segment=2, segments=3), row(segment=3, segments=3)]
    decision = decide(rows, intent(3, **LATE), NOW)
    assert decision.verdict is Verdict.SEND
    assert [one.segment for one in decision.reuse] == [2, 3]


def test_a_part_in_doubt_follows_a_proven_one_though_expired() -> None:
    rows = [row("SUBMITTED", segments=2), row("IN_DOUBT", segment=2, segments=2, in_doubt_at=ago(minutes=2))]
    decision = decide(rows, intent(2, **LATE), NOW)
    assert (decision.verdict, tries(decision)) == (Verdict.SEND, [(2, 2, True)])


def test_the_resend_is_marked_on_the_part_in_doubt() -> None:
    decision = decide([DOUBT], intent(), NOW)
    assert decision.policy == ((DOUBT, "resend"),)


def test_what_was_in_doubt_four_times_is_left_to_a_person() -> None:
    """A PDU that breaks the operator's link each time would keep all others from it until it expires."""
    tried = [row("IN_DOUBT", attempt=n, policy_action="resend", in_doubt_at=ago(minutes=9 - n)) for n in (1, 2, 3)]
    fourth = row("IN_DOUBT", attempt=4, in_doubt_at=ago(minutes=2))
    assert decide([*tried[1:], fourth], intent(), NOW).verdict is Verdict.SEND
    decision = decide([*tried, fourth], intent(), NOW)
    assert (decision.verdict, decision.policy) == (Verdict.PARK, ((fourth, "hold"),))


@pytest.mark.parametrize("policy", ["hold", "fail"])
def test_a_parked_part_carries_its_policy(policy: str) -> None:
    assert decide([DOUBT], intent(in_doubt_policy=policy), NOW).policy == ((DOUBT, policy),)


def test_a_part_in_doubt_that_is_too_late_is_parked_as_expired() -> None:
    assert decide([DOUBT], intent(**LATE), NOW).policy == ((DOUBT, "expired"),)


def test_the_doubt_of_an_earlier_try_stays_with_later_ones() -> None:
    rows = [row("IN_DOUBT", policy_action="resend"), row("REJECTED", attempt=2, retry_at=ago(seconds=1))]
    assert tries(decide(rows, intent(), NOW)) == [(1, 3, True)]


def test_unsent_rows_expire_in_place() -> None:
    rows = [row(segments=2), row(segment=2, segments=2)]
    decision = decide(rows, intent(2, **LATE), NOW)
    assert decision.verdict is Verdict.EXPIRED
    assert decision.expire == tuple(rows)


def test_another_events_rows_are_taken_over_after_ten_minutes() -> None:
    old = row(prepared_at=ago(minutes=11))
    decision = decide([old], intent(event_id=OTHER), NOW)
    assert (decision.verdict, decision.reuse) == (Verdict.SEND, (old,))
    held = armed(prepared_at=ago(minutes=11))
    assert decide([held], intent(event_id=OTHER), NOW).verdict is Verdict.ASK


def test_an_event_replaced_by_a_newer_one_is_a_duplicate() -> None:
    rows = [row("REJECTED"), row("REJECTED", attempt=2, event_id=OTHER)]
    assert decide(rows, intent(), NOW).verdict is Verdict.DUPLICATE


def test_a_new_event_sends_all_refused_parts_again() -> None:
    rows = [row("REJECTED", segments=2, attempt=2), row("EXPIRED", segment=2, segments=2)]
    assert tries(decide(rows, intent(2, event_id=OTHER), NOW)) == [(1, 3, False), (2, 2, False)]


def test_a_replay_sends_only_the_parts_it_names() -> None:
    rows = [row("SUBMITTED", segments=3), row("REJECTED", segment=2, segments=3), HELD_3]
    assert tries(decide(rows, intent(3, replay_attempt=1), NOW)) == [(2, 2, False), (3, 2, True)]


def test_a_second_copy_of_a_replay_finds_parts_of_different_attempts_followed() -> None:
    rows = [row("REJECTED", segments=2), row("REJECTED", segment=2, segments=2, attempt=2)]
    named = intent(2, replay_attempt=2)
    assert tries(decide(rows, named, NOW)) == [(1, 3, False), (2, 3, False)]
    rows += [row("REJECTED", segments=2, attempt=3), row("SUBMITTED", segment=2, segments=2, attempt=3)]
    assert decide(rows, named, NOW).verdict is Verdict.SETTLED


HELD_3 = row("IN_DOUBT", segment=3, segments=3, policy_action="fail")


class TestChangedPlan:
    """The operator's profile was edited between two tries: another number of parts."""

    def test_all_anew_where_nothing_left(self) -> None:
        rows = [row(segments=2), row("REJECTED", segment=2, segments=2, retry_at=ago(seconds=1))]
        decision = decide(rows, intent(3), NOW)
        assert decision.verdict is Verdict.SEND
        assert tries(decision) == [(1, 2, False), (2, 2, False), (3, 2, False)]
        assert decision.close == tuple(rows)

    def test_parked_where_something_left(self) -> None:
        rows = [row("SUBMITTED", segments=2), row(segment=2, segments=2)]
        decision = decide(rows, intent(3), NOW)
        assert (decision.verdict, decision.insert, decision.close) == (Verdict.PARK, (), (rows[1],))

    def test_doubt_is_parked_with_the_reason(self) -> None:
        rows = [row("IN_DOUBT", segments=2, in_doubt_at=ago(minutes=2)), row(segment=2, segments=2)]
        decision = decide(rows, intent(3), NOW)
        assert decision.verdict is Verdict.PARK
        assert decision.policy == ((rows[0], PLAN_CHANGED),)

    def test_settled_messages_stay_settled(self) -> None:
        assert decide([DONE], intent(3), NOW).verdict is Verdict.SETTLED
        assert decide([row("REJECTED")], intent(3), NOW).verdict is Verdict.SETTLED

    def test_the_newest_plan_counts(self) -> None:
        rows = [
            row("REJECTED", segments=2),
            row("REJECTED", segment=2, segments=2),
            row("SUBMITTED", attempt=2, segments=1),
        ]
        assert decide(rows, intent(1), NOW).verdict is Verdict.SETTLED


class TestOtherCarrier:
    """Something left over another operator: its backup, or the one it is the backup of."""

    def test_a_doubt_is_handled_as_its_own_carrier_wants_it(self) -> None:
        doubt = row("IN_DOUBT", in_doubt_at=ago(seconds=20))
        mine = {"operator_id": BACKUP, "in_doubt_policy": "fail", "in_doubt_wait": 1.0}
        waiting = replace(intent(**mine), other_doubts=(DoubtRule(OPERATOR, "resend", 30.0),))
        assert decide([doubt], waiting, NOW) == Decision(Verdict.WAIT, wait=10.0)
        resent = decide([doubt], replace(waiting, other_doubts=(DoubtRule(OPERATOR, "resend", 10.0),)), NOW)
        assert (resent.verdict, tries(resent)) == (Verdict.SEND, [(1, 2, True)])
        held = decide([doubt], replace(waiting, other_doubts=(DoubtRule(OPERATOR, "hold", 10.0),)), NOW)
        assert (held.verdict, held.policy) == (Verdict.PARK, ((doubt, "hold"),))
        own = decide([replace(doubt, operator_id=BACKUP)], waiting, NOW)
        assert own.policy[0][1] == "fail"

    def test_the_rest_of_a_message_goes_over_the_other_where_a_phone_can_join_it(self) -> None:
        rows = [row("SUBMITTED", segments=2), row(segment=2, segments=2)]
        decision = decide(rows, intent(2, operator_id=BACKUP), NOW)
        assert (decision.verdict, decision.reuse) == (Verdict.SEND, (rows[1],))

    @pytest.mark.parametrize("segments", [2, 3])
    def test_else_it_waits_for_the_first_until_it_is_too_late(self, segments: int) -> None:
        rows = [row("SUBMITTED", segments=2), row(segment=2, segments=2)]
        apart = intent(segments, operator_id=BACKUP, apart=True)
        assert decide(rows, apart, NOW).verdict is Verdict.WAIT
        late = decide(rows, replace(apart, expires_at=ago(seconds=1)), NOW)
        assert (late.verdict, late.close) == (Verdict.PARK, (rows[1],))
        back = decide(rows, intent(2, apart=True), NOW)
        assert (back.verdict, back.reuse) == (Verdict.SEND, (rows[1],))

    def test_a_message_that_goes_out_whole_waits_for_nobody(self) -> None:
        rows = [row("IN_DOUBT", segment=n, segments=2, in_doubt_at=ago(seconds=61)) for n in (1, 2)]
        decision = decide(rows, intent(2, operator_id=BACKUP, apart=True), NOW)
        assert (decision.verdict, tries(decision)) == (Verdict.SEND, [(1, 2, True), (2, 2, True)])
        unsent = [row(segment=n, segments=2) for n in (1, 2)]
        assert decide(unsent, intent(2, operator_id=BACKUP, apart=True), NOW).verdict is Verdict.SEND

    def test_a_refusal_of_the_other_leaves_the_message_whole(self) -> None:
        rows = [row("REJECTED", segment=n, segments=2, retry_at=ago(seconds=1)) for n in (1, 2)]
        assert decide(rows, intent(2, operator_id=BACKUP, apart=True), NOW).verdict is Verdict.SEND


moments = st.one_of(st.none(), st.floats(-7200, 7200).map(lambda s: NOW + timedelta(seconds=s)))


@st.composite
def messages(draw: st.DrawFn) -> list[Row]:
    """Any rows a message could have, also those no run would leave."""
    segments = draw(st.integers(1, 4))
    rows = []
    for segment in range(1, segments + 1):
        for attempt in range(1, draw(st.integers(1, 3)) + 1):
            epoch = draw(st.sampled_from([None, "e1"]))
            rows.append(
                row(
                    draw(st.sampled_from([status.value for status in RowStatus])),
                    segment=segment,
                    attempt=attempt,
                    segments=segments,
                    event_id=draw(st.sampled_from([EVENT, OTHER])),
                    submitted_at=draw(moments),
                    retry_at=draw(moments),
                    in_doubt_at=draw(moments),
                    policy_action=draw(st.sampled_from([None, "resend", "hold", "fail", "expired"])),
                    gateway_epoch=epoch,
                    gateway_replica=epoch,
                    prepared_at=draw(st.sampled_from([ago(minutes=1), ago(minutes=20)])),
                )
            )
    return rows


intents = st.builds(
    intent,
    st.integers(1, 4),
    expires_at=st.sampled_from([ago(minutes=1), ahead(minutes=1)]),
    in_doubt_policy=st.sampled_from(["resend", "hold", "fail"]),
    replay_attempt=st.one_of(st.none(), st.integers(1, 3)),
)


@given(messages(), intents)
def test_what_may_have_left_is_sent_again_only_by_policy_or_a_person(rows: list[Row], wants: Intent) -> None:
    """Promise 2: nothing is doubled in silence."""
    decision = decide(rows, wants, NOW)
    last = {one.segment: one for one in sorted(rows, key=lambda one: one.attempt)}
    assert all(one.unsent for one in decision.reuse)
    if decision.verdict is not Verdict.SEND:
        assert all(new.expired for new in decision.insert)
        return
    resent = {one.segment for one, action in decision.policy if action == "resend"}
    for new in decision.insert:
        old = last.get(new.segment)
        if old is None or not old.may_have_left:
            continue
        assert new.possible_duplicate
        assert old.status in (RowStatus.IN_DOUBT, RowStatus.EXPIRED)
        by_policy = new.segment in resent and wants.in_doubt_policy == "resend"
        by_person = wants.replay_attempt is not None and old.attempt <= wants.replay_attempt
        by_new_event = old.status is RowStatus.EXPIRED and old.event_id != wants.event_id
        assert by_policy or by_person or by_new_event


@given(messages(), intents)
def test_a_doubtful_history_is_never_hidden(rows: list[Row], wants: Intent) -> None:
    decision = decide(rows, wants, NOW)
    for new in decision.insert:
        if any(one.segment == new.segment and one.may_have_left for one in rows):
            assert new.possible_duplicate


@given(messages(), intents)
def test_attempts_only_grow(rows: list[Row], wants: Intent) -> None:
    tried = {(one.segment, one.attempt) for one in rows}
    inserted = [(new.segment, new.attempt) for new in decide(rows, wants, NOW).insert]
    assert len(set(inserted)) == len(inserted)
    assert not tried & set(inserted)


@given(messages(), intents)
def test_a_decision_is_one_thing(rows: list[Row], wants: Intent) -> None:
    decision = decide(rows, wants, NOW)
    assert (decision.wait > 0) == (decision.verdict is Verdict.WAIT)
    assert bool(decision.ask) == (decision.verdict is Verdict.ASK)
    assert bool(decision.insert or decision.reuse) or decision.verdict is not Verdict.SEND
    if decision.verdict in (Verdict.SETTLED, Verdict.DUPLICATE):
        assert decision == Decision(decision.verdict)
