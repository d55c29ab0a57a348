"""How long the staff's pages take beside a large ledger.

`measure` runs this module in a process of its own, because Django's settings are read once. Every page is asked for
several times through Django's test client, views, queries and templates included; the first time is left out, so the
figures are those of a web process that runs. Milliseconds.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from typing import Any

from benchmarks.load import figures
from ghasi.devstack.paths import CHECKOUT
from ghasi.devstack.servers import Servers

TIMES = 20
LEDGER = "/admin/correlations/messagecorrelation/"
NAMES = {
    "last day": "list, last day",
    "all days": "list, all days",
    "in doubt": "list, in doubt",
    "retry": "list, waiting for a retry",
    "message id": "search by message id",
    "operator's id": "search by the operator's id",
    "nothing found": "search, nothing found",
    "one row": "one row",
}


def measure(servers: Servers, rows: int) -> dict[str, dict[str, float]]:
    """Percentiles by page, on the ledger that `ledger.fill` laid by. Raises CalledProcessError."""
    ours = {"DJANGO_SETTINGS_MODULE": "ghasi.settings", "DJANGO_SECRET_KEY": "x" * 50}
    argv = [sys.executable, "-W", "ignore", "-m", "benchmarks.pages", str(rows)]
    env = {**os.environ, **servers.env(), **ours}
    done = subprocess.run(argv, cwd=CHECKOUT, env=env, check=True, stdout=subprocess.PIPE, text=True)
    found: dict[str, dict[str, float]] = json.loads(done.stdout.splitlines()[-1])
    return found


def _main(rows: int) -> None:
    import django

    django.setup()
    from django.contrib.auth.models import Permission, User
    from django.test import Client

    from ghasi.correlations.models import MessageCorrelation

    user = User.objects.create(username="bench-pages", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename="view_messagecorrelation"))
    client = Client(headers={"host": "localhost"})
    client.force_login(user)
    chosen = random.Random(2)
    keys = [f"old-{chosen.randint(rows // 2, rows)}" for _ in range(TIMES + 1)]
    known = [MessageCorrelation.objects.filter(operator_message_keys__contains=[key]).get() for key in keys]
    asked: dict[str, list[tuple[str, dict[str, str]]]] = {
        "last day": [(LEDGER, {})] * len(keys),
        "all days": [(LEDGER, {"span": "all"})] * len(keys),
        "in doubt": [(LEDGER, {"list": "in_doubt"})] * len(keys),
        "retry": [(LEDGER, {"list": "retry"})] * len(keys),
        "message id": [(LEDGER, {"q": str(row.message_id)}) for row in known],
        "operator's id": [(LEDGER, {"q": key}) for key in keys],
        "nothing found": [(LEDGER, {"q": f"none-{number}"}) for number in range(len(keys))],
        "one row": [(f"{LEDGER}{row.pk}/change/", {}) for row in known],
    }
    print(json.dumps({name: figures(_seconds(client, name, each)) for name, each in asked.items()}))


def _seconds(client: Any, name: str, asked: list[tuple[str, dict[str, str]]]) -> list[float]:
    took = []
    for path, query in asked:
        began = time.perf_counter()
        response = client.get(path, query)
        took.append(time.perf_counter() - began)
        assert response.status_code == 200, f"{name}: {response.status_code}"
        if name in ("message id", "operator's id"):
            assert b'field-message_id">' in response.content, f"{name}: a row that is there was not found"
    return took[1:]


if __name__ == "__main__":
    _main(int(sys.argv[1]))
