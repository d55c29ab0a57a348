"""The product as docs/security.md wants it run: a NATS user per role under docker/nats, TLS, a Redis with a password,
every secret in a file of its own."""

from __future__ import annotations

import secrets
import shutil
import socket
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import redis
import trustme
import yaml

from ghasi.bus import BusSettings
from ghasi.devstack import binaries
from ghasi.devstack.child import Child
from ghasi.devstack.ports import free_port
from ghasi.devstack.server import plain_env
from ghasi.devstack.servers import Servers
from ghasi.env import Env
from tests.support.product import ROOT, Product

ROLES = ("gateway", "dispatch", "receipts", "web", "provision", "orchestrator", "probe", "operations")
DOCKER_NATS = ROOT / "docker" / "nats"


def secret(length: int = 24) -> str:
    """Letters and digits that stand nowhere else."""
    return secrets.token_hex(length)[:length]


class RoleNats:
    """nats-server under docker/nats/nats.conf; only addresses and paths are changed."""

    config = "nats.conf"

    def __init__(
        self,
        servers: Servers,
        folder: Path,
        *,
        authority: trustme.CA | None = None,
        passwords: dict[str, str] | None = None,
    ) -> None:
        """`authority` and `passwords` are those of another server, where several are one."""
        self.folder = folder / "nats"
        self.folder.mkdir(parents=True)
        self.port, self.monitor = free_port(), free_port()
        self.passwords = passwords or {role: secret() for role in ROLES}
        self.authority = authority or trustme.CA()
        self.ca, self.cert, self.key = self.certificates(self.authority, self.folder)
        self._write()
        argv = [str(binaries.nats_server()), "--config", str(self.folder / self.config)]
        self.child = Child(self.name, argv, run=servers.run, env={**plain_env(), **self.server_env()})

    @property
    def name(self) -> str:
        """Of its process and log."""
        return "role-nats"

    def server_env(self) -> dict[str, str]:
        """What its configuration reads from the environment."""
        return {}

    @property
    def url(self) -> str:
        return f"tls://127.0.0.1:{self.port}"

    @staticmethod
    def certificates(authority: trustme.CA, folder: Path) -> tuple[Path, Path, Path]:
        """The authority's certificate, and one for 127.0.0.1 with its key: as files."""
        ca, cert, key = (folder / name for name in ("ca.crt", "tls.crt", "tls.key"))
        authority.cert_pem.write_to_path(ca)
        issued = authority.issue_cert("127.0.0.1", "localhost")
        issued.private_key_pem.write_to_path(key)
        key.chmod(0o600)
        issued.cert_chain_pems[0].write_to_path(cert)
        return ca, cert, key

    def changed(self) -> dict[str, str]:
        """What of the sample is another text here."""
        return {
            "0.0.0.0:4222": f"127.0.0.1:{self.port}",
            "0.0.0.0:8222": f"127.0.0.1:{self.monitor}",
            "/etc/nats/tls/": f"{self.folder}/",
            "/var/lib/nats": str(self.folder / "store"),
            "100G": "4G",
        }

    def _write(self) -> None:
        shutil.copy(DOCKER_NATS / "roles.conf", self.folder)
        self.write_passwords()
        text = (DOCKER_NATS / self.config).read_text(encoding="utf-8")
        for old, new in self.changed().items():
            assert old in text, f"docker/nats/{self.config} has no {old} any more"
            text = text.replace(old, new)
        (self.folder / self.config).write_text(text, encoding="utf-8")

    def write_passwords(self) -> None:
        """passwords.conf, with every name of the example."""
        lines = (DOCKER_NATS / "passwords.conf.example").read_text(encoding="utf-8").splitlines()
        names = [line.partition(":")[0] for line in lines if line and not line.startswith("#")]
        assert {name.removesuffix("_PASSWORD").lower() for name in names} == set(ROLES)
        written = [f'{name}: "{self.passwords[name.removesuffix("_PASSWORD").lower()]}"' for name in names]
        (self.folder / "passwords.conf").write_text("\n".join(written), encoding="utf-8")

    def start(self) -> None:
        self.child.start()
        while not self._greets():
            assert self.child.running, self.child.log_tail()
            time.sleep(0.02)

    def _greets(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1.0) as connection:
                return b'"tls_required":true' in connection.recv(4096)
        except OSError:
            return False

    def stop(self) -> None:
        self.child.stop()

    def settings(self, role: str) -> BusSettings:
        """Of a client of that role in this process."""
        return BusSettings.from_env(Env(self.env(role)))

    def env(self, role: str) -> dict[str, str]:
        """What a process of that role is given; its password is in a file."""
        password = self.folder / f"{role}.password"
        password.write_text(self.passwords[role], encoding="utf-8")
        password.chmod(0o600)
        return {
            "NATS_URL": self.url,
            "NATS_USER": role,
            "NATS_PASSWORD_FILE": str(password),
            "NATS_INBOX_PREFIX": f"_INBOX.{role}",
            "NATS_TLS_CA": str(self.ca),
            "NATS_TLS_CERT": str(self.cert),
            "NATS_TLS_KEY": str(self.key),
        }


