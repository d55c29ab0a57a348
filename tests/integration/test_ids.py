"""Id matching that learns, on a real PostgreSQL: collected, judged, applied, decided by a person, drifting."""

from __future__ import annotations

import io
import itertools
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import Permission, User
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client

from ghasi.contracts.rules import ReceiptForm
from ghasi.contracts.sessions import SendRules, SessionRecord
from ghasi.contracts.sessions import State as Session
from ghasi.contracts.submission import LateResponse, encode
from ghasi.correlations import id_learning, id_store, ledger
from ghasi.correlations.id_pairs import Found, Source
from ghasi.correlations.id_states import State
from ghasi.correlations.models import IdRelation, InboxReceipt, MessageCorrelation
from ghasi.correlations.types import Intent, Part
from ghasi.operators.actions import OperatorAction
from ghasi.smpp.id_inference import CERTAIN_FROM, Pair
from ghasi.smpp.pdu import DeliverSm, encode_pdu
from workers import fates, metrics
from workers.learned_ids import LearnedIds, SeenIds
from workers.receipts import RawReceipt, Taken, take_in
from workers.upkeep import InboxSweep
from workers.upkeep_ids import IdLearning

pytestmark = pytest.mark.usefixtures("django_ready")

_keys = itertools.count(1)
_numbers = itertools.count(93_700_000_000)
FIRST = 0x1F3A0000
ENOUGH = CERTAIN_FROM + 4


@pytest.fixture(autouse=True)
def _connection() -> Iterator[None]:
    InboxReceipt.objects.all().delete()
    IdRelation.objects.all().delete()
    yield
    IdRelation.objects.all().delete()
    User.objects.all().delete()
    connection.close()


class Operator:
    """An operator that answers hexadecimal ids and writes decimal ones into its receipts, unless told otherwise."""

    def __init__(self, rules: SendRules | None = None) -> None:
        self.id = uuid4()
        self.rules = rules or SendRules()
        self.now = datetime.now(UTC) - timedelta(minutes=5)
        self._counts = itertools.count(FIRST)
        self.learning = IdLearning(lambda: [self.session()])

    def session(self) -> SessionRecord:
        return SessionRecord(
            operator_id=str(self.id), replica="g1", epoch="e1", state=Session.BOUND, tps_limit=10, rules=self.rules
        )

    def send(self, response: str, to: str | None = None) -> tuple[Part, str]:
        """A part on its way, and its number."""
        to = to or str(next(_numbers))
        intent = Intent(
            message_id=uuid4(),
            event_id=uuid4(),
            operator_id=self.id,
            requested_operator_id=self.id,
            destination=to,
            sender="GHASI",
            account_id="account-1",
            segments=1,
            enqueued_at=self.now,
            expires_at=self.now + timedelta(minutes=10),
        )
        [claim] = ledger.claim([intent], replica="g1", epoch="e1", now=self.now, arm={intent.message_id: 1})
        [part] = claim.parts
        if response:
            accepted = fates.accepted(part, response, at=self.now, id_base=self.rules.id_base)
            ledger.record([accepted], now=self.now)
        return part, to

    def receipt(self, name: str, number: str, *, seen: SeenIds | None = None) -> Taken:
        """Taken in a second after it was sent."""
        text = f"id:{name} sub:001 dlvrd:001 submit date:2604181029 done date:2604181030 stat:DELIVRD err:000 text:x"
        pdu = DeliverSm(
            source_addr=number, destination_addr="GHASI", esm_class=0x04, short_message=text.encode("latin-1")
        )
        raw = RawReceipt(str(self.id), next(_keys), encode_pdu(pdu), self.now + timedelta(seconds=1))
        return take_in([raw], rules=self.rules, learned=LearnedIds(every=0.0), seen=seen or SeenIds())

    def traffic(self, count: int, response: str = "{:x}", receipt: str = "{}") -> list[Part]:
        parts = []
        for _ in range(count):
            number = next(self._counts)
            part, to = self.send(response.format(number))
            self.receipt(receipt.format(number), to)
            parts.append(part)
        return parts

    def turn(self, at: datetime | None = None) -> None:
        self.learning.run(at or datetime.now(UTC))

    @property
    def row(self) -> IdRelation:
        return IdRelation.objects.get(pk=self.id)

    def matched(self, parts: list[Part]) -> int:
        ids = [part.row_id for part in parts]
        return MessageCorrelation.objects.filter(pk__in=ids, status="DLR_RECEIVED").count()

    def sources(self) -> dict[str, int]:
        found: dict[str, int] = {}
        for one in id_store.pairs(self.id):
            found[one.source.value] = found.get(one.source.value, 0) + 1
        return found

    def state(self) -> float:
        return sum(
            number
            for number, state in enumerate(State)
            if metrics.id_relation.labels(str(self.id), state.value)._value.get() == 1
        )


