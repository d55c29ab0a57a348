"""Asking, progress and the end at Ctrl-C, as commands share them."""

from __future__ import annotations

import io
import os
import signal

import pytest
from django.core.management.base import CommandError

from ghasi.management.exits import EXIT_USAGE
from ghasi.management.person import agreed, counted, interruptible, progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("answer", "agrees"), [("y\n", True), (" YES \n", True), ("n\n", False), ("", False)])
def test_a_person_is_asked_at_a_terminal(answer: str, agrees: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", Terminal(answer))
    assert agreed("Send 3 again?", yes=False) is agrees


def test_where_nobody_can_be_asked_yes_must_be_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))
    with pytest.raises(CommandError) as refused:
        agreed("Send 3 again?", yes=False)
    assert refused.value.returncode == EXIT_USAGE
    assert agreed("Send 3 again?", yes=True)


def test_one_of_a_thing_is_not_many() -> None:
    assert [counted(number, "part") for number in (0, 1, 2)] == ["0 parts", "1 part", "2 parts"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_asks_to_stop_and_what_was_before_comes_back(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    with interruptible() as stop:
        assert not stop()
        os.kill(os.getpid(), number)
        assert stop()
        assert signal.getsignal(number) is before, "a second one is not held back"
    assert signal.getsignal(number) is before


def test_elsewhere_than_on_a_terminal_progress_is_lines(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("ghasi.management.person.LINE_EVERY", 0.0)
    with progress("replayed") as tell:
        tell(1, 20)
    with progress("replayed", quiet=True) as tell:
        tell(1, 20)
    told = capsys.readouterr()
    assert (told.out, told.err) == ("", "replayed: 1 of 20\n")


def test_on_a_terminal_it_is_a_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Terminal()
    monkeypatch.setattr("sys.stderr", screen)
    monkeypatch.setenv("TERM", "xterm")
    with progress("replayed") as tell:
        tell(7, 20)
    assert "7/20" in screen.getvalue()
