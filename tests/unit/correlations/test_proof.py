"""Which part in doubt a receipt of an unknown id proves."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from ghasi.correlations.proof import Doubt, Proven, Undecided, decide, other_readings
from ghasi.correlations.rows import DoubtfulRow
from ghasi.correlations.types import Proof, ReceiptFacts
from tests.unit.correlations.build import NOW, OPERATOR, ago, row

TO = "93701234567"
LEFT = ago(seconds=90)
DOUBTED = ago(seconds=60)


def part(status: str = "IN_DOUBT", *, to: str = TO, sender: str = "GHASI", ref: str | None = None, **fields) -> Doubt:
    """Left 90 s ago, in doubt for 60 s."""
    given = {"message_id": uuid4(), "operator_id": OPERATOR, "prepared_at": LEFT, "submitted_at": None, **fields}
    if status == "IN_DOUBT":
        given.setdefault("in_doubt_at", DOUBTED)
    own = {name: given.pop(name) for name in ("message_id", "operator_id")}
    plain = row(status, **given)
    values = {name: getattr(plain, name) for name in plain.__struct_fields__} | own
    return Doubt(DoubtfulRow(**values, destination=to, sender=sender, user_message_reference=ref))


def receipt(name: str = "77", **fields) -> ReceiptFacts:
    facts = ReceiptFacts(
        receipt_key=int(name, 16),
        operator_id=OPERATOR,
        operator_message_id=name,
        lookup_keys=(name,),
        status="DELIVERED",
        stat="DELIVRD",
        final=True,
        error_code="000",
        done_at=NOW,
        taken_at=ago(seconds=30),
        destination=TO,
        sender="GHASI",
    )
    return replace(facts, **fields)


def proven(receipts: Sequence[ReceiptFacts], parts: Sequence[Doubt]) -> dict[str, int]:
    """Operator's id → index of the part."""
    found, _ = decide(receipts, parts)
    return {one.receipts[0].operator_message_id: parts.index(one.part) for one in found}


def test_the_only_part_that_fits_is_proven() -> None:
    facts, only = receipt(), part()
    assert decide([facts], [only]) == ([Proven((facts,), only, Proof.FACTS)], [])


@pytest.mark.parametrize(
    "fields",
    [
        {"destination": "93709999999"},
        {"destination": ""},
        {"sender": "OTHER"},
        {"sender": ""},
        {"operator_id": uuid4()},
        {"taken_at": ago(seconds=93)},
        {"submit_date": ago(minutes=4)},
        {"submit_date": NOW.replace(hour=11)},
    ],
)
def test_what_does_not_fit_proves_nothing_and_is_not_in_question(fields: dict[str, object]) -> None:
    assert decide([receipt(**fields)], [part()]) == ([], [])


@pytest.mark.parametrize(
    "fields",
    [
        {"destination": "0701234567"},
        {"sender": "ghasi"},
        {"taken_at": ago(seconds=91)},
        {"submit_date": ago(seconds=150)},
        {"submit_date": ago(seconds=0)},
        {"submit_date": None},
    ],
)
def test_forms_and_clocks_may_differ_a_little(fields: dict[str, object]) -> None:
    assert proven([receipt(**fields)], [part()]) == {"77": 0}


def test_a_numeric_sender_may_be_written_in_two_forms() -> None:
    assert proven([receipt(sender="0700000001")], [part(sender="+93700000001")]) == {"77": 0}


def test_a_receipt_weeks_later_is_of_something_else() -> None:
    assert decide([receipt()], [part(prepared_at=ago(days=9), in_doubt_at=ago(days=4))]) == ([], [])


def test_two_messages_to_one_number_prove_nothing() -> None:
    facts = receipt()
    assert decide([facts], [part(), part()]) == ([], [Undecided((facts,), 1, 2)])
    both = [receipt("77"), receipt("78")]
    found, undecided = decide(both, [part(), part()])
    assert found == []
    assert [(one.ids, one.parts) for one in undecided] == [(2, 2), (2, 2)]


def test_the_submit_date_tells_two_messages_apart() -> None:
    parts = [part(), part(prepared_at=ago(minutes=30), in_doubt_at=ago(minutes=29))]
    assert proven([receipt()], parts) == {}
    assert proven([receipt(submit_date=ago(minutes=29))], parts) == {"77": 1}