@pytest.fixture
def operator() -> Operator:
    return Operator()


def test_a_receipt_that_waits_is_not_given_to_a_later_part_of_that_text(operator: Operator) -> None:
    """The decimal id of one message is the hexadecimal one of another, sent hours later."""
    _, to = operator.send("186a0")
    operator.receipt("100000", to)
    operator.now += timedelta(hours=2)
    later, _ = operator.send("100000")
    InboxSweep().run(operator.now)
    assert operator.matched([later]) == 0


def test_a_number_in_ids_is_neither_kept_nor_proposed(operator: Operator) -> None:
    to = str(next(_numbers))
    for count in range(0xA1F0, 0xA1F5):
        operator.send(f"{count:x}", to)
        operator.receipt(f"{to}@{count:x}", to)
    operator.turn()
    assert operator.sources() == {"hit": 5}
    assert operator.row.candidate == "cut-to:@"
    assert to not in json.dumps(
        [operator.row.evidence, [one.pair for one in id_store.pairs(operator.id)]], default=str
    )


def test_hexadecimal_answers_and_decimal_receipts_meet_by_themselves(operator: Operator) -> None:
    parts = operator.traffic(ENOUGH)
    assert operator.matched(parts) == 0
    operator.turn()
    assert (operator.row.state, operator.row.in_force) == ("applied", "hex>dec")
    assert InboxSweep().run(datetime.now(UTC))
    assert operator.matched(parts) == ENOUGH
    later = operator.traffic(3)
    assert operator.matched(later) == 3
    for part in [*parts, *later]:
        row = MessageCorrelation.objects.get(pk=part.row_id)
        assert row.operator_message_id is not None
        assert row.dlr_state == "DELIVERED"
    assert list(State)[int(operator.state())] is State.APPLIED


def test_each_receipt_went_to_its_own_part(operator: Operator) -> None:
    operator.traffic(ENOUGH)
    operator.turn()
    InboxSweep().run(datetime.now(UTC))
    for one in InboxReceipt.objects.filter(operator_id=operator.id):
        row = MessageCorrelation.objects.get(pk=one.matched_row)
        assert int(row.operator_message_id or "", 16) == int(one.operator_message_id)
        assert row.destination == one.destination


def test_few_pairs_are_proposed_and_wait_for_a_person(operator: Operator) -> None:
    parts = operator.traffic(5)
    operator.turn()
    assert (operator.row.state, operator.row.in_force, operator.row.candidate) == ("proposed", None, "hex>dec")
    assert set(operator.row.evidence["doubts"]) == {"few_pairs", "rival"}
    InboxSweep().run(datetime.now(UTC))
    assert operator.matched(parts) == 0
    id_learning.accept(operator.id, by="ann", now=datetime.now(UTC))
    operator.turn()
    InboxSweep().run(datetime.now(UTC))
    assert (operator.row.state, operator.row.changed_by, operator.matched(parts)) == ("accepted", "ann", 5)


def test_one_receipt_proposes_nothing(operator: Operator) -> None:
    operator.traffic(1)
    operator.turn()
    assert (operator.row.state, operator.row.candidate, operator.sources()) == ("none", None, {"facts": 1})


