"""Id relations for the operations staff: evidence for everybody who may see it, a word for those who may decide."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils import timezone

from ghasi.correlations import id_learning
from ghasi.correlations.id_evidence import in_words
from ghasi.correlations.id_states import NothingToDecide
from ghasi.correlations.models_ids import IdRelation
from ghasi.correlations.readonly_admin import ReadOnlyAdmin

DECIDE = "correlations.decide_idrelation"
_FIELDS = (
    "operator_id",
    "state",
    "in_force",
    "candidate",
    "rejected",
    "changed_at",
    "changed_by",
    "judged_at",
    "evidence_in_words",
)


@admin.register(IdRelation)
class IdRelationAdmin(ReadOnlyAdmin):
    """Nothing is edited: a proposal is accepted or rejected as a whole, with the permission for it."""

    list_display = ("operator_id", "state", "in_force", "candidate", "changed_at", "changed_by")
    list_display_links = ("operator_id",)
    list_filter = ("state",)
    ordering = ("operator_id",)
    fields = _FIELDS
    readonly_fields = _FIELDS
    change_form_template = "admin/correlations/idrelation/decide.html"

    @admin.display(description="evidence")
    def evidence_in_words(self, obj: IdRelation) -> str:
        return "\n".join(in_words(obj.evidence))

    def get_urls(self) -> list[URLPattern]:
        view: Callable[..., HttpResponse] = self.admin_site.admin_view(self.decide_view)
        return [path("<uuid:operator_id>/decide/", view, name="correlations_idrelation_decide"), *super().get_urls()]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        context = {**(extra_context or {}), "may_decide": request.user.has_perm(DECIDE)}
        return super().change_view(request, object_id, form_url, context)

    def decide_view(self, request: HttpRequest, operator_id: UUID) -> HttpResponse:
        """Accepts or rejects, by a POST with `action` and what was `seen`: nothing else."""
        if not (self.has_view_permission(request) and request.user.has_perm(DECIDE)):
            raise PermissionDenied
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        by, now = request.user.get_username(), timezone.now()
        decide = id_learning.accept if request.POST.get("action") == "accept" else id_learning.reject
        try:
            standing = decide(operator_id, by=by, now=now, seen=request.POST.get("seen", ""))
        except NothingToDecide as error:
            messages.error(request, str(error))
        else:
            self.log_change(request, IdRelation.objects.get(pk=operator_id), [{"changed": {"fields": ["state"]}}])
            messages.success(request, f"{standing.state.value}: {standing.in_force or 'text'}")
        return HttpResponseRedirect(reverse("admin:correlations_idrelation_change", args=[operator_id]))
