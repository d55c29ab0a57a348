"""What probes and Prometheus ask of the web process, answered whatever host they name.

They ask a pod or a container by its address, which is in no DJANGO_ALLOWED_HOSTS and should not be.
"""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django_prometheus.exports import ExportToDjangoView


def healthz(_request: HttpRequest) -> HttpResponse:
    """Alive: says nothing of the database, so that its outage does not restart every web process."""
    return HttpResponse("ok\n", content_type="text/plain")


PAGES: dict[str, Callable[[HttpRequest], HttpResponse]] = {"/healthz": healthz, "/metrics": ExportToDjangoView}


class ForMachines:
    """The first middleware: those that follow want to know the host."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        page = PAGES.get(request.path_info) if request.method in ("GET", "HEAD") else None
        return page(request) if page else self._get_response(request)