class SecuredProduct(Product):
    """Product on `RoleNats`; `run` gives each process the role that its name says."""

    def __init__(
        self, servers: Servers, nats: RoleNats, folder: Path, operators: Sequence[dict[str, Any]], **options: Any
    ) -> None:
        super().__init__(servers, folder, operators, **options)
        self.nats = nats
        self.web_port = free_port()
        self.token = secret()
        self.django_key = secret(50)
        self.redis_password = secret()
        with redis.Redis.from_url(servers.redis_url) as client:
            client.config_set("requirepass", self.redis_password)

    def _file(self, name: str, content: str) -> str:
        path = self.folder / name
        path.write_text(content + "\n", encoding="utf-8")
        path.chmod(0o600)
        return str(path)

    def env(self) -> dict[str, str]:
        """No secret in it but by the path of its file."""
        env = super().env()
        for name in ("INTERNAL_SERVICE_TOKEN", "DJANGO_SECRET_KEY", "DATABASE_URL", "REDIS_URL", "NATS_URL"):
            del env[name]
        redis_url = self.servers.redis_url.replace("redis://", f"redis://:{self.redis_password}@")
        return env | {
            "INTERNAL_SERVICE_TOKEN_FILE": self._file("token", self.token),
            "DJANGO_SECRET_KEY_FILE": self._file("django-key", self.django_key),
            "DATABASE_URL_FILE": self._file("database-url", self.servers.database_url),
            "REDIS_URL_FILE": self._file("redis-url", redis_url),
            "PROCESS_INSPECTION": "0",
        }

    def write_scenario(self) -> Path:
        path = super().write_scenario()
        scenario = yaml.safe_load(path.read_text(encoding="utf-8"))
        scenario["management"]["token"] = self.token
        path.write_text(yaml.safe_dump(scenario, sort_keys=False), encoding="utf-8")
        return path

    def run(self, name: str, argv: list[str], **env: str) -> Child:
        role = name if name in ROLES else "web"
        return super().run(name, argv, **{**self.nats.env(role), **env})

    def manage(self, name: str, *words: str, ends: tuple[int, ...] = (0,)) -> str:
        """Runs a command to its end; what it printed. AssertionError where its exit code is another."""
        child = self.run(name, [sys.executable, "manage.py", *words])
        end = time.monotonic() + 150.0
        while child.running and time.monotonic() < end:
            time.sleep(0.05)
        self.children.pop(name)
        printed = child.log_file.read_text(encoding="utf-8")
        child.stop()
        assert child.returncode in ends, f"{words}: {child.returncode}: {printed}"
        return printed

    async def start(self) -> None:
        self.manage("migrate", "migrate", "--verbosity", "0")
        self.manage("provision", "provision")
        await super().start()
        gunicorn = [str(Path(sys.prefix) / "bin" / "gunicorn"), "ghasi.wsgi", "--bind", f"127.0.0.1:{self.web_port}"]
        self.run("web", [*gunicorn, "--workers", "1", "--threads", "2", "--log-level", "info"])
        await self.until_http(f"http://127.0.0.1:{self.web_port}/healthz", lambda status, _: status == 200, 30.0)