@pytest.mark.parametrize("status", ["PREPARED", "SUBMITTED"])
def test_a_part_whose_id_may_still_come_is_meant_but_not_proven(status: str) -> None:
    rival = part(status, gateway_epoch="e1")
    assert proven([receipt()], [rival]) == {}
    assert proven([receipt()], [part(), rival]) == {}
    assert proven([receipt()], [part(), part(status, sender="OTHER", gateway_epoch="e1")]) == {"77": 0}


def test_a_part_that_left_after_the_receipt_came_is_no_rival() -> None:
    assert proven([receipt()], [part(), part("PREPARED", prepared_at=ago(seconds=20))]) == {"77": 0}


def test_two_ids_for_one_part_prove_nothing() -> None:
    assert proven([receipt("77"), receipt("78")], [part()]) == {}


def test_all_receipts_of_one_id_are_about_one_part() -> None:
    first = receipt(status="ACCEPTED", stat="ENROUTE", final=False)
    last = receipt(receipt_key=500)
    only = part()
    found, _ = decide([last, first], [only])
    assert [(one.receipts, one.part) for one in found] == [((first, last), only)]


def test_a_receipt_that_contradicts_its_earlier_one_proves_nothing() -> None:
    assert proven([receipt(), receipt(sender="OTHER", receipt_key=500)], [part()]) == {}


class TestPartsOfOneMessage:
    MESSAGE = uuid4()

    def parts(self, count: int, **fields: object) -> list[Doubt]:
        return [part(message_id=self.MESSAGE, segment=n + 1, segments=count, **fields) for n in range(count)]

    def test_each_receipt_alone_is_ambiguous(self) -> None:
        assert proven([receipt()], self.parts(2)) == {}
        assert proven([receipt("77"), receipt("78")], self.parts(3)) == {}

    def test_all_together_prove_the_message_in_the_order_they_were_taken(self) -> None:
        receipts = [
            receipt("7c", taken_at=ago(seconds=20)),
            receipt("7a", taken_at=ago(seconds=40)),
            receipt("7b", taken_at=ago(seconds=30)),
        ]
        assert proven(receipts, self.parts(3)) == {"7a": 0, "7b": 1, "7c": 2}

    def test_the_submit_date_goes_before_the_arrival(self) -> None:
        receipts = [
            receipt("7a", taken_at=ago(seconds=40), submit_date=ago(seconds=70)),
            receipt("7b", taken_at=ago(seconds=30), submit_date=ago(seconds=80)),
        ]
        assert proven(receipts, self.parts(2)) == {"7b": 0, "7a": 1}

    def test_one_receipt_too_many_proves_nothing(self) -> None:
        assert proven([receipt(f"7{n}") for n in range(3)], self.parts(2)) == {}

    def test_another_message_among_them_leaves_all_in_doubt(self) -> None:
        assert proven([receipt(f"7{n}") for n in range(3)], [*self.parts(2), part()]) == {}

    def test_a_part_still_on_its_way_leaves_the_others_in_doubt(self) -> None:
        first, _ = self.parts(2)
        flying = part("PREPARED", message_id=self.MESSAGE, segment=2, segments=2, gateway_epoch="e1")
        assert proven([receipt("77"), receipt("78")], [first, flying]) == {}

    def test_tries_of_one_part_need_not_be_told_apart(self) -> None:
        """The part has arrived, whichever try it was; the message stands by the last one."""
        tries = [part(message_id=self.MESSAGE, attempt=n) for n in (1, 2)]
        assert proven([receipt("77")], tries) == {"77": 1}
        assert proven([receipt("77"), receipt("78")], tries) == {"77": 1, "78": 0}
        assert proven([receipt(f"7{n}") for n in range(3)], tries) == {}

    def test_what_is_proven_narrows_the_rest(self) -> None:
        parts = [part(), part(prepared_at=ago(minutes=30), in_doubt_at=ago(minutes=29))]
        sure = receipt("77", submit_date=ago(minutes=29))
        assert proven([receipt("78"), sure], parts) == {"77": 1, "78": 0}