def test_one_pair_that_does_not_fit_keeps_it_from_being_applied(operator: Operator) -> None:
    operator.traffic(ENOUGH)
    number = next(operator._counts)
    _, to = operator.send(f"{number:x}")
    operator.receipt("777777777", to)
    operator.turn()
    assert (operator.row.state, operator.row.candidate) == ("proposed", "hex>dec")
    assert operator.row.evidence["doubts"] == ["contradicted"]
    assert operator.row.evidence["against"] == [{"response": f"{number:x}", "receipt": "777777777"}]


def test_what_a_person_rejected_is_not_proposed_again(operator: Operator) -> None:
    operator.traffic(5)
    operator.turn()
    id_learning.reject(operator.id, by="ann", now=datetime.now(UTC))
    operator.traffic(ENOUGH)
    operator.turn()
    assert (operator.row.state, operator.row.in_force, operator.row.rejected) == ("rejected", None, ["hex>dec"])


def test_a_rejection_of_what_is_in_force_gives_receipts_their_plain_keys_back(operator: Operator) -> None:
    operator.traffic(ENOUGH)
    operator.turn()
    _, to = operator.send("zz-1")
    operator.receipt("424242", to)
    assert InboxReceipt.objects.get(operator_message_id="424242").lookup_keys == [f"{424242:x}"]
    id_learning.reject(operator.id, by="ann", now=datetime.now(UTC))
    operator.turn()
    assert InboxReceipt.objects.get(operator_message_id="424242").lookup_keys == ["424242"]
    assert LearnedIds().of(str(operator.id)) is None


def test_an_id_base_of_the_rules_goes_before_it() -> None:
    operator = Operator(SendRules(id_base="hex"))
    parts = operator.traffic(3)
    assert operator.matched(parts) == 3
    assert operator.traffic(ENOUGH, receipt="{:X}x") is not None
    operator.turn()
    assert not IdRelation.objects.filter(pk=operator.id).exists()


@pytest.mark.parametrize(
    ("base", "response", "receipt"), [("hex", "{:x}", "{}"), ("dec", "{}", "{:x}"), ("hex", "{:08X}", "0{}")]
)
def test_parts_sent_before_and_after_an_id_base_was_named_are_found(base: str, response: str, receipt: str) -> None:
    operator = Operator()
    numbers = [next(operator._counts) for _ in range(4)]
    before = [operator.send(response.format(one)) for one in numbers[:2]]
    operator.rules = SendRules(id_base=base)
    after = [operator.send(response.format(one)) for one in numbers[2:]]
    for number, (part, to) in zip(numbers, before + after, strict=True):
        taken = operator.receipt(receipt.format(number), to)
        assert [json.loads(one.payload)["messageId"] for one in taken.publications] == [str(part.message_id)]
    assert InboxReceipt.objects.filter(operator_id=operator.id).count() == 0


def test_a_part_from_before_whose_text_is_the_receipts_own_is_not_meant() -> None:
    """100 in a receipt is the response 64, not the response 100, whoever was sent that, and whether 64 is known."""
    operator = Operator()
    other, to = operator.send("100")
    operator.rules = SendRules(id_base="hex")
    operator.receipt("100", to)
    assert operator.matched([other]) == 0
    mine, number = operator.send("64")
    operator.receipt("100", number)
    assert (operator.matched([other]), operator.matched([mine])) == (0, 1)


@pytest.mark.parametrize("of_before", [True, False])
def test_of_two_parts_of_one_number_the_subscribers_own_is_meant(of_before: bool) -> None:
    operator = Operator()
    before = operator.send("64")
    operator.rules = SendRules(id_base="hex")
    operator.now += timedelta(seconds=1)
    after = operator.send("64")
    (mine, to), (other, _) = (before, after) if of_before else (after, before)
    operator.receipt("100", to)
    assert (operator.matched([mine]), operator.matched([other])) == (1, 0)


