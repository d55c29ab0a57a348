"""workers.route: who carries, by the words of the gateways."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from ghasi.contracts.sessions import InDoubtPolicy, SendRules, SessionRecord, State
from ghasi.correlations.types import DoubtRule
from workers.holders import STALE_AFTER, Holders
from workers.route import Route

PRIMARY = "550e8400-e29b-41d4-a716-446655440001"
BACKUP = "550e8400-e29b-41d4-a716-446655440002"


class Place:
    """Holders on a clock of our own, and the primary's route."""

    def __init__(self) -> None:
        self.now = 0.0
        self.holders = Holders(lambda: self.now)
        self.route = Route(self.holders, PRIMARY)

    def bound(self, operator_id: str, **changes: Any) -> None:
        given: dict[str, Any] = {"replica": "r1", "epoch": "e", "state": State.BOUND, "binds": 1, "tps_limit": 10}
        self.holders.put(SessionRecord(operator_id, **(given | changes)))

    def over(self, **changes: Any) -> None:
        given = {"state": State.FAILBACK, "binds": 0, "carried_by": BACKUP, "failover_term": 1}
        self.bound(PRIMARY, **(given | changes))

    @property
    def carries(self) -> str | None:
        holder = self.route.holder()
        return holder.operator_id if holder is not None else None


def test_an_operator_carries_its_own_until_a_gateway_says_otherwise() -> None:
    place = Place()
    assert (place.route.carrier(), place.carries) == (PRIMARY, None)
    place.bound(PRIMARY, backup_operator_id=BACKUP)
    place.bound(BACKUP)
    assert place.carries == PRIMARY
    place.over()
    assert (place.route.carrier(), place.carries) == (BACKUP, BACKUP)
    place.bound(PRIMARY, failover_term=2)
    assert place.carries == PRIMARY


def test_a_primary_that_is_bound_again_waits_for_the_gateways_word() -> None:
    place = Place()
    place.bound(BACKUP)
    place.over(binds=1, own_state=State.BOUND)
    assert place.carries == BACKUP


def test_a_backup_that_is_not_bound_carries_nothing_and_neither_does_its_own_backup() -> None:
    place = Place()
    place.over()
    assert place.carries is None
    place.bound(BACKUP, state=State.FAILBACK, binds=0, carried_by=PRIMARY, failover_term=1)
    assert place.carries is None
    place.bound(PRIMARY, replica="r2")
    assert place.carries is None, "a replica that has not heard of the failover says nothing"


def test_the_highest_term_counts_and_a_word_that_is_old_does_not() -> None:
    place = Place()
    place.bound(BACKUP)
    place.over(failover_term=3, updated_at=1.0)
    place.bound(PRIMARY, replica="r2", failover_term=2, updated_at=9.0)
    assert place.carries == BACKUP
    place.now = STALE_AFTER + 1
    place.bound(PRIMARY, replica="r2", failover_term=2)
    assert place.carries == PRIMARY


def test_rules_are_those_of_whoever_carries() -> None:
    place = Place()
    assert place.route.rules().in_doubt_policy is InDoubtPolicy.HOLD, "nobody has said yet"
    place.bound(PRIMARY, rules=SendRules(alphabet="latin1"))
    place.bound(BACKUP, rules=SendRules(service_type="VMA"))
    assert place.route.rules() == SendRules(alphabet="latin1")
    place.over(rules=SendRules(alphabet="latin1"))
    assert place.route.rules() == SendRules(service_type="VMA")


def test_doubts_are_those_of_both_and_parts_are_apart_where_their_forms_differ() -> None:
    place = Place()
    place.bound(PRIMARY)
    assert (place.route.doubts(), place.route.apart()) == ((DoubtRule(UUID(PRIMARY), "resend", 60.0),), False)
    place.bound(PRIMARY, backup_operator_id=BACKUP, rules=SendRules(in_doubt_policy=InDoubtPolicy.FAIL))
    place.bound(BACKUP, rules=SendRules(in_doubt_wait=3.0))
    assert place.route.doubts() == (
        DoubtRule(UUID(PRIMARY), "fail", 60.0),
        DoubtRule(UUID(BACKUP), "resend", 3.0),
    )
    assert not place.route.apart()
    for rules in (SendRules(reference_bits=16), SendRules(long_mode="sar"), SendRules(alphabet="ascii")):
        place.bound(BACKUP, rules=rules)
        assert place.route.apart()


def test_a_replica_that_knows_no_backup_hides_none() -> None:
    place = Place()
    place.bound(PRIMARY, backup_operator_id=BACKUP, updated_at=1.0)
    place.bound(PRIMARY, replica="standby", state=State.DISCONNECTED, binds=0, updated_at=2.0)
    assert place.route.pair() == {PRIMARY, BACKUP}


def test_listeners_hear_of_the_backup_too() -> None:
    place, heard = Place(), []
    other: list[str] = []
    place.holders.listen(BACKUP, lambda: other.append("its own lane"))
    place.route.listen(lambda: heard.append("heard"))
    place.bound(BACKUP)
    assert heard == []
    place.bound(PRIMARY, backup_operator_id=BACKUP)
    place.bound(BACKUP)
    assert heard == ["heard"] * 2
    assert len(other) == 2
