"""Jasmin and what it needs: RabbitMQ from the system's packages, Valkey, its daemons from a virtualenv of its own."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.missing import PeerMissing
from ghasi.devstack.child import Child
from ghasi.devstack.paths import RUN_ROOT
from ghasi.devstack.ports import free_port
from ghasi.devstack.rundir import RunDir
from ghasi.devstack.servers import Servers
from tests.support.servers import new_run_dir

VENV = RUN_ROOT / "peers" / "jasmin"
CONNECTORS = 8
"""Jasmin takes one message at a time for each connector: eight carry the most on two cores."""
_RABBITMQ = Path("/usr/lib/rabbitmq/bin")
# In 0.11.1, as it stands on PyPI, the answer to a message of one part raises: its receipt is never handed on.
_HOW = (
    "Jasmin is not installed (apt-get install rabbitmq-server; python3.11 -m venv .run/peers/jasmin; "
    ".run/peers/jasmin/bin/pip install jasmin==0.11.0)"
)
_TROUBLE = re.compile("error|unknown|incorrect|must", re.IGNORECASE)
_DAEMONS = {"jasmind": "jasmind", "dlrlookupd": "dlrlookupd", "dlrd": "dlrd"}


def version() -> str:
    """Raises PeerMissing."""
    python = VENV / "bin" / "python"
    if not python.exists() or not (_RABBITMQ / "rabbitmq-server").exists():
        raise PeerMissing(_HOW)
    done = subprocess.run(
        [str(python), "-c", "from importlib.metadata import version; print(version('jasmin'))"],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise PeerMissing(_HOW)
    return done.stdout.strip()


class Jasmin:
    """One RabbitMQ, one Valkey, three daemons, and connectors to the SMSC's ports; made by `jasmin()`."""

    def __init__(self, servers: Servers) -> None:
        self._servers = servers
        self.run: RunDir = servers.run
        self.http, self._cli, self._amqp = free_port(), free_port(), free_port()
        self._epmd = {"ERL_EPMD_PORT": str(free_port()), "PATH": os.environ["PATH"]}
        self._config = self.run.path / "jasmin.cfg"
        self.children: dict[str, Child] = {}

    async def start(self) -> None:
        for name in ("store", "logs", "rabbitmq"):
            (self.run.path / name).mkdir(exist_ok=True)
        self._run("rabbitmq", [str(_RABBITMQ / "rabbitmq-server")], self._rabbit_env())
        await listening(self._amqp)
        self._config.write_text(self._settings())
        for name, module in _DAEMONS.items():
            argv = [str(VENV / "bin" / "python"), "-m", f"jasmin.bin.{module}", "-c", str(self._config)]
            self._run(name, argv, self._jasmin_env())
        await listening(self._cli)
        await listening(self.http)

    def _run(self, name: str, argv: list[str], env: dict[str, str]) -> None:
        self.children[name] = child = Child(name, argv, run=self.run, env=env, stop_timeout=20.0)
        child.start()

    def _rabbit_env(self) -> dict[str, str]:
        home = self.run.path / "rabbitmq"
        return {
            **self._epmd,
            "HOME": str(home),
            "RABBITMQ_NODENAME": "bench@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": str(self._amqp),
            "RABBITMQ_DIST_PORT": str(free_port()),
            "RABBITMQ_MNESIA_BASE": str(home),
            "RABBITMQ_LOG_BASE": str(home),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(home / "plugins"),
            "RABBITMQ_CONFIG_FILE": str(home / "none"),
        }

    def _jasmin_env(self) -> dict[str, str]:
        folder = str(self.run.path)
        # HOSTNAME and CONFIG_PATH keep it out of /etc and /var.
        return {"PATH": os.environ["PATH"], "ROOT_PATH": folder, "CONFIG_PATH": folder, "LOG_PATH": f"{folder}/logs"}

    def _settings(self) -> str:
        spec = next(VENV.glob("lib/*/site-packages/txamqp/specs/standard/amqp0-9-1.stripped.xml"))
        valkey = self._servers.endpoints
        sections: dict[str, dict[str, object]] = {
            "amqp-broker": {"port": self._amqp, "spec": spec},
            "redis-client": {"host": "127.0.0.1", "port": valkey.redis_url.rsplit(":", 1)[1].split("/")[0]},
            "jcli": {"port": self._cli, "authentication": False},
            "http-api": {"port": self.http, "bind": "127.0.0.1", "billing_feature": False},
            "smpp-server": {"port": free_port(), "bind": "127.0.0.1"},
            "smpp-server-pb": {"port": (pb := free_port()), "bind": "127.0.0.1"},
            "smpp-server-pb-client": {"port": pb, "host": "127.0.0.1"},
            "router": {"port": free_port(), "bind": "127.0.0.1"},
            "client-management": {"port": free_port(), "bind": "127.0.0.1"},
            "sm-listener": {"submit_retrial_delay_smppc_not_ready": 1},
            # A receipt that is faster than the note of its response would wait 10 s.
            "dlr": {"dlr_lookup_retry_delay": 1, "dlr_lookup_max_retries": 20},
        }
        quiet = ("amqp-broker", "redis-client", "jcli", "http-api", "router", "client-management", "sm-listener")
        for name in (*quiet, "dlr", "dlr-thrower", "deliversm-thrower", "smpp-server"):
            sections.setdefault(name, {})["log_level"] = "ERROR"
        lines = [
            f"[{name}]\n" + "\n".join(f"{key} = {value}" for key, value in each.items())
            for name, each in sections.items()
        ]
        return "\n\n".join(lines) + "\n"

    async def configure(self, ports: list[int]) -> None:
        """A user, a route over all connectors, and the connectors, which do not run yet."""
        dialogue = ["group -a", "gid bench", "ok", "user -a", "username bench", "password bench", "gid bench"]
        dialogue += ["uid bench", "ok", "filter -a", "type TransparentFilter", "fid all", "ok"]
        for number, port in enumerate(ports):
            dialogue += ["smppccm -a", f"cid bench{number}", "host 127.0.0.1", f"port {port}", "username ghasi"]
            dialogue += ["password secret12", "bind transceiver", "submit_throughput 0", "loglevel 40"]
            dialogue += ["con_fail_delay 1", "con_loss_delay 1", "ok"]
        connectors = ";".join(f"smppc(bench{number})" for number in range(len(ports)))
        dialogue += ["mtrouter -a", "order 10", "type RandomRoundrobinMTRoute", "filters all"]
        dialogue += [f"connectors {connectors}", "rate 0.0", "ok"]
        await self._say(dialogue)

    async def bind(self, count: int) -> None:
        await self._say([f"smppccm -1 bench{number}" for number in range(count)])

    async def _say(self, lines: list[str]) -> None:
        """A dialogue with its console. Raises AssertionError where it reports an error."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self._cli)
        await reader.readuntil(b"Session ref")
        for line in lines:
            writer.write(line.encode() + b"\r\n")
            said = await _prompt(reader)
            assert not _TROUBLE.search(said), f"jcli: {line}: {said}"
        writer.close()

    def pids(self) -> dict[str, int]:
        return {**{name: child.pid for name, child in self.children.items()}, "valkey": self._servers.valkey.pid}

    def stop(self) -> None:
        for name in ("jasmind", "dlrlookupd", "dlrd", "rabbitmq"):
            if name in self.children:
                self.children[name].stop()
        epmd = shutil.which("epmd")
        if epmd:
            subprocess.run([epmd, "-kill"], env=self._epmd, capture_output=True, check=False)


async def _prompt(reader: asyncio.StreamReader) -> str:
    """What the console says up to its next prompt, which has no line end."""
    said = b""
    async with asyncio.timeout(15):
        while not said.rstrip().endswith((b"jcli :", b"\n>")):
            more = await reader.read(4096)
            assert more, "jcli closed"
            said += more
    return said.decode(errors="replace")


async def listening(port: int, patience: float = 60.0) -> None:
    end = time.monotonic() + patience
    while True:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            assert time.monotonic() < end, f"nothing listens on {port}"
            await asyncio.sleep(0.1)
        else:
            writer.close()
            return


@contextmanager
def jasmin() -> Iterator[Jasmin]:
    """Servers of its own, gone afterwards."""
    servers = Servers.start(new_run_dir(), only=["valkey"])
    made = Jasmin(servers)
    try:
        yield made
    finally:
        made.stop()
        servers.discard()