def test_a_receipt_read_by_an_id_base_keeps_no_key_of_it_once_ids_are_open_again() -> None:
    operator = Operator(SendRules(id_base="hex"))
    operator.receipt("100", str(next(_numbers)))
    assert InboxReceipt.objects.get(operator_id=operator.id).lookup_keys == ["#100", "64"]
    operator.rules = SendRules()
    operator.traffic(ENOUGH)
    operator.turn()
    assert operator.row.in_force == "hex>dec"
    assert InboxReceipt.objects.get(operator_id=operator.id, operator_message_id="100").lookup_keys == ["64"]


OWN_FORMS = [ReceiptForm(id_source="text"), ReceiptForm(id_prefix="SMS-"), ReceiptForm(id_cut="@")]


@pytest.mark.parametrize("form", OWN_FORMS)
def test_what_was_learned_does_not_count_once_the_rules_say_something_of_ids(form: ReceiptForm) -> None:
    operator = Operator()
    operator.traffic(ENOUGH)
    operator.turn()
    assert operator.row.in_force == "hex>dec"
    operator.rules = SendRules(receipts=form)
    number = f"{FIRST + 1000}"
    part, to = operator.send(number)
    operator.receipt({"SMS-": f"SMS-{number}"}.get(form.id_prefix, f"{number}@a" if form.id_cut else number), to)
    assert operator.matched([part]) == 1, "read by the rules alone"
    operator.receipt(f"{FIRST + 2000}", to)
    operator.turn()
    waiting = InboxReceipt.objects.get(operator_id=operator.id, operator_message_id=f"{FIRST + 2000}")
    assert waiting.lookup_keys == [f"{FIRST + 2000}"]


@pytest.mark.parametrize("form", OWN_FORMS)
def test_nothing_is_learned_where_the_rules_say_something_of_ids(form: ReceiptForm) -> None:
    operator = Operator(SendRules(receipts=form))
    operator.traffic(ENOUGH)
    part, to = operator.send(f"{FIRST + 3000}")
    operator.receipt(f"{FIRST + 3000}", to, seen=SeenIds(every=0.0))
    operator.turn()
    assert operator.matched([part]) == 1
    assert operator.sources() == {}
    assert not IdRelation.objects.filter(pk=operator.id).exists()


def test_two_messages_to_one_number_make_no_pair_by_facts_but_one_by_their_ids(operator: Operator) -> None:
    number = next(operator._counts)
    _, to = operator.send(f"{number:x}")
    operator.send(f"{number + 1:x}", to)
    operator.receipt(str(number), to)
    operator.turn()
    assert operator.sources() == {"hit": 1}


def test_a_receipt_of_another_number_is_no_pair(operator: Operator) -> None:
    number = next(operator._counts)
    operator.send(f"{number:x}")
    operator.receipt(str(number), str(next(_numbers)))
    operator.turn()
    assert operator.sources() == {}


def test_a_response_after_the_receipt_that_proved_its_part_shows_both_ids(operator: Operator) -> None:
    part, to = operator.send("")
    ledger.record([fates.in_doubt(part, "unanswered", at=operator.now)], now=operator.now)
    operator.receipt("255255", to)
    assert operator.matched([part]) == 1
    late = encode(LateResponse(part.row_id.hex, f"{255255:x}", 0, int(operator.now.timestamp() * 1000)))
    take_in([RawReceipt(str(operator.id), next(_keys), late, operator.now, "response")])
    assert id_store.pairs(operator.id)[0][:2] == (Pair(f"{255255:x}", "255255"), Source.LATE)


def test_matched_receipts_are_evidence_where_the_number_is_right_too(operator: Operator) -> None:
    number = next(operator._counts)
    _, to = operator.send(f"{number:X}")
    seen = SeenIds(every=0.0)
    operator.receipt(f"000{number:x}", to, seen=seen)
    other, _ = operator.send("4711471")
    operator.receipt("4711471", "4915112345678", seen=seen)
    assert operator.matched([other]) == 1
    assert [one[:2] for one in id_store.pairs(operator.id)] == [
        (Pair(f"{number:X}", f"000{number:x}"), Source.MATCHED)
    ]


