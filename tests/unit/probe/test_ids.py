import pytest

from ghasi.probe.findings import Certainty
from ghasi.probe.infer.ids import conclude
from ghasi.smpp.tlv import Tag, Tlv
from tests.unit.probe.build import receipt, seen, sent

FEW = range(100_234, 100_238)
ENOUGH = range(100_234, 100_258)
FORMS = [
    ("d", "d", "text", "text"),
    ("x", "X", "text", "text"),
    ("x", "012d", "hex", "hex>dec"),
    ("d", "x", "dec", "dec>hex"),
    ("012d", "010x", "dec", "dec>hex"),
]


def verdict(responses: list[str], receipts: list[str], *, quoting: int = 0):
    """Of so many receipts it is known by their text which message they are about."""
    messages, arrived = [sent(each) for each in responses], [seen(receipt(each)) for each in receipts]
    return conclude(arrived, messages, list(zip(arrived, messages, strict=False))[:quoting])


@pytest.mark.parametrize(("response", "answered", "base", "relation"), FORMS)
def test_the_base_is_told(response: str, answered: str, base: str, relation: str) -> None:
    found = verdict([f"{each:{response}}" for each in ENOUGH], [f"{each:{answered}}" for each in ENOUGH], quoting=3)
    assert (found.certainty, found.value) == (Certainty.TOLD, {"relation": relation})
    assert found.proposes == {"receipts.idBase": base, "receipts.idCut": ""}
    assert found.evidence[0] == "24 messages with receipts, 3 of them known by more than the id"
    assert not found.ask


@pytest.mark.parametrize(("response", "answered", "base", "relation"), FORMS)
def test_few_ids_propose_and_say_what_is_missing(response: str, answered: str, base: str, relation: str) -> None:
    found = verdict([f"{each:{response}}" for each in FEW], [f"{each:{answered}}" for each in FEW], quoting=4)
    assert (found.certainty, found.value) == (Certainty.BOUNDED, {"relation": relation})
    assert found.proposes["receipts.idBase"] == base
    assert "4 ids show it, 20 would make it certain" in found.says
    assert "not certain: too few pairs" in found.evidence
    assert found.ask


@pytest.mark.parametrize(
    ("quoting", "words"), [(0, "no receipt says which message it is about"), (2, "only 2 receipts say which message")]
)
def test_ids_alone_are_not_certain(quoting: int, words: str) -> None:
    """Of ids that follow one another each is found by a wrong relation too."""
    numbers = [str(each) for each in ENOUGH]
    found = verdict(numbers, numbers, quoting=quoting)
    assert found.certainty is Certainty.BOUNDED
    assert words in found.says
    assert found.proposes


def test_ids_that_are_no_numbers_are_the_same_in_any_base() -> None:
    uuids = [f"0e999f21-0000-4000-8000-0000000000{each:02}" for each in range(24)]
    found = verdict(uuids, [each.upper() for each in uuids], quoting=24)
    assert (found.certainty, found.value) == (Certainty.TOLD, {"relation": "text"})


@pytest.mark.parametrize(
    ("receipts", "proposes"),
    [
        ([f"{each}@smsc1" for each in FEW], {"receipts.idCut": "@smsc1"}),
        ([f"{each}@{each % 7}" for each in FEW], {"receipts.idCut": "@"}),
        ([f"{each}@smsc.example.net" for each in FEW], {"receipts.idCut": "@smsc.ex"}),
        ([f"SMSC-{each}" for each in FEW], {"receipts.idCut": "", "receipts.idPrefix": "SMSC-"}),
    ],
)
def test_what_stands_around_an_id_becomes_a_rule(receipts: list[str], proposes: dict[str, str]) -> None:
    found = verdict([str(each) for each in FEW], receipts)
    assert found.proposes == {"receipts.idBase": "text"} | proposes


def test_what_no_rule_can_say_is_left_to_learning() -> None:
    found = verdict([str(each) for each in FEW], [f"{each % 5}-{each}" for each in FEW])
    assert found.value == {"relation": "cut-to:-"}
    assert not found.proposes
    assert any("manage.py ids" in each for each in found.evidence)


def test_a_receipt_may_name_its_message_twice() -> None:
    """Once as it was given, in a parameter, and once in decimal: the parameter does without a rule."""
    arrived = [
        seen(receipt(str(each)), tlvs=(Tlv(Tag.RECEIPTED_MESSAGE_ID, f"{each:x}".encode() + b"\0"),)) for each in FEW
    ]
    found = conclude(arrived, [sent(f"{each:x}") for each in FEW], [])
    assert found.proposes["receipts.idBase"] == "text"


@pytest.mark.parametrize(
    ("responses", "receipts"),
    [
        (["100234"], ["100234"]),
        (["1", "2", "3", "4"], ["1", "2", "3", "4"]),
        (["100234", "100235", "100236"], ["7", "8", "9"]),
        (["100234", "100235", "100236"], []),
        (["100234", "100234", "100236"], ["100234", "100234x", "100236"]),
    ],
)
def test_what_cannot_be_told_stays_open(responses: list[str], receipts: list[str]) -> None:
    found = verdict(responses, receipts)
    assert found.certainty is Certainty.OPEN
    assert found.ask
    assert not found.proposes


def test_a_receipt_that_quotes_its_message_contradicts_a_wrong_relation() -> None:
    """Ids handed on by one: by the digits each receipt would find a message, but not its own."""
    messages = [sent(str(each), tag=f"1{each % 10}") for each in (500, 501, 502, 503)]
    shifted = [seen(receipt(str(each), f"1{(each + 1) % 10} text")) for each in (500, 501, 502)]
    known = [(one, messages[number + 1]) for number, one in enumerate(shifted)]
    assert conclude(shifted, messages, known).certainty is Certainty.OPEN
    assert conclude(shifted, messages, []).certainty is Certainty.BOUNDED
