"""Real pages in a real browser: Chromium on the admin of a whole stack with two operators.

Run by `make browser`, which needs Chromium; `make test` leaves this folder out. The database of the stack is the one
the test process knows, so that a test may make users and rows by the ORM. SCREENSHOTS=1 writes docs/images.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from ghasi.devstack.stack import ADMIN, Options, Stack
from tests.browser import chromium
from tests.browser.chromium import Browser
from tests.support import servers as support
from tests.support.platform import Platform

if TYPE_CHECKING:
    from django.contrib.auth.models import User
    from selenium.webdriver import Chrome

SCENARIO = Path(__file__).with_name("operators.yaml")
Login = tuple[str, str]


@pytest.fixture(scope="session")
def stack(request: pytest.FixtureRequest) -> Iterator[Stack]:
    """Every process of the product, both operators bound."""
    options = Options(scenario=SCENARIO, endpoints=support.ENDPOINTS)
    started = Stack.start(support.new_run_dir(), options)
    try:
        started.await_bound()
        yield started
    finally:
        from django.db import connections

        connections.close_all()
        support.keep_logs(started.servers.run, request.session)
        started.discard()


@pytest.fixture(scope="session")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrome]:
    """One Chromium for the run."""
    started = chromium.start(tmp_path_factory.mktemp("chromium"))
    yield started
    started.quit()


@pytest.fixture
def visitor(driver: Chrome, stack: Stack) -> Browser:
    """A browser where nobody is logged in."""
    browser = Browser(driver, stack.admin_url.removesuffix("/admin/"))
    browser.fresh()
    return browser


@pytest.fixture
def browser(visitor: Browser, stack: Stack) -> Browser:
    """The superuser is logged in, on the first page."""
    visitor.log_in(ADMIN, stack.admin_password)
    return visitor


@pytest.fixture
def login(stack: Stack) -> Iterator[Callable[..., Login]]:
    """Makes staff with permissions by codename, `login("view_operator")`; gives name and password."""
    from django.contrib.auth.models import Permission, User

    made: list[User] = []

    def make(*permissions: str) -> Login:
        name, password = f"staff-{uuid4().hex[:8]}", secrets.token_urlsafe(12)
        user = User.objects.create_user(name, password=password, is_staff=True)
        user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
        made.append(user)
        return name, password

    yield make
    for user in made:
        user.delete()


@pytest.fixture(scope="session")
def send(stack: Stack) -> Callable[[list[dict[str, Any]]], None]:
    """Publishes commands (`tests.support.platform.command`) as the orchestrator does."""

    def publish(commands: list[dict[str, Any]]) -> None:
        asyncio.run(_publish(stack.servers.nats_url, commands))

    return publish


async def _publish(nats_url: str, commands: list[dict[str, Any]]) -> None:
    async with await Platform.over(nats_url, listen=False) as platform:
        await platform.send(commands)
