"""Asks for the staff's pages through Django's test client; `benchmarks.pages` runs it in a process of its own."""

from __future__ import annotations

import json
import sys
import time
from typing import Any

from benchmarks import pages_beside
from benchmarks.load import figures, percentile
from benchmarks.pages_asked import LEDGER, Page, pages

TIMES = 20
PREVIEW = "preview"
PREVIEWED = "preview of a bulk action on 100 parts"


def _main(rows: int) -> None:
    import django

    django.setup()
    from ghasi.operators import session_pages
    from ghasi.overview import collect

    pages_beside.fill(rows)
    client = _lead()
    for source in (*collect.SOURCES, session_pages.SHARED):
        # As if each refresh were the first one that somebody asks for.
        source.seconds = 0.0
    found = {name: _told(page.title, _seconds(client, name, page)) for name, page in pages(rows, TIMES + 1).items()}
    found[PREVIEW] = _told(PREVIEWED, _previews(client))
    print(json.dumps(found))


def _told(title: str, seconds: list[float]) -> dict[str, Any]:
    return {"title": title, "p95": round(1000 * percentile(sorted(seconds), 0.95), 2), **figures(seconds)}


def _lead() -> Any:
    """A client of somebody who may see everything."""
    from django.contrib.auth.models import Group, User
    from django.test import Client

    from ghasi.staff.roles import Role

    user, _ = User.objects.get_or_create(username="bench-pages", defaults={"is_staff": True})
    user.groups.set(Group.objects.filter(name=Role.LEAD))
    client = Client(headers={"host": "localhost"})
    client.force_login(user)
    return client


def _previews(client: Any) -> list[float]:
    """From the choice of a hundred parts to the page that says what would become of them."""
    from ghasi.correlations.models import MessageCorrelation

    parts = MessageCorrelation.objects.filter(in_doubt_at__isnull=False, status="IN_DOUBT").order_by("-in_doubt_at")
    chosen = {"action": "part.settle_as_sent", "_selected_action": [str(one.pk) for one in parts[:100]], "index": "0"}
    took = []
    for _ in range(TIMES + 1):
        began = time.perf_counter()
        response = client.post(f"{LEDGER}?list=held", chosen, follow=True)
        took.append(time.perf_counter() - began)
        assert b"<strong>100</strong> of 100" in response.content, "the preview has not what was chosen"
    return took[1:]


def _seconds(client: Any, name: str, page: Page) -> list[float]:
    took = []
    for path, query, posted in page.asked:
        began = time.perf_counter()
        response = client.post(path, query) if posted else client.get(path, query)
        took.append(time.perf_counter() - began)
        assert response.status_code == 200, f"{name}: {response.status_code}"
        assert page.shows.encode() in response.content, f"{name}: {page.shows} is not on the page"
    return took[1:]


if __name__ == "__main__":
    _main(int(sys.argv[1]))
