"""Servers of the fault tests' own, which they may hurt, and the table each run prints."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from ghasi.devstack.servers import Servers
from tests.faults import clock, disk, figures, memory
from tests.faults.line import Line
from tests.faults.mortal import Mortal
from tests.faults.mortal import mortal as made_mortal
from tests.faults.seed import at_least
from tests.support import servers as support

Lines = Callable[..., Any]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Tests of a larger set than the one chosen are not part of this run, nor are those this machine cannot do: the
    table says so."""
    beyond = [
        item for item in items if any(not at_least(str(mark.args[0])) for mark in item.iter_markers("fault_set"))
    ]
    beyond += _impossible([item for item in items if item not in beyond])
    if beyond:
        config.hook.pytest_deselected(items=beyond)
        items[:] = [item for item in items if item not in beyond]


def pytest_runtest_setup() -> None:
    figures.begin()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Generator[None, Any, Any]:
    """A test that fails says so in the table, whatever it had counted until then."""
    report = yield
    if report.failed and report.when != "teardown":
        figures.fail(str(name) for mark in item.iter_markers("proves") for name in mark.args)
    return report


def _impossible(items: list[pytest.Item]) -> list[pytest.Item]:
    """Tests that need what this machine does not have: a disk of their own, another time of day, a limit."""
    needs = {"needs_disk": disk.why_not, "needs_clock": clock.why_not, "needs_memory": memory.why_not}
    return [item for mark, why_not in needs.items() for item in _without(items, mark, why_not)]


def _without(items: list[pytest.Item], mark: str, why_not: Callable[[], str]) -> list[pytest.Item]:
    needy = [item for item in items if item.get_closest_marker(mark)]
    if not needy or not (reason := why_not()):
        return []
    faults = {str(name) for item in needy for one in item.iter_markers(mark) for name in one.args}
    figures.write(figures.Figures(fault, runs=0, not_run=reason) for fault in sorted(faults))
    return needy


@pytest.fixture(scope="session")
def plant(request: pytest.FixtureRequest) -> Iterator[Servers]:
    """NATS, PostgreSQL and Valkey for the fault tests, migrated."""
    started = Servers.start(support.new_run_dir())
    try:
        migrate(started)
        yield started
    finally:
        support.keep_logs(started.run, request.session)
        started.discard()


def migrate(servers: Servers) -> None:
    """Brings a server's database up to date, in a process of its own."""
    root = Path(__file__).resolve().parents[2]
    env = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    subprocess.run(
        [sys.executable, "manage.py", "migrate", "--verbosity", "0"],
        cwd=root,
        env=env | servers.env() | {"DJANGO_SETTINGS_MODULE": "ghasi.settings", "OPERATOR_IDS": ""},
        check=True,
        timeout=90,
    )


@pytest.fixture
def mortal(request: pytest.FixtureRequest) -> Iterator[Mortal]:
    """Servers of which one, named by the parameter, has a disk of its own."""
    with made_mortal(request.param, request.session) as made:
        migrate(made.servers)
        yield made


@pytest.fixture
async def lines(plant: Servers, tmp_path: Path) -> AsyncIterator[Lines]:
    """Makes and starts lines that end with the test: `await lines(window=10)`."""
    async with AsyncExitStack() as undo:

        async def start(servers: Servers | None = None, **settings: Any) -> Line:
            folder = Path(tempfile.mkdtemp(prefix="line-", dir=tmp_path))
            line = Line(servers or plant, folder, **settings)
            undo.push_async_callback(line.shut)
            await line.start()
            return line

        yield start
