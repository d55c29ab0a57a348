"""The whole stack: its processes answer, come back after a crash, and use servers that are given to them."""

import os
import signal
import time
import urllib.request
from collections.abc import Callable

import nats
import pytest

from ghasi.contracts import subjects
from ghasi.devstack.servers import Servers
from ghasi.devstack.stack import Stack


def wait_until(true: Callable[[], bool], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "did not come true"
        time.sleep(0.1)


def test_every_operator_is_bound(stack: Stack) -> None:
    states = {session["operatorId"]: session["state"] for session in stack.sessions()}
    assert states == dict.fromkeys(stack.operator_ids, "BOUND")


def test_every_process_shows_metrics(stack: Stack) -> None:
    def shows(url: str) -> bool:
        """A pool's page is empty until its first lane has counted something."""
        with urllib.request.urlopen(url) as page:
            return b"# HELP" in page.read()

    for url in stack.metrics_urls.values():
        wait_until(lambda url=url: shows(url))


def test_secrets_are_files_and_not_arguments_or_variables(stack: Stack) -> None:
    environment = stack.env()
    assert stack.settled.token not in environment.values()
    assert "INTERNAL_SERVICE_TOKEN" not in environment
    assert "DJANGO_SECRET_KEY" not in environment


@pytest.mark.slow
def test_processes_that_are_killed_come_back(own_stack: Callable[..., Stack]) -> None:
    own = own_stack(web=False)
    own.await_bound()
    for name in ("gateway", "dispatch", "receipts"):
        os.kill(own.supervisor.child(name).pid, signal.SIGKILL)
        wait_until(lambda name=name: own.supervisor.restarts(name) == 1)
    own.await_bound(timeout=60.0)


@pytest.mark.slow
async def test_servers_that_are_given_are_used(
    own_servers: Callable[..., Servers], own_stack: Callable[..., Stack]
) -> None:
    # Asked for before the stack, so that they outlive it.
    given = own_servers()
    own = own_stack(web=False, given=given.env())
    own.await_bound()
    assert not own.servers.nats.running
    assert not own.servers.postgres.running
    client = await nats.connect(given.nats_url)
    assert (await client.jetstream().stream_info(subjects.SMS_DISPATCH)).config.name == subjects.SMS_DISPATCH
    await client.close()
