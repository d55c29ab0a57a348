"""docs/tutorial.md, done exactly as it is written, in a copy of the checkout, against the stack it starts itself."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.browser.chromium import ROOT, Browser
from tests.browser.tutorial_admin import ADDRESS, PASSWORD, Admin
from tests.browser.tutorial_shell import Shell, Up
from tests.browser.tutorial_text import Command, Deed, Step, said_in_order, steps

if TYPE_CHECKING:
    from selenium.webdriver import Chrome

TUTORIAL = ROOT / "docs" / "tutorial.md"
NOT_CLONED = shutil.ignore_patterns(".git", ".run", ".venv", ".*_cache", "__pycache__", "node_modules", "site")
INTERRUPTED = -signal.SIGINT
"""make ends what it runs, then itself by the same signal."""


@pytest.fixture
def checkout(request: pytest.FixtureRequest) -> Iterator[Path]:
    """A copy as a clone would be, with our virtual environment: a stack that runs in the checkout is left alone."""
    folder = Path(tempfile.mkdtemp(prefix="tutorial-"))
    copy = folder / "smpp-connector"
    shutil.copytree(ROOT, copy, ignore=NOT_CLONED, symlinks=True)
    (copy / ".venv").symlink_to((ROOT / ".venv").resolve())
    # Older than the environment, which is there already and is not ours to change.
    os.utime(copy / "requirements-dev.txt", (0, 0))
    yield copy
    logs = copy / ".run" / "up" / "logs"
    if request.session.testsfailed and logs.exists():
        shutil.copytree(logs, ROOT / ".run" / "failed" / folder.name, dirs_exist_ok=True)
    subprocess.run([sys.executable, "-B", "-m", "ghasi.devstack.clean"], cwd=copy, check=True)
    shutil.rmtree(folder)


class Reader:
    """Somebody who follows the tutorial."""

    def __init__(self, checkout: Path, driver: Chrome, ends: ExitStack) -> None:
        self.checkout = checkout
        self.driver = driver
        self._ends = ends
        self.shell = ends.enter_context(Shell(checkout))
        self.up: Up | None = None
        self._admin: Admin | None = None

    def follow(self, step: Step) -> None:
        if isinstance(step, Command):
            self._run(step)
        elif isinstance(step, Deed):
            self.admin.do(step)
        else:
            self.admin.browser.shoot(step.name)

    @property
    def admin(self) -> Admin:
        assert self.up, "nothing is started yet"
        if self._admin is None:
            address, password = self.up.login
            browser = Browser(self.driver, address.removesuffix("/admin/"))
            browser.fresh()
            self._admin = Admin(browser, {ADDRESS: address, PASSWORD: password})
        return self._admin

    def _run(self, command: Command) -> None:
        if command.text.startswith("make up "):
            self.up = self._ends.enter_context(Up(command.text, self.checkout))
            missing, said = self.up.await_said(command.says), self.up.said
        else:
            said, code = self.shell.run(command.text)
            assert code == command.exit_code, said
            missing = said_in_order(said, command.says)
        assert missing is None, f"{missing!r} is not in what it said:\n{said}"


@pytest.mark.timeout(600)
def test_the_tutorial_does_what_it_says(checkout: Path, driver: Chrome) -> None:
    with ExitStack() as ends:
        reader = Reader(checkout, driver, ends)
        for step in steps(TUTORIAL):
            began = time.monotonic()
            try:
                reader.follow(step)
            except Exception as error:
                raise AssertionError(f"docs/tutorial.md, line {step.line}: {step}") from error
            print(f"line {step.line}: {time.monotonic() - began:.1f} s")
        assert reader.admin.browser.complaints() == []
        assert reader.up
        assert reader.up.interrupt() == INTERRUPTED
    assert not (checkout / ".run" / "up" / "env").exists()
