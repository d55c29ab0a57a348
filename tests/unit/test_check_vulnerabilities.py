"""The audit of dependencies tells "vulnerable" from "could not be asked", and asks about every file of pins."""

from __future__ import annotations

import subprocess

import pytest

from tests.check_vulnerabilities import PINS, ROOT, Answer, answer_of, audit, outcome

KNOWN = "Found 2 known vulnerabilities in 1 package\nName Version ID Fix Versions\n"
ONE = "Found 1 known vulnerability in 1 package\n"
AWAY = "ERROR:pip_audit._cli:HTTPSConnectionPool(host='pypi.org', port=443): Max retries exceeded\n"
CLEAN = "No known vulnerabilities found\n"


@pytest.mark.parametrize(
    ("code", "said", "expected"),
    [
        (0, CLEAN, Answer.NOTHING_KNOWN),
        (1, KNOWN, Answer.VULNERABLE),
        (1, f"WARNING: slow\n{ONE}", Answer.VULNERABLE),
        (1, AWAY, Answer.NOT_ASKED),
        (1, "", Answer.NOT_ASKED),
        (-9, "", Answer.NOT_ASKED),
    ],
)
def test_what_pip_audit_says(code: int, said: str, expected: Answer) -> None:
    assert answer_of(code, said) is expected


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ([Answer.NOTHING_KNOWN, Answer.NOTHING_KNOWN], 0),
        ([Answer.NOTHING_KNOWN, Answer.NOT_ASKED], 3),
        ([Answer.NOT_ASKED, Answer.VULNERABLE, Answer.NOTHING_KNOWN], 1),
    ],
)
def test_the_exit_code_of_several_files(answers: list[Answer], expected: int) -> None:
    assert outcome({str(number): one for number, one in enumerate(answers)}) == expected


def test_each_file_is_asked_about_though_an_earlier_one_is_vulnerable(capsys: pytest.CaptureFixture[str]) -> None:
    asked: list[str] = []

    def ask(file: str) -> tuple[int, str]:
        asked.append(file)
        return (1, KNOWN) if len(asked) == 1 else (0, CLEAN)

    assert audit(ask) is Answer.VULNERABLE
    assert asked == list(PINS)
    told = capsys.readouterr()
    assert KNOWN.strip() in told.err
    assert told.out.splitlines()[0] == f"dependency-audit: {PINS[0]}: it has known vulnerabilities"


def test_every_file_of_pins_is_on_the_list() -> None:
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    names = {one for one in tracked.splitlines() if "requirements" in one and one.endswith((".txt", ".lock"))}
    assert names == set(PINS)
