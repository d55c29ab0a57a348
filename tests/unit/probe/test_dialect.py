from ghasi.probe.findings import Certainty
from ghasi.probe.infer.columns import find_columns, read_by
from ghasi.probe.infer.dialect import conclude, error_form
from ghasi.probe.infer.reading import pairs_by_content
from tests.unit.probe.build import NOW, receipt, seen, sent

CSV = "00,{done},{submit},,93701234567,TEST,DELIVRD,{id}"


def test_no_receipts_asked_for() -> None:
    found = conclude([], [sent("1"), sent("2", status=8)], ())
    assert found.certainty is Certainty.OPEN
    assert "1 receipts asked for, none came" in found.says


def test_a_receipt_like_the_model() -> None:
    found = conclude([seen(receipt("1", "stat:UNDELIV id:7"))], [], ())
    assert found.certainty is Certainty.TOLD
    assert found.value["keys"] == ["id", "sub", "dlvrd", "submit date", "done date", "stat", "err", "text"]
    assert not found.proposes


def test_columns_by_what_they_hold() -> None:
    texts = [CSV.format(id=number, submit="2609211333", done="2609211334") for number in range(70, 75)]
    rows = [seen(text, at=NOW + 100) for text in texts]
    columns = find_columns(rows, [sent(str(number)) for number in range(70, 75)])
    assert columns == ("", "done_date", "submit_date", "", "", "", "stat", "id")
    read = [read_by(each, columns) for each in rows]
    assert [each.receipt.id for each in read] == [str(number) for number in range(70, 75)]
    assert conclude(read, [], columns).proposes == {"receipts.columns": list(columns)}


def test_two_dates_that_are_always_equal_are_not_told_apart() -> None:
    rows = [seen(CSV.format(id=number, submit="2609211333", done="2609211333")) for number in range(70, 75)]
    columns = find_columns(rows, [sent(str(number)) for number in range(70, 75)])
    found = conclude([read_by(each, columns) for each in rows], [], columns)
    assert found.proposes["receipts.columns"] == ["", "", "", "", "", "", "stat", "id"]
    assert "which the done date" in found.ask


def test_receipts_that_cannot_be_used() -> None:
    found = conclude([seen("ACK/")], [], ())
    assert found.certainty is Certainty.OPEN
    assert "no_fields" in found.says


def test_error_forms() -> None:
    forms = [error_form(each) for each in (None, "", "000", "0027", "01B", "null")]
    assert forms == ["none", "empty", "3 digits", "4 digits", "hexadecimal", "word"]


def test_receipts_find_their_message_by_what_they_repeat() -> None:
    messages = [sent("1", tag="10a"), sent("2", tag="10b"), sent("3", tag="10b", status=0x58)]
    repeated, other = seen(receipt("x", "10b udh8, part 2")), seen(receipt("y", "hello"))
    assert pairs_by_content([repeated, other], messages) == [(repeated, messages[1])]
