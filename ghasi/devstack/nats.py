"""The NATS server of the local stack, with JetStream that survives a power cut."""

import json
from pathlib import Path

from ghasi.devstack import binaries
from ghasi.devstack.child import Child
from ghasi.devstack.endpoint import Endpoints
from ghasi.devstack.ports import free_port
from ghasi.devstack.rundir import RunDir
from ghasi.devstack.server import Server, ask, plain_env

MAX_FILE_STORE = 16 * 2**30
MAX_MEMORY_STORE = 256 * 2**20


class NatsServer(Server):
    """nats-server with a file store under the run directory; every acknowledged write is on disk."""

    name = "nats"

    def __init__(self, run: RunDir, endpoints: Endpoints) -> None:
        super().__init__(run, fixed_port=endpoints.planned)
        self._endpoints = endpoints

    @property
    def url(self) -> str:
        """Address for clients."""
        return self._endpoints.nats_url

    @property
    def monitor_url(self) -> str:
        """Address of the monitoring pages."""
        return self._endpoints.nats_monitor_url

    @property
    def config_file(self) -> Path:
        """The configuration written at each start."""
        return self.run.path / "nats.conf"

    def make_child(self) -> Child:
        """See Server. The configuration language of NATS reads JSON."""
        self.config_file.write_text(json.dumps(self._config(), indent=2))
        argv = [str(binaries.nats_server()), "--config", str(self.config_file)]
        return Child(self.name, argv, run=self.run, env=plain_env(), stop_timeout=10.0)

    def _config(self) -> dict[str, object]:
        return {
            "server_name": "ghasi-dev",
            "listen": f"127.0.0.1:{self._endpoints.nats_port}",
            "http": f"127.0.0.1:{self._endpoints.nats_monitor_port}",
            "jetstream": {
                "store_dir": str(self.run.path / "nats"),
                "max_file_store": MAX_FILE_STORE,
                "max_memory_store": MAX_MEMORY_STORE,
                # Without it nothing of what was acknowledged in the last two minutes survives a power cut.
                "sync_interval": "always",
            },
        }

    def answers(self) -> bool:
        """See Server."""
        question = b'CONNECT {"verbose":false,"pedantic":false}\r\nPING\r\n'
        return ask(self._endpoints.nats_port, question, b"PONG", greeting=b'"jetstream":true')

    def move(self) -> None:
        """See Server."""
        self._endpoints.nats_port = free_port()
        self._endpoints.nats_monitor_port = free_port()
