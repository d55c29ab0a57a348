"""Servers and database for a measurement."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from ghasi.devstack.servers import Servers
from tests.support.servers import new_run_dir


@contextmanager
def bench_servers() -> Iterator[Servers]:
    """Real servers of their own, migrated, gone afterwards."""
    servers = Servers.start(new_run_dir())
    try:
        os.environ.update(servers.env(), DJANGO_SETTINGS_MODULE="ghasi.settings", DJANGO_SECRET_KEY="x" * 50)
        import django
        from django.core.management import call_command

        django.setup()
        call_command("migrate", verbosity=0, interactive=False)
        yield servers
    finally:
        servers.discard()
