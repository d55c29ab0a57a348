import pytest

from ghasi.simulator.rules import FAULT_HELP, WHEN_HELP, Faults, Rule, pattern, status_code


@pytest.mark.parametrize(
    ("text", "value", "holds"),
    [
        ("93700", "93700", True),
        ("93700", "937001", False),
        ("9370*", "937001", True),
        ("9370?", "93701", True),
        ("9370?", "937011", False),
        ("*404", "93700404", True),
        ("/40[45]$/", "93700405", True),
        ("/40[45]$/", "93700406", False),
        ("/", "/", True),
    ],
)
def test_pattern(text: str, value: str, holds: bool) -> None:
    assert pattern(text)(value) is holds


def test_status_by_name_and_number() -> None:
    assert status_code("ESME_RTHROTTLED") == status_code(0x58) == 0x58
    assert status_code(0x404) == 0x404


@pytest.mark.parametrize("status", ["ESME_NONE", -1, 1 << 32])
def test_no_status(status: int | str) -> None:
    with pytest.raises(ValueError, match="is no command_status"):
        status_code(status)


def test_every_fault_and_condition_is_documented() -> None:
    conditions = {word for row in WHEN_HELP for word in row.split(", ")}
    assert set(FAULT_HELP) == set(Faults.__struct_encode_fields__)
    assert conditions == set(Rule.__struct_encode_fields__) - set(FAULT_HELP)
