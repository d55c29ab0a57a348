"""The history of live profiles in the admin: each version, what it changed, and the way back to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.db import models
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from ghasi.operators.models import Profile, ProfileChange
from ghasi.operators.profile_drafts import difference, since
from ghasi.profiles.writing import to_yaml

if TYPE_CHECKING:
    AnyModelAdmin = admin.ModelAdmin[models.Model]
else:
    AnyModelAdmin = admin.ModelAdmin


@admin.register(ProfileChange)
class ProfileChangeAdmin(AnyModelAdmin):
    """The history, read-only."""

    list_display = ("profile_name", "version", "changed_at", "changed_by", "reason", "what")
    list_filter = ("profile_name",)
    ordering = ("profile_name", "-version")
    readonly_fields = (
        "profile_name",
        "version",
        "changed_at",
        "changed_by",
        "reason",
        "changed",
        "difference_to_now",
        "shown",
        "restore",
    )
    actions = None

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """The way back is offered to those who may go it."""
        may = all(request.user.has_perm(f"operators.{verb}_profile") for verb in ("add", "change"))
        return [name for name in self.readonly_fields if may or name != "restore"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    @admin.display(description="changed")
    def what(self, row: ProfileChange) -> str:
        if row.document is None:
            return "taken away"
        return ", ".join(path for path, _, _ in row.changes) or "no effect"

    @admin.display(description="difference")
    def changed(self, row: ProfileChange) -> SafeString:
        return difference(row.changes)

    @admin.display(description="what stands now says otherwise")
    def difference_to_now(self, row: ProfileChange) -> SafeString:
        return difference(since(row))

    @admin.display(description="go back")
    def restore(self, row: ProfileChange) -> SafeString | str:
        """Opens the form with this version's text; saving it makes a version of its own."""
        if row.document is None:
            return "–"
        if Profile.objects.filter(name=row.profile_name).exists():
            url = reverse("admin:operators_profile_change", args=[row.profile_name])
            query = f"version={row.version}"
        else:
            url = reverse("admin:operators_profile_add")
            query = f"name={row.profile_name}&version={row.version}"
        return format_html('<a href="{}?{}">edit with the text of this version</a>', url, query)

    @admin.display(description="document")
    def shown(self, row: ProfileChange) -> SafeString:
        return format_html("<pre>{}</pre>", "taken away" if row.document is None else to_yaml(row.document))
