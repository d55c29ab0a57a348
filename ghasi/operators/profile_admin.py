"""Live profiles in the admin: written as YAML, checked at their places, kept with their history."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import models
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from ghasi.bus import BusError, BusSettings
from ghasi.env import SettingsError
from ghasi.operators.live import read_live
from ghasi.operators.models import Profile
from ghasi.operators.profile_bucket import publish
from ghasi.operators.profile_change_admin import ProfileChangeAdmin
from ghasi.operators.profile_drafts import document_of, preview, text_of_version
from ghasi.operators.profile_use import of_profile, uses
from ghasi.operators.profiles import Author, ChangedMeanwhile, Saved, delete_profile, records, save_profile
from ghasi.profiles.names import is_name
from ghasi.profiles.presets import names, source
from ghasi.profiles.problems import InvalidProfile
from ghasi.profiles.writing import lines_of, placed, to_yaml

if TYPE_CHECKING:
    AnyModelAdmin = admin.ModelAdmin[models.Model]
    AnyModelForm = forms.ModelForm[Profile]
else:
    AnyModelAdmin = admin.ModelAdmin
    AnyModelForm = forms.ModelForm

__all__ = ["ProfileAdmin", "ProfileChangeAdmin", "ProfileForm"]

MAX_TEXT = 65_536
_TEXT_BOX = {"rows": 30, "cols": 110, "spellcheck": "false", "class": "staff-document"}


class ProfileForm(AnyModelForm):
    """A profile as text. `preset` begins a new one, `read_version` notices a save in between.

    `draft` is a text that is not saved, with what else was entered: shown in place of what stands.
    """

    draft: ClassVar[dict[str, Any]] = {}

    preset = forms.ChoiceField(required=False, help_text="what a new profile extends, where its text names nothing")
    text = forms.CharField(
        required=False,
        max_length=MAX_TEXT,
        label="Document",
        widget=forms.Textarea(attrs=_TEXT_BOX),
        help_text="YAML or JSON; docs/profiles.md lists the fields. Credentials never belong here.",
    )
    reason = forms.CharField(required=False, max_length=200, help_text="why, kept with the history")
    read_version = forms.IntegerField(widget=forms.HiddenInput, initial=0)

    class Meta:
        model = Profile
        fields = ("name",)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk:
            self.fields.pop("preset", None)
            self.initial.update(text=to_yaml(self.instance.document), read_version=self.instance.version)
        elif "preset" in self.fields:
            self.fields["preset"].choices = [("", "–"), *((one, one) for one in names())]  # type: ignore[attr-defined]
        self.initial.update(self.draft)

    def clean_name(self) -> str:
        name: str = self.cleaned_data["name"]
        if not is_name(name):
            raise ValidationError("Lower-case letters, digits and single hyphens; an operator's id for its own.")
        return name

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        text = cleaned.get("text") or ""
        try:
            cleaned["document"] = document_of(text, cleaned.get("preset") or "")
        except InvalidProfile as error:
            lines = lines_of(text)
            self.add_error("text", [placed(one, lines) for one in error.problems])
        return cleaned

    def _post_clean(self) -> None:
        super()._post_clean()  # type: ignore[misc]
        known = Profile.objects.filter(name=self.cleaned_data.get("name", self.instance.name)).first()
        if self.instance.pk and known and known.version != self.cleaned_data.get("read_version"):
            self.add_error(None, "Somebody else saved this profile meanwhile: look at the history, then begin anew.")


@admin.register(Profile)
class ProfileAdmin(AnyModelAdmin):
    """Who may change operators' dialects is a permission of its own."""

    form = ProfileForm  # type: ignore[assignment]  # of this model only
    list_display = ("name", "extends", "version", "updated_at", "updated_by")
    ordering = ("name",)
    search_fields = ("name",)
    actions = None

    @admin.display(description="extends")
    def extends(self, row: Profile) -> str:
        return str(row.document.get("extends") or "–")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return ("name", "followed_by", "history") if obj else ()

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        if obj is None:
            return ("name", "preset", "text", "reason", "read_version")
        if not self.has_change_permission(request, obj):
            return ("name", "followed_by", "history", "shown")
        return ("name", "followed_by", "history", "text", "reason", "read_version")

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        kwargs["fields"] = ("name",)
        form: Any = super().get_form(request, obj, change, **kwargs)
        draft = _draft(request, obj)
        return type("DraftForm", (form,), {"draft": draft}) if draft else form

    def get_urls(self) -> list[URLPattern]:
        view: Callable[..., HttpResponse] = self.admin_site.admin_view(self.presets_view)
        return [path("presets/", view, name="operators_profile_presets"), *super().get_urls()]

    def presets_view(self, request: HttpRequest) -> HttpResponse:
        """What comes with the connector, to read and to start from."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        context = {
            **self.admin_site.each_context(request),
            "title": "Presets",
            "opts": self.opts,
            "presets": [(name, source(name)) for name in names()],
            "may_add": self.has_add_permission(request),
        }
        return TemplateResponse(request, "admin/operators/profile/presets.html", context)

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        """Besides saving: what a save would change, shown over the same form, with nothing saved. What somebody else
        saved in the same moment is told as by the form."""
        context = dict(extra_context or {})
        if request.method == "POST" and "_preview" in request.POST:
            obj = self.get_object(request, object_id) if object_id else None
            may = self.has_change_permission(request, obj) if obj else self.has_add_permission(request)
            form = self.get_form(request, obj)(request.POST, instance=obj)
            if may and form.is_valid():
                context["preview"] = preview(
                    obj.pk if obj else form.cleaned_data["name"], form.cleaned_data["document"]
                )
                # Django shows a form without errors only for a GET; `_draft` fills it with what was sent.
                request.method = "GET"
        for _ in range(2):
            try:
                return super().changeform_view(request, object_id, form_url, context)
            except ChangedMeanwhile:
                # Nothing of this request is written. The second time the form finds what was saved meanwhile by
                # itself, and shows what was sent.
                continue
        self.message_user(request, "Not saved: somebody else saved this profile meanwhile.", messages.ERROR)
        return HttpResponseRedirect(request.path)

    @admin.display(description="followed by")
    def followed_by(self, row: Profile) -> str:
        """Operators whose gateways follow it, and what has not reached them yet."""
        try:
            found = of_profile(row.name, uses(read_live(BusSettings.from_env()).sessions))
        except (BusError, SettingsError) as error:
            return f"cannot be read: {error}"
        if not found:
            return "no operator that a gateway reports"
        return format_html_join(
            "",
            "{}{}<br>",
            (
                (
                    one.operator_name or one.operator_id,
                    f" – needs rebind: {', '.join(one.needs_rebind)}" if one.needs_rebind else "",
                )
                for one in found
            ),
        )

    @admin.display(description="history")
    def history(self, row: Profile) -> SafeString:
        url = reverse("admin:operators_profilechange_changelist")
        return format_html('<a href="{}?profile_name={}">all versions</a>', url, row.name)

    @admin.display(description="document")
    def shown(self, row: Profile) -> SafeString:
        return format_html("<pre>{}</pre>", to_yaml(row.document))

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Raises ChangedMeanwhile, so that Django logs no change and says of none that it was made."""
        data = form.cleaned_data
        author = Author(request.user.get_username(), data.get("reason", ""), timezone.now())
        saved = save_profile(obj.name, data["document"], author, read_version=data["read_version"])
        obj.version = saved.version
        self._tell(request, saved)

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        saved = delete_profile(obj.name, Author(request.user.get_username(), "", timezone.now()))
        if saved is not None:
            self._tell(request, saved)

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        return super().log_change(request, obj, f"version {obj.version}")

    def _tell(self, request: HttpRequest, saved: Saved) -> None:
        if saved.needs_rebind:
            paths = ", ".join(saved.needs_rebind)
            self.message_user(request, f"Reaches operators with their next bind only: {paths}.", messages.WARNING)
        try:
            publish(BusSettings.from_env(), (one for one in records() if one.name == saved.name))
        except (BusError, SettingsError) as error:
            note = f"Saved, and published as soon as NATS can be reached: {error}."
            self.message_user(request, note, messages.WARNING)


def _draft(request: HttpRequest, obj: Any) -> dict[str, Any]:
    """What the form shows in place of what stands: a text that was sent to be looked at, or an earlier version's."""
    if "_preview" in request.POST:
        return {name: request.POST.get(name, "") for name in ("name", "preset", "text", "reason", "read_version")}
    name = obj.pk if obj else request.GET.get("name", "")
    text = text_of_version(name, request.GET.get("version", ""))
    return {} if text is None else {"text": text, "reason": f"back to version {request.GET['version']}"}
