"""The web process: the admin for the operations staff, /metrics for Prometheus, /healthz for the platform."""

from __future__ import annotations

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.urls import include, path
from django.views.generic import RedirectView

admin.site.site_header = "SMPP connector"
admin.site.site_title = "SMPP connector"
admin.site.index_title = "Operations"


def healthz(_request: HttpRequest) -> HttpResponse:
    """Alive: says nothing of the database, so that its outage does not restart every web process."""
    return HttpResponse("ok\n", content_type="text/plain")


urlpatterns = [
    path("", RedirectView.as_view(pattern_name="admin:index")),
    path("healthz", healthz),
    path("", include("django_prometheus.urls")),
    path("admin/", admin.site.urls),
]
