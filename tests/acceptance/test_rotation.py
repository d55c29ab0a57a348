"""Redis' password changes while the product runs: no process is started anew, and no limit is shared out by count."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
import redis

from ghasi.devstack.servers import Servers
from tests.support.platform import Platform, command
from tests.support.product import Product, operator
from tests.support.secured import secret

LOCAL = "smpp_connector_tps_local_share{"


class Rotating(Product):
    """Its processes know a Redis of their own by a file."""

    redis_url = ""
    password = ""

    @property
    def secret_file(self) -> Path:
        return self.folder / "redis-url"

    def env(self) -> dict[str, str]:
        env = super().env()
        del env["REDIS_URL"]
        return {**env, "REDIS_URL_FILE": str(self.secret_file)}

    def admin(self) -> redis.Redis:
        return redis.Redis.from_url(self.redis_url, password=self.password or None)

    def rotate(self, *, overlap: bool) -> None:
        """As docs/operations.md tells it: both are good for a while, or the new one alone from the start."""
        old, new = self.password, secret()
        with self.admin() as client:
            if overlap:
                client.execute_command("ACL", "SETUSER", "default", f">{new}")
            else:
                client.config_set("requirepass", new)
        self.write(new)
        with self.admin() as client:
            if overlap:
                client.execute_command("ACL", "SETUSER", "default", f"<{old}")
            assert client.client_kill_filter(_type="normal", skipme=True) >= 1

    def write(self, password: str) -> None:
        self.password = password
        url = self.redis_url.replace("redis://", f"redis://:{password}@")
        self.secret_file.write_text(url + "\n", encoding="utf-8")


@pytest.fixture
async def product(
    servers: Servers, django_ready: None, own_servers: Callable[..., Servers], tmp_path: Path
) -> AsyncIterator[Rotating]:
    made = Rotating(servers, tmp_path, [operator()])
    made.redis_url = own_servers(only=["valkey"]).redis_url
    with made.admin() as client:
        first = secret()
        client.config_set("requirepass", first)
    made.write(first)
    try:
        await made.start()
        yield made
    finally:
        made.stop()


@pytest.mark.slow
@pytest.mark.timeout(240)
async def test_messages_go_on_under_each_new_password(product: Rotating) -> None:
    pids = {name: child.pid for name, child in product.children.items()}
    passwords = [product.password]
    async with await Platform.over(product.servers.nats_url) as platform:

        async def delivered() -> dict[str, Any]:
            one = command(product.operator_ids[0])
            await platform.send([one])
            await platform.until(lambda: bool(platform.final_of(one["messageId"])), what=product.tails())
            (receipt,) = platform.receipts_of(one["messageId"])
            return receipt

        assert (await delivered())["status"] == "DELIVERED"
        for overlap in (True, False):
            product.rotate(overlap=overlap)
            passwords.append(product.password)
            assert (await delivered())["status"] == "DELIVERED"
            assert json.loads(await product.http(product.http_port, "/ready"))["checks"]["redis"] == "ok"
    told = await product.http(product.worker_ports["dispatch"], "/metrics")
    assert [line for line in told.splitlines() if line.startswith(LOCAL) and not line.endswith(" 0.0")] == []
    assert pids == {name: child.pid for name, child in product.children.items()}
    logs = "".join(child.log_file.read_text(encoding="utf-8") for child in product.children.values())
    assert "tps.local_share" not in logs
    assert [one for one in passwords if one in logs or one in told] == []
