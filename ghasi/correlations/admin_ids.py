"""Id relations for the operations staff: evidence for everybody who may see it, a word for those who may decide."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils import timezone

from ghasi.correlations import id_learning
from ghasi.correlations.id_evidence import in_words
from ghasi.correlations.id_states import NothingToDecide
from ghasi.correlations.masking import without_digits
from ghasi.correlations.models_ids import IdRelation
from ghasi.correlations.readonly_admin import ReadOnlyAdmin
from ghasi.operators.actions import note_action
from ghasi.operators.confirming import Question, answered
from ghasi.operators.models import Operator

DECIDE = "correlations.decide_idrelation"
EFFECTS = {
    "accept": "Receipts' ids are read so from now on, and those that wait are read again within a minute.",
    "reject": "It is not proposed again. If it is in force, receipts' ids are read as text from now on.",
}
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
    """Nothing is edited: a proposal is accepted or rejected as a whole, with the permission for it and a reason."""

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
        """Accepts or rejects what was `seen`, by `action`: a POST is asked for the reason, one with it decides. What
        was seen stays out of addresses, which others write down."""
        if not (self.has_view_permission(request) and request.user.has_perm(DECIDE)):
            raise PermissionDenied
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        action, seen = request.POST.get("action", ""), request.POST.get("seen", "")
        row = IdRelation.objects.filter(pk=operator_id).first()
        if action not in EFFECTS or row is None:
            raise Http404
        back = reverse("admin:correlations_idrelation_change", args=[operator_id])
        question = Question(
            title=f"{action.capitalize()} {seen}",
            effect=EFFECTS[action],
            things=(f"{_name(operator_id)}: {seen}",),
            yes=action,
            back=back,
            kept=[("action", action), ("seen", seen)],
        )
        try:
            id_learning.check_seen(row, seen, accepts=action == "accept")
            base = {**self.admin_site.each_context(request), "opts": self.opts}
            answer = answered(request, question, base)
            if isinstance(answer, HttpResponse):
                return answer
            self._decide(request, row, action, seen, answer)
        except NothingToDecide as error:
            messages.error(request, str(error))
        return HttpResponseRedirect(back)

    def _decide(self, request: HttpRequest, row: IdRelation, action: str, seen: str, reason: str) -> None:
        """Raises NothingToDecide. Noted with the decision or not at all."""
        by, now = request.user.get_username(), timezone.now()
        decide = id_learning.accept if action == "accept" else id_learning.reject
        with transaction.atomic():
            standing = decide(row.operator_id, by=by, now=now, seen=seen)
            told = f"{standing.state.value}: {standing.in_force or 'text'}"
            detail = {"relation": without_digits(seen)}
            note_action(
                by,
                f"ids.{action}",
                "operator",
                str(row.operator_id),
                reason=reason,
                detail=detail,
                result=without_digits(told),
                at=now,
            )
            self.log_change(request, row, [{"changed": {"fields": ["state"]}}])
        messages.success(request, told)


def _name(operator_id: UUID) -> str:
    found = Operator.objects.filter(pk=operator_id).first()
    return (found.name if found else "") or str(operator_id)
