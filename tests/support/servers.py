"""Servers for a test run, and the environment under which the product is imported by tests.

Addresses are chosen when pytest starts, because Django's settings are read long before a test asks for a server;
the servers themselves start when the first test asks.
"""

import os
import secrets
import shutil
import tempfile
import time
from pathlib import Path

import pytest

from ghasi.devstack.endpoint import Endpoints
from ghasi.devstack.paths import RUN_ROOT
from ghasi.devstack.rundir import RunDir, is_held

ENDPOINTS = Endpoints(planned=True)

_OURS = (
    "DJANGO_",
    "GATEWAY_",
    "OPERATOR_",
    "INTERNAL_SERVICE_TOKEN",
    "NATS_",
    "REDIS_",
    "DATABASE_URL",
    "PG",
    "LEDGER_",
    "ADMIN_",
)
_EXACT = ("HTTP_PORT", "LOG_LEVEL", "PROMETHEUS_MULTIPROC_DIR")
_PREFIX = "test-"
_SETTLED_S = 60.0
"""A younger directory may be one that another run has just made and not locked yet."""


def scrub_environment() -> None:
    """Remove the product's variables from the caller's environment: no test may reach somebody's servers."""
    for name in list(os.environ):
        if name.startswith(_OURS) or name in _EXACT:
            del os.environ[name]


def set_environment() -> None:
    """Name the settings module and the run's servers, before anything imports Django."""
    os.environ.update(
        DJANGO_SETTINGS_MODULE="ghasi.settings",
        DJANGO_SECRET_KEY=secrets.token_urlsafe(48),
        DATABASE_URL=ENDPOINTS.database_url,
        NATS_URL=ENDPOINTS.nats_url,
        REDIS_URL=ENDPOINTS.redis_url,
        LOG_LEVEL="WARNING",
        # Tests of the second factor turn it on for themselves.
        ADMIN_REQUIRE_OTP="0",
    )


def new_run_dir() -> Path:
    """A fresh run directory; those of test runs that were killed are swept away."""
    RUN_ROOT.mkdir(exist_ok=True)
    for old in RUN_ROOT.glob(f"{_PREFIX}*"):
        if not is_held(old) and time.time() - old.stat().st_mtime > _SETTLED_S:
            shutil.rmtree(old, ignore_errors=True)
    return Path(tempfile.mkdtemp(prefix=_PREFIX, dir=RUN_ROOT))


def keep_logs(run: RunDir, session: pytest.Session) -> None:
    """Keep a run's logs where a test failed; called before the run directory goes."""
    if session.testsfailed:
        shutil.copytree(run.logs, RUN_ROOT / "failed" / run.path.name, dirs_exist_ok=True)
