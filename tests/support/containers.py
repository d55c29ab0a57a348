"""The product with every process started by the image's entry point, for tests."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ghasi.devstack.child import Account, Child
from ghasi.devstack.ports import free_port
from ghasi.devstack.servers import Servers
from tests.support.product import ROOT, TOKEN, Product

ENTRY = (sys.executable, "-m", "ghasi.container")
ROLES = ("gateway", "dispatch", "receipts", "web")
_MANAGEMENT = ("OPERATOR_MGMT_URL", "INTERNAL_SERVICE_TOKEN_FILE")
NOT_TOLD = {
    "gateway": ("DATABASE_URL_FILE", "DJANGO_SECRET_KEY_FILE"),
    "dispatch": (*_MANAGEMENT, "DJANGO_SECRET_KEY_FILE"),
    "receipts": (*_MANAGEMENT, "DJANGO_SECRET_KEY_FILE"),
    "web": (*_MANAGEMENT, "OPERATOR_IDS", "REDIS_URL_FILE"),
}
"""Of the variables that all of them here have together: those that docker/compose.yml does not give a role."""


@dataclass(frozen=True, slots=True)
class Image:
    """How a role is started: the entry point, where the code is, who runs it."""

    entry: tuple[str, ...] = ENTRY
    python: str = sys.executable
    code: Path = ROOT
    account: Account | None = None


class Containers(Product):
    """As `Product`, and the admin; secrets come from files, each role has a temporary folder of its own."""

    def __init__(
        self, servers: Servers, folder: Path, operators: Sequence[dict[str, Any]], image: Image | None = None
    ) -> None:
        super().__init__(servers, folder, operators)
        self.image = image or Image()
        self.web_port = free_port()
        folder.chmod(0o755)
        self._secrets = folder / "secrets"
        self._secrets.mkdir()

    def env(self) -> dict[str, str]:
        """The names of docs/contract.md §12 and what the image sets, nothing else of the caller's."""
        plain = super().env()
        secret = {name: plain.pop(name) for name in ("DATABASE_URL", "REDIS_URL", "DJANGO_SECRET_KEY")}
        del plain["INTERNAL_SERVICE_TOKEN"]
        files = {f"{name}_FILE": self._secret(name, value) for name, value in secret.items()}
        return {
            **plain,
            **files,
            "INTERNAL_SERVICE_TOKEN_FILE": self._secret("INTERNAL_SERVICE_TOKEN", TOKEN),
            "PYTHONPATH": str(self.image.code),
            "PYTHONDONTWRITEBYTECODE": "1",
        }

    async def start(self) -> None:
        """Raises AssertionError where a role is not ready in time."""
        await super().start()
        self.run_role("web", "--bind", f"127.0.0.1:{self.web_port}")
        await self.http(self.web_port, "/healthz")

    def run_gateway(self, **env: str) -> Child:
        return self.run_role("gateway", HTTP_PORT=str(self.http_port), GATEWAY_REPLICA="gateway-1", **env)

    def run_pool(self, pool: str, processes: int, threads: int) -> Child:
        arguments = ("--processes", str(processes), "--threads", str(threads))
        return self.run_role(pool, *arguments, WORKER_HTTP_PORT=str(self.worker_ports[pool]))

    def run_role(self, role: str, *arguments: str, **env: str) -> Child:
        """The container of a role, but for its walls."""
        child = Child(
            f"{self.tag}-{role}",
            [*self.image.entry, role, *arguments],
            run=self.servers.run,
            env={**self.env(), "TMPDIR": str(self.temp(role)), **env},
            cwd=self.image.code,
            account=self.image.account,
            stop_timeout=45.0,
        )
        child.start()
        self.children[role] = child
        return child

    def manage(self, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
        """The role that ends by itself."""
        return self._ask([*self.image.entry, "manage", *arguments], {"TMPDIR": str(self.temp("manage")), **env})

    def manage_as(self, role: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """The role that ends by itself, told only what another role is told."""
        temp = {"TMPDIR": str(self.temp(f"manage-as-{role}"))}
        return self._ask([*self.image.entry, "manage", *arguments], temp, without=NOT_TOLD[role])

    def health(self, role: str) -> subprocess.CompletedProcess[str]:
        """The image's HEALTHCHECK as the engine would run it in that role's container."""
        return self._ask([self.image.python, "-m", "ghasi.container.health"], {"TMPDIR": str(self.temp(role))})

    def temp(self, role: str) -> Path:
        """What is /tmp to a role."""
        path = self.folder / f"tmp-{role}"
        if not path.exists():
            path.mkdir()
            path.chmod(0o1777)
        return path

    def stop(self) -> None:
        if "web" in self.children:
            self.children.pop("web").stop()
        super().stop()

    def _ask(
        self, argv: list[str], env: dict[str, str], without: Sequence[str] = ()
    ) -> subprocess.CompletedProcess[str]:
        account = self.image.account
        owner = {"user": account.uid, "group": account.gid} if account else {}
        return subprocess.run(
            argv,
            env={name: value for name, value in {**self.env(), **env}.items() if name not in without},
            cwd=self.image.code,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
            **owner,  # type: ignore[call-overload]
        )

    def _secret(self, name: str, value: str) -> str:
        path = self._secrets / name
        path.write_text(value)
        path.chmod(0o600)
        if self.image.account:
            os.chown(path, self.image.account.uid, self.image.account.gid)
        return str(path)
