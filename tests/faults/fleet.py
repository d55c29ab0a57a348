"""Production with more than one of each: two gateways that share leases, two processes of each pool, operators of
which the second is the first one's backup; each process killed, frozen and started at will."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ghasi.devstack.child import Child
from ghasi.devstack.ports import free_port
from ghasi.devstack.servers import Servers
from tests.faults.line import GATEWAY_ENV, Line, simulated

GATEWAYS = ("a", "b")
POOLS = ("dispatch-1", "dispatch-2", "receipts-1", "receipts-2")
SHORT_FAILOVER = {"FAILOVER_AFTER": "2", "FAILOVER_RETURN_AFTER": "4"}
READY_WITHIN = 90.0


def trio(**changes: Any) -> list[dict[str, Any]]:
    """Three operators; the second carries for the first when that is away."""
    made = [simulated(maxBinds=2, **changes) for _ in range(3)]
    made[0]["backupOperatorId"] = made[1]["id"]
    return made


class Fleet(Line):
    """`env_of` by process, as in Line; its processes are GATEWAYS and POOLS."""

    def __init__(
        self,
        servers: Servers,
        folder: Path,
        *,
        operators: Sequence[dict[str, Any]],
        ack_wait: float = 10.0,
        in_doubt_wait: float = 3.0,
        env_of: dict[str, dict[str, str]] | None = None,
    ) -> None:
        super().__init__(servers, folder, ack_wait=ack_wait, env_of=env_of)
        sending = {"inDoubtWait": in_doubt_wait, "inDoubtPolicy": "resend"}
        self.operators = [_with_rules(one, sending) for one in operators]
        self.operator_id = self.operator_ids[0]
        self.ports = {name: free_port() for name in (*GATEWAYS, *POOLS)}

    async def start(self) -> None:
        """All of it, with consumers of the ack wait it was given."""
        await self.ensure_consumers()
        self.log_dir.mkdir(parents=True, exist_ok=True)
        scenario = str(self.write_scenario())
        self.run_simulator(scenario)
        argv = [sys.executable, "manage.py", "operator_management", scenario]
        self.run("management", [*argv, "--port", str(self.management_port)])
        for name in (*GATEWAYS, *POOLS):
            self.launch(name)
        for name, port in self.ports.items():
            path = "/ready" if name in GATEWAYS else "/metrics"
            await self.until_http(f"http://127.0.0.1:{port}{path}", lambda status, _: status == 200, READY_WITHIN)

    def launch(self, name: str, point: str = "") -> Child:
        """Starts a process that is down."""
        env = self.env_of.setdefault(name, {})
        env.pop("FAULT_POINT", None)
        if point:
            env["FAULT_POINT"] = point
        return self._gateway(name) if name in GATEWAYS else self._pool(name)

    def _gateway(self, name: str) -> Child:
        settings = GATEWAY_ENV | SHORT_FAILOVER | {"GATEWAY_REPLICA": name, "HTTP_PORT": str(self.ports[name])}
        del settings["GATEWAY_SOLE"]
        return self.run(name, [sys.executable, "-m", "sessions_gateway"], **settings)

    def _pool(self, name: str) -> Child:
        metrics = self.folder / f"prometheus-{name}"
        metrics.mkdir(exist_ok=True)
        argv = [sys.executable, "-m", "dramatiq", "workers.app", "--queues", name.partition("-")[0]]
        argv += ["--processes", "1", "--threads", "4", "--worker-shutdown-timeout", "40000"]
        argv += ["--worker-fork-timeout", "300000"]
        return self.run(name, argv, PROMETHEUS_MULTIPROC_DIR=str(metrics), WORKER_HTTP_PORT=str(self.ports[name]))

    def freeze(self, name: str) -> float:
        """SIGSTOP to the process and all it forked; when, Unix seconds."""
        self.children[name].pause()
        return time.time()

    def thaw(self, name: str) -> None:
        self.children[name].resume()


def _with_rules(one: dict[str, Any], rules: dict[str, Any]) -> dict[str, Any]:
    told = one.get("management", {}).get("override", {})
    return one | {"management": {"override": {"rules": rules} | told}}
