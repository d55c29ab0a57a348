"""The Valkey server of the local stack: it speaks Redis and keeps nothing on disk."""

from ghasi.devstack import binaries
from ghasi.devstack.child import Child
from ghasi.devstack.endpoint import Endpoints
from ghasi.devstack.ports import free_port
from ghasi.devstack.rundir import RunDir
from ghasi.devstack.server import Server, ask, plain_env


class ValkeyServer(Server):
    """valkey-server without persistence: a restart brings it back empty."""

    name = "valkey"

    def __init__(self, run: RunDir, endpoints: Endpoints) -> None:
        super().__init__(run, fixed_port=endpoints.planned)
        self._endpoints = endpoints

    @property
    def url(self) -> str:
        """Address for clients."""
        return self._endpoints.redis_url

    def make_child(self) -> Child:
        """See Server."""
        settings = {
            "port": str(self._endpoints.valkey_port),
            "bind": "127.0.0.1",
            "save": "",
            "appendonly": "no",
            "dir": str(self.run.path),
            "maxmemory": "256mb",
            "maxmemory-policy": "noeviction",
            # The title would replace the command line by which a later start knows its leftovers.
            "set-proc-title": "no",
        }
        argv = [str(binaries.valkey_server())]
        for name, value in settings.items():
            argv += [f"--{name}", value]
        return Child(self.name, argv, run=self.run, env=plain_env(), stop_timeout=5.0)

    def answers(self) -> bool:
        """See Server."""
        return ask(self._endpoints.valkey_port, b"PING\r\n", b"+PONG")

    def move(self) -> None:
        """See Server."""
        self._endpoints.valkey_port = free_port()
