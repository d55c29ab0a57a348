"""The admin site: nobody gets beyond the login without the second factor where it is owed."""

from __future__ import annotations

from typing import Any

from django.contrib.admin import AdminSite
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, URLResolver, path
from django.utils.decorators import method_decorator
from django.views.decorators.cache import never_cache

from ghasi.staff import account_views, factor_views
from ghasi.staff.factor_views import to_factor
from ghasi.staff.second_factor import is_owed


class StaffSite(AdminSite):
    """Django's site, plus the second factor and a page for one's own account."""

    def has_permission(self, request: HttpRequest) -> bool:
        """Every page of the admin asks this first."""
        return super().has_permission(request) and not is_owed(request)

    @method_decorator(never_cache)
    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Who has given his password and still owes the second factor is sent on to it."""
        if request.method == "GET" and super().has_permission(request) and is_owed(request):
            return HttpResponseRedirect(to_factor(request))
        return super().login(request, extra_context)

    def get_urls(self) -> list[URLPattern | URLResolver]:
        ours = [
            path("account/", self.admin_view(account_views.account), name="account"),
            path("account/codes/", self.admin_view(account_views.new_codes), name="account_codes"),
            path("account/everywhere/", self.admin_view(account_views.log_out_everywhere), name="account_everywhere"),
            path("account/enrol/", factor_views.enrol, name="account_enrol"),
            path("account/factor/", factor_views.factor, name="account_factor"),
            path("account/leave/", factor_views.leave, name="account_leave"),
        ]
        return [*ours, *super().get_urls()]