def test_it_drifts_and_finds_the_way_back_to_plain_ids(operator: Operator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(id_store, "KEPT", CERTAIN_FROM + 10)
    operator.traffic(ENOUGH)
    operator.turn()
    IdRelation.objects.filter(pk=operator.id).update(in_force_at=operator.now - timedelta(hours=1))
    InboxSweep().run(datetime.now(UTC))
    operator.traffic(8, response="{}")
    operator.turn()
    assert (operator.row.state, operator.row.in_force) == ("drifting", "hex>dec")
    assert metrics.id_misfits.labels(str(operator.id))._value.get() > 0.1
    operator.turn()
    assert operator.row.candidate == "hex>dec or-text"
    operator.traffic(CERTAIN_FROM + 10, response="{}")
    operator.turn()
    assert (operator.row.state, operator.row.in_force) == ("none", None)
    assert InboxSweep().run(datetime.now(UTC))
    assert operator.matched(operator.traffic(2, response="{}")) == 2


def test_a_rising_share_of_receipts_without_a_part_is_drift(operator: Operator) -> None:
    operator.traffic(ENOUGH)
    operator.turn()
    now = datetime.now(UTC)
    for minute, missed in ((0, 0), (6, 5), (12, 5), (18, 40)):
        id_store.count_receipts(operator.id, 100, missed)
        operator.turn(now + timedelta(minutes=minute))
        if minute < 18:
            assert operator.row.state == "applied"
    assert operator.row.state == "drifting"


def test_pairs_are_kept_in_bounded_numbers(operator: Operator) -> None:
    now = datetime.now(UTC)
    for source in (Source.FACTS, Source.MATCHED):
        found = [Found(Pair(f"{source}-{n}", str(n)), source) for n in range(150)]
        assert id_store.add_pairs(operator.id, found, now) == 150
    assert operator.sources() == {"facts": 100, "matched": 100}


def told(*arguments: str) -> Any:
    out = io.StringIO()
    call_command("ids", *arguments, stdout=out)
    return out.getvalue()


def test_the_command_shows_and_decides(operator: Operator) -> None:
    operator.traffic(5)
    operator.turn()
    words = told(str(operator.id))
    assert "proposed: hex>dec" in words
    assert "not certain: too few pairs" in words
    [one] = json.loads(told(str(operator.id), "--json"))["operators"]
    assert (one["state"], one["candidate"], one["evidence"]["pairs"]) == ("proposed", "hex>dec", 5)
    assert "in force: hex>dec" in told(str(operator.id), "accept", "--reason", "they said so")
    with pytest.raises(CommandError) as nothing:
        told(str(operator.id), "accept")
    assert nothing.value.returncode == 1
    assert "rejected: hex>dec" in told(str(operator.id), "reject")
    rows = OperatorAction.objects.filter(target=str(operator.id)).order_by("id")
    assert [(row.action, row.reason, row.result, row.detail.get("inForce")) for row in rows] == [
        ("ids.accept", "they said so", "done", "hex>dec"),
        ("ids.accept", "", "refused", None),
        ("ids.reject", "", "done", "text"),
    ]
    assert {row.actor for row in rows} == {operator.row.changed_by}
    assert operator.row.changed_by.startswith("shell:")
    with pytest.raises(CommandError) as wrong:
        told("4711")
    assert wrong.value.returncode == 2


CONFIRMED = {"confirmed": "1", "reason": "their document says so"}


def staff(*permissions: str) -> Client:
    user = User.objects.create(username=f"staff-{uuid4().hex[:8]}", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    client = Client(headers={"host": "localhost"})
    client.force_login(user)
    return client


def test_the_admin_shows_it_and_lets_only_some_decide(operator: Operator) -> None:
    operator.traffic(5)
    operator.turn()
    page = f"/admin/correlations/idrelation/{operator.id}/change/"
    decide = f"/admin/correlations/idrelation/{operator.id}/decide/"
    viewer, decider = staff("view_idrelation"), staff("view_idrelation", "decide_idrelation")
    assert staff().get(page).status_code == 403
    html = viewer.get(page).content.decode()
    assert "hex&gt;dec: fits 5, against 0" in html
    assert 'value="accept"' not in html
    assert viewer.post(decide, {"action": "accept"}).status_code == 403
    assert operator.row.state == "proposed"
    assert 'value="accept"' in decider.get(page).content.decode()
    assert decider.get(decide).status_code == 405
    assert 'name="seen" value="hex&gt;dec"' in decider.get(page).content.decode()
    accept = {"action": "accept", "seen": "hex>dec"}
    asked = decider.post(decide, accept)
    html = asked.content.decode()
    assert (asked.status_code, 'name="seen" value="hex&gt;dec"' in html) == (200, True)
    assert decider.post(decide, {**accept, "confirmed": "1", "reason": " "}).status_code == 400
    assert operator.row.state == "proposed", "nothing is decided without a reason"
    assert decider.post(decide, {**accept, **CONFIRMED}).status_code == 302
    assert (operator.row.state, operator.row.in_force) == ("accepted", "hex>dec")
    assert decider.post(decide, {"action": "reject", "seen": "hex>dec", **CONFIRMED}).status_code == 302
    assert (operator.row.state, operator.row.in_force) == ("rejected", None)
    assert decider.post(decide, {"action": "forget", "seen": "hex>dec", **CONFIRMED}).status_code == 404
    noted = OperatorAction.objects.filter(target=str(operator.id)).order_by("id")
    assert list(noted.values_list("action", "target_kind", "reason", "result")) == [
        ("ids.accept", "operator", "their document says so", "accepted: hex>dec"),
        ("ids.reject", "operator", "their document says so", "rejected: text"),
    ]
    assert not OperatorAction.objects.filter(action="idrelation.changed").exists(), "noted once"
    assert str(operator.id) in viewer.get("/admin/correlations/idrelation/").content.decode()


@pytest.mark.parametrize("action", ["accept", "reject"])
@pytest.mark.parametrize("seen", ["hex>dec tail=4", "", None])
def test_only_what_somebody_saw_is_decided(operator: Operator, action: str, seen: str | None) -> None:
    operator.traffic(5)
    operator.turn()
    decide = f"/admin/correlations/idrelation/{operator.id}/decide/"
    told = {"action": action, **CONFIRMED} if seen is None else {"action": action, "seen": seen, **CONFIRMED}
    answer = staff("view_idrelation", "decide_idrelation").post(decide, told, follow=True)
    assert "It has changed meanwhile: hex&gt;dec is to be decided now." in answer.content.decode()
    assert (operator.row.state, operator.row.candidate) == ("proposed", "hex>dec")


def test_the_admin_finds_part_and_receipt_by_the_receipts_id(operator: Operator) -> None:
    viewer = staff("view_messagecorrelation", "view_inboxreceipt")
    [part] = operator.traffic(1)
    operator.traffic(4)
    operator.turn()
    id_learning.accept(operator.id, by="ann", now=datetime.now(UTC))
    operator.turn()
    for path in ("inboxreceipt", "messagecorrelation"):
        html = viewer.get(f"/admin/correlations/{path}/", {"q": str(FIRST)}).content.decode()
        assert (str(FIRST) if path == "inboxreceipt" else str(part.message_id)) in html.split('id="result_list"')[1]


def test_no_number_is_kept(operator: Operator) -> None:
    operator.traffic(3)
    operator.turn()
    kept = json.dumps(operator.row.evidence) + repr(id_store.pairs(operator.id))
    numbers = InboxReceipt.objects.filter(operator_id=operator.id).values_list("destination", flat=True)
    assert numbers
    assert not [one for one in numbers if one in kept or one in told()]