class TestReference:
    def test_it_tells_parts_apart_that_fit_alike(self) -> None:
        parts = [part(ref="00fe"), part(ref="1234")]
        assert proven([receipt(user_message_reference="1234")], parts) == {"77": 1}

    def test_the_parts_of_a_message_count_up_and_wrap(self) -> None:
        message = uuid4()
        parts = [part(message_id=message, segment=n, segments=3, ref="fffe") for n in (1, 2, 3)]
        assert proven([receipt(user_message_reference="0000")], parts) == {"77": 2}

    def test_it_decides_between_a_part_that_has_it_and_one_that_has_none(self) -> None:
        facts = receipt(user_message_reference="1234")
        parts = [part(), part(ref="1234")]
        assert decide([facts], parts) == ([Proven((facts,), parts[1], Proof.REFERENCE)], [])

    def test_it_outweighs_a_sender_that_was_rewritten(self) -> None:
        assert proven([receipt(user_message_reference="1234", sender="OTHER")], [part(ref="1234")]) == {"77": 0}
        assert proven([receipt(user_message_reference="1234", destination="93709999999")], [part(ref="1234")]) == {}
        assert proven([receipt(user_message_reference="1234", taken_at=ago(hours=1))], [part(ref="1234")]) == {}

    def test_another_reference_contradicts(self) -> None:
        assert decide([receipt(user_message_reference="4321")], [part(ref="1234")]) == ([], [])

    def test_two_parts_of_one_reference_prove_nothing(self) -> None:
        assert proven([receipt(user_message_reference="1234")], [part(ref="1234"), part(ref="1234")]) == {}

    def test_two_ids_with_one_reference_prove_nothing(self) -> None:
        receipts = [receipt(name, user_message_reference="1234", sender="OTHER") for name in ("77", "78")]
        assert proven(receipts, [part(ref="1234")]) == {}

    def test_a_part_still_on_its_way_is_not_proven(self) -> None:
        assert proven([receipt(user_message_reference="1234")], [part("PREPARED", ref="1234")]) == {}

    @pytest.mark.parametrize("value", ["12", "123456", "zzzz", ""])
    def test_what_is_no_reference_of_ours_says_nothing(self, value: str) -> None:
        assert proven([receipt(user_message_reference=value)], [part(ref="1234")]) == {"77": 0}
        assert proven([receipt(user_message_reference="1234")], [part(ref=value)]) == {"77": 0}


_MESSAGES = [uuid4() for _ in range(3)]
_TIMES: list[datetime] = [ago(seconds=n) for n in (120, 90, 60, 30)]


@given(
    st.lists(st.tuples(st.sampled_from(_MESSAGES), st.integers(1, 2), st.sampled_from(_TIMES)), max_size=5),
    st.lists(st.tuples(st.integers(1, 5), st.sampled_from(_TIMES)), max_size=5),
)
def test_no_part_is_proven_twice_and_nothing_is_proven_across_messages(
    made: list[tuple[UUID, int, datetime]], came: list[tuple[int, datetime]]
) -> None:
    parts = [part(message_id=m, segment=s, segments=2, prepared_at=at, in_doubt_at=at) for m, s, at in made]
    receipts = [receipt(f"{n}", taken_at=at, receipt_key=k) for k, (n, at) in enumerate(came)]
    found, undecided = decide(receipts, parts)
    assert len({id(one.part) for one in found}) == len(found)
    ids = [one.receipts[0].lookup_keys for one in found] + [one.receipts[0].lookup_keys for one in undecided]
    assert len(set(ids)) == len(ids)
    for one in found:
        assert all(facts.taken_at >= one.part.row.prepared_at for facts in one.receipts)
    if len({m for m, _, at in made if at <= ago(seconds=120)}) > 1 and len({n for n, _ in came}) == 1:
        assert found == [], "two messages that left before anything came"


@pytest.mark.parametrize(
    ("name", "keys"),
    [
        ("31", {"1f", "#31", "49", "#49"}),
        ("1F", {"31", "#31"}),
        ("0a1b", {"2587", "#2587"}),
        ("abc-1", set()),
    ],
)
def test_an_id_read_in_another_base(name: str, keys: set[str]) -> None:
    facts = receipt("77", operator_message_id=name, lookup_keys=(name.lower().lstrip("0"),))
    assert other_readings(facts) == keys
