"""Every command of ours has the common form, and docs/commands.md says what it is."""

from __future__ import annotations

import argparse
import re

import pytest
from django.core.management import get_commands, load_command_class
from django.core.management.base import BaseCommand

from ghasi.doctor.findings import RULES
from tests.support.product import ROOT

DOCUMENT = ROOT / "docs" / "commands.md"
RUN_UNTIL_ENDED = {"demo", "up", "simulate", "operator_management"}
CHANGE_NOTHING = {"sessions", "trace", "where", "doctor", "segment", "receipt", "pdu", "asyncapi"}
_CODE = re.compile(r"(?:: |, )(\d+) ")


def ours() -> dict[str, str]:
    apps = {name: app if isinstance(app, str) else app.name for name, app in get_commands().items()}
    return {name: app for name, app in apps.items() if app.startswith("ghasi")}


def options(parser: argparse.ArgumentParser) -> set[str]:
    """Of its subcommands too."""
    found: set[str] = set()
    for action in parser._actions:
        found |= set(action.option_strings)
        if isinstance(action, argparse._SubParsersAction):
            for one in action.choices.values():
                found |= options(one)
    return found


def made(name: str) -> tuple[BaseCommand, set[str]]:
    command = load_command_class(ours()[name], name)
    return command, options(command.create_parser("manage.py", name))


def rows(heading: str) -> list[list[str]]:
    """The cells of the table whose head begins so."""
    lines = iter(DOCUMENT.read_text(encoding="utf-8").splitlines())
    for line in lines:
        if line.startswith(f"| {heading} |"):
            next(lines)
            break
    found: list[list[str]] = []
    for line in lines:
        if not line.startswith("|"):
            return found
        found.append([cell.strip() for cell in line.strip("|").split(" | ")])
    return found


@pytest.fixture(scope="module")
def table() -> dict[str, list[str]]:
    return {cells[0].strip(" `"): cells for cells in rows("command")}


def test_the_table_has_every_command_and_no_other(table: dict[str, list[str]]) -> None:
    assert set(table) == set(ours())
    assert len(rows("command")) == len(table)


@pytest.mark.parametrize("name", ours())
def test_it_has_the_common_form_and_its_row_says_so(table: dict[str, list[str]], name: str) -> None:
    command, found = made(name)
    assert "Exit codes: " in command.help
    codes = _CODE.findall(command.help[command.help.index("Exit codes") + 10 :])
    assert ("--json" in found) is (name not in RUN_UNTIL_ENDED)
    assert ("--dry-run" in found) is (name not in RUN_UNTIL_ENDED | CHANGE_NOTHING)
    yes = {True: "yes", False: "–"}
    assert table[name][2:5] == [yes["--json" in found], yes["--dry-run" in found], ", ".join(codes)]


@pytest.mark.parametrize("name", ours())
def test_its_help_can_be_read(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        load_command_class(ours()[name], name).run_from_argv(["manage.py", name, "--help"])
    assert ended.value.code == 0
    assert capsys.readouterr().out.startswith("usage:")


def test_what_the_doctor_finds_stands_in_the_document() -> None:
    told = {cells[0].strip("`"): cells[1:] for cells in rows("finding")}
    assert told == {name: [rule.severity.value, rule.cure] for name, rule in RULES.items()}
