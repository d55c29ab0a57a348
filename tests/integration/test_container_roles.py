"""Each role by the image's entry point on real servers, without an engine: it works, tells that it lives, and stops.

What only the image has (its packages, its user, a root that cannot be written to) is tried by `make deploy-check`.
"""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ghasi.devstack.servers import Servers
from tests.support.containers import ROLES, Containers
from tests.support.platform import Platform, command
from tests.support.product import ROOT, operator


@pytest.fixture
def containers(servers: Servers, django_ready: None, tmp_path: Path) -> Iterator[Containers]:
    made = Containers(servers, tmp_path, [operator()])
    try:
        yield made
    finally:
        made.stop()


@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_every_role_works_and_ends_at_sigterm(containers: Containers, servers: Servers) -> None:
    await containers.start()
    async with await Platform.over(servers.nats_url) as platform:
        one = command(containers.operator_ids[0])
        await platform.send([one])
        await platform.until(lambda: bool(platform.final_of(one["messageId"])), what=containers.tails())
        assert [receipt["status"] for receipt in platform.receipts_of(one["messageId"])] == ["DELIVERED"]
    first = await asyncio.to_thread(run_first_message, containers)
    assert '"status":"DELIVERED"' in first.stdout, first.stderr
    await asyncio.gather(*(asyncio.to_thread(look_around, containers, role) for role in ROLES))
    for role in ROLES:
        alive = containers.health(role)
        assert (alive.returncode, alive.stdout) == (0, "ok\n"), role
    for role in ("web", "dispatch", "gateway", "receipts"):
        child = containers.children.pop(role)
        await asyncio.to_thread(child.stop)
        assert child.returncode == 0, f"{role}: {child.log_tail()}"
        gone = containers.health(role)
        assert gone.returncode == 1, role
        assert "ConnectionRefusedError" in gone.stdout
    assert containers.manage("migrate", "--check").returncode == 0
    assert containers.health("manage").returncode == 0


UNSEEN = {
    "gateway": {"PostgreSQL"},
    "dispatch": {"operators"},
    "receipts": {"operators"},
    "web": {"Redis", "operators"},
}
"""What `doctor` cannot look at with the variables of one role; what NATS syncs it is told of in none."""
OF_ITS_OWN = ("settings.", "files.", "tls.", "doctor.", "nats.permissions", "gateways.none", "workers.none")
"""Findings that would be of what the role was told, or of what runs here."""


def look_around(containers: Containers, role: str) -> None:
    """`doctor` where it is told no more than a role: it says what it could not see, and that alone is no fault. What
    other tests have left on the servers may be one (docs/commands.md, "What doctor finds")."""
    looked = containers.manage_as(role, "doctor", "--json")
    told = json.loads(looked.stdout)
    names = {one["name"] for one in told["findings"]}
    wrong = [one["name"] for one in told["findings"] if one["severity"] != "note"]
    assert (looked.returncode, told["healthy"]) == ((1, False) if wrong else (0, True)), (role, told, looked.stderr)
    unseen = {one["where"] for one in told["findings"] if one["name"].endswith(".not_looked_at")}
    assert (told["complete"], unseen) == (False, UNSEEN[role]), role
    assert "nats.sync_untold" in names, role
    own = [one for one in told["findings"] if one["name"].startswith(OF_ITS_OWN) or "unreachable" in one["name"]]
    assert own == [], role


def run_first_message(containers: Containers) -> subprocess.CompletedProcess[str]:
    """What docs/quickstart.md, "A first message" has people run, for the servers and the operator of this test."""
    text = (ROOT / "docs" / "quickstart.md").read_text(encoding="utf-8")
    (program,) = re.findall(r"<<'END'\n(.*?)\nEND$", text, re.DOTALL | re.MULTILINE)
    program, servers = re.subn(r"nats://nats:4222", containers.servers.nats_url, program)
    program, operators = re.subn(
        r'^OPERATOR = ".*"$', f'OPERATOR = "{containers.operator_ids[0]}"', program, flags=re.M
    )
    assert (servers, operators) == (1, 1)
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=60)
