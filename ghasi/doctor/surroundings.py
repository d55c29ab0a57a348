"""What all checks are given: settings, the time, the connection to NATS where there is one."""

from __future__ import annotations

import time
from dataclasses import dataclass
from urllib.parse import urlsplit

from ghasi.env import Env, SettingsError

LOCAL = {"localhost", "127.0.0.1", "::1", ""}


@dataclass(slots=True, kw_only=True)
class Surroundings:
    """`now` in Unix seconds; `operator_ids` of OPERATOR_IDS, empty where that is not set here; `monitors` are base
    URLs of NATS monitoring; `timeout` seconds for each server."""

    env: Env
    now: float
    timeout: float = 5.0
    monitors: tuple[str, ...] = ()
    operator_ids: tuple[str, ...] = ()

    @classmethod
    def of(cls, env: Env, *, timeout: float, monitors: tuple[str, ...] = ()) -> Surroundings:
        """As of now; what is malformed is left out here and named by the checks of settings."""
        try:
            operator_ids = env.uuids("OPERATOR_IDS", ())
        except SettingsError:
            operator_ids = ()
        around = cls(env=env, now=time.time(), timeout=timeout, operator_ids=operator_ids)
        told = tuple(one.strip().rstrip("/") for one in around.setting("NATS_MONITOR_URL").split(",") if one.strip())
        around.monitors = monitors or told
        return around

    def setting(self, name: str) -> str:
        """Its value, empty where it is not set or unreadable; what is wrong with it another check says."""
        try:
            return self.env.text(name, "")
        except SettingsError:
            return ""


def host_port(url: str, port: int) -> tuple[str, int]:
    """Host and port of a URL; `port` where it names none."""
    parts = urlsplit(url)
    return parts.hostname or "localhost", parts.port or port


def is_local(host: str) -> bool:
    """Whether what is said to the host does not leave this machine."""
    return host in LOCAL or host.startswith("127.")
