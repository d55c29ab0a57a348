"""The web process: the admin for the operations staff, /metrics for Prometheus, /healthz for the platform."""

from __future__ import annotations

from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView

from ghasi.for_machines import healthz
from ghasi.overview.views import part

admin.site.site_header = "SMPP connector"
admin.site.site_title = "SMPP connector"
admin.site.index_title = "Operations"
admin.site.index_template = "overview/index.html"

handler500 = "ghasi.staff.failing.server_error"


urlpatterns = [
    path("", RedirectView.as_view(pattern_name="admin:index")),
    path("healthz", healthz),
    path("", include("django_prometheus.urls")),
    path("admin/overview/part/", admin.site.admin_view(part), name="overview_part"),
    path("admin/", admin.site.urls),
]
