"""Fixtures shared by all tests. Only a test that asks for a server starts one; one that does not start fails it.

The run's servers are shared: tests keep apart by using operator ids of their own. A test that hurts a server
takes its own through `own_servers`, one that needs every process of the product through `stack` or `own_stack`.
The logs of a run with failures are kept in `.run/failed`.
"""

import signal
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from tests.support import servers as support

support.scrub_environment()
support.set_environment()

from ghasi.devstack.servers import Servers  # noqa: E402 - the environment comes first
from ghasi.devstack.stack import Options, Stack  # noqa: E402
from tests.faults import summary  # noqa: E402

# A busy machine is no reason to fail: what is checked is the property, not the speed of drawing examples.
settings.register_profile("run", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True)
settings.load_profile("run")

# A run that a shell started in the background ignores interrupts, and so would the children that tests interrupt.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def _set_up_django() -> BaseException | None:
    """Load the apps, so that test modules can import models; what went wrong is told by `django_ready`."""
    try:
        import django

        django.setup()
    except Exception as error:
        return error
    return None


_django_error = _set_up_django()


@pytest.fixture(scope="session")
def servers(request: pytest.FixtureRequest) -> Iterator[Servers]:
    """NATS, PostgreSQL and Valkey of this test run."""
    started = Servers.start(support.new_run_dir(), endpoints=support.ENDPOINTS)
    try:
        yield started
    finally:
        support.keep_logs(started.run, request.session)
        started.discard()


@pytest.fixture(scope="session")
def nats_url(servers: Servers) -> str:
    """Address of the run's NATS server."""
    return servers.nats_url


@pytest.fixture(scope="session")
def database_url(servers: Servers) -> str:
    """Address of the run's database; nothing is migrated yet (see `django_ready`)."""
    return servers.database_url


@pytest.fixture(scope="session")
def redis_url(servers: Servers) -> str:
    """Address of the run's Valkey."""
    return servers.redis_url


@pytest.fixture(scope="session")
def django_ready(database_url: str) -> Iterator[None]:
    """Django set up and the run's database migrated."""
    if _django_error is not None:
        raise _django_error
    from django.core.management import call_command
    from django.db import connections

    call_command("migrate", verbosity=0, interactive=False)
    yield
    connections.close_all()


@pytest.fixture
def own_servers(request: pytest.FixtureRequest) -> Iterator[Callable[..., Servers]]:
    """Start servers for one test alone, to be killed at will: `own_servers(only=["nats"])`."""
    with ExitStack() as undo:

        def start(*, only: Iterable[str] | None = None) -> Servers:
            started = Servers.start(support.new_run_dir(), only=only)
            undo.callback(started.discard)
            undo.callback(support.keep_logs, started.run, request.session)
            return started

        yield start


@pytest.fixture
def own_stack(request: pytest.FixtureRequest) -> Iterator[Callable[..., Stack]]:
    """Start the whole product for one test alone: `own_stack(scenario=path, dispatch_processes=2)`.

    The keywords are the fields of `Options`. Operators may not be bound yet: see `Stack.await_bound`.
    """
    with ExitStack() as undo:

        def start(**options: Any) -> Stack:
            started = Stack.start(support.new_run_dir(), Options(**options))
            undo.callback(started.discard)
            undo.callback(support.keep_logs, started.servers.run, request.session)
            return started

        yield start


@pytest.fixture(scope="session")
def stack(request: pytest.FixtureRequest) -> Iterator[Stack]:
    """The whole product with the demo's three operators bound, on servers of its own; shared by the run."""
    started = Stack.start(support.new_run_dir(), Options())
    try:
        started.await_bound()
        yield started
    finally:
        support.keep_logs(started.servers.run, request.session)
        started.discard()


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--smsc`: what the acceptance tests send to (tests/support/peers.py)."""
    parser.addoption("--smsc", default="simulator", help="SMSCs of the acceptance tests: simulator,smpp34,node,perl")


def pytest_report_header() -> str:
    return summary.header()


def pytest_terminal_summary(terminalreporter: Any) -> None:
    summary.table(terminalreporter)
