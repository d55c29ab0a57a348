"""Accounts for a lead, and the list of what the staff did."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.models import Group, User
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django_otp.plugins.otp_static.admin import StaticDevice
from django_otp.plugins.otp_totp.admin import TOTPDevice

from ghasi.operators.confirming import Question, answered
from ghasi.staff.accounts import end_sessions, has_second_factor, reset_second_factor, unlock
from ghasi.staff.audit_admin import AuditAdmin
from ghasi.staff.roles import Role, roles_of

__all__ = ["AuditAdmin", "StaffUserAdmin"]

if TYPE_CHECKING:
    AnyUserAdmin = UserAdmin[User]
else:
    AnyUserAdmin = UserAdmin

ROLES_HELP: Final = (
    "viewer sees all pages but accounts and what the staff did, with numbers masked; operator also acts on sessions "
    "and messages; lead also changes profiles and accounts, sees numbers in full, and reads what the staff did."
)


@dataclass(frozen=True, slots=True)
class Asked:
    """An action that somebody has to confirm, and how it is asked for."""

    action: str
    title: str
    effect: str
    yes: str


RESET: Final = Asked(
    "reset_factor",
    "Reset the second factor",
    "Phone and recovery codes are forgotten and every session ends. Whoever logs in next with the password sets up a "
    "new phone.",
    "reset",
)
LOG_OUT: Final = Asked("log_out", "Log out everywhere", "Every session ends with its next request.", "log out")

# What they showed: secrets of phones, and groups that every `migrate` sets back to what roles.py says.
for _model in (TOTPDevice, StaticDevice, Group, User):
    if admin.site.is_registered(_model):
        admin.site.unregister(_model)


@admin.register(User)
class StaffUserAdmin(AnyUserAdmin):
    """People of the staff. Nobody is deleted, because what he did names him: take `active` away instead."""

    list_display = ("username", "role", "is_active", "second_factor", "last_login")
    list_filter = ("is_active", "groups")
    filter_horizontal = ()
    readonly_fields = ("role", "second_factor", "last_login", "date_joined")
    fieldsets = (
        (None, {"fields": ("username", "password")}),
        ("Person", {"fields": ("first_name", "last_name", "email")}),
        ("May do", {"fields": ("is_active", "groups")}),
        ("Login", {"fields": ("second_factor", "last_login", "date_joined")}),
    )
    add_fieldsets = ((None, {"classes": ("wide",), "fields": ("username", "password1", "password2", "groups")}),)
    actions = ("reset_factor", "unlock_account", "log_out")

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """A superuser is a superuser's to change: else a lead could take his place."""
        may = super().has_change_permission(request, obj)
        return may and (obj is None or not obj.is_superuser or request.user.is_superuser)

    def may_renew(self, request: HttpRequest, user: User) -> bool:
        """Whether the person may give this account a new password or second factor. Who has both logs in as it, so
        that of another lead they are a superuser's to give, or the command's."""
        if not self.has_change_permission(request, user):
            return False
        return request.user.is_superuser or user == request.user or not _is_lead(user)

    def formfield_for_manytomany(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        field = super().formfield_for_manytomany(db_field, request, **kwargs)
        if db_field.name == "groups" and field is not None:
            field.widget = forms.CheckboxSelectMultiple()
            field.label, field.help_text = "Roles", ROLES_HELP
            field.queryset = Group.objects.filter(name__in=list(Role)).order_by("pk")
        return field

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        obj.is_staff = True
        super().save_model(request, obj, form, change)

    def user_change_password(self, request: HttpRequest, id: str, form_url: str = "") -> HttpResponse:
        """Django asks for the right to change users here; ours also asks for this one."""
        user = self.get_object(request, id)
        if user is None or not self.may_renew(request, user):
            raise PermissionDenied
        return super().user_change_password(request, id, form_url)

    @admin.display(description="role")
    def role(self, obj: User) -> str:
        if obj.is_superuser:
            return "superuser"
        return ", ".join(one.value for one in roles_of(one.name for one in obj.groups.all())) or "none"

    @admin.display(description="second factor", boolean=True)
    def second_factor(self, obj: User) -> bool:
        return has_second_factor(obj)

    @admin.action(description="Reset the second factor …", permissions=["change"])
    def reset_factor(self, request: HttpRequest, queryset: QuerySet[User]) -> HttpResponse | None:
        """The next login enrols anew; sessions that were verified with the old one end."""
        changeable = self._changeable(request, queryset)
        chosen = [user for user in changeable if self.may_renew(request, user)]
        answer = self._asked(request, chosen, RESET) if chosen else None
        if isinstance(answer, HttpResponse):
            return answer
        for user in changeable:
            if user not in chosen:
                name = user.get_username()
                self.message_user(request, f"{name} is a lead: a superuser or the command resets.", messages.WARNING)
            elif answer is not None:
                reset_second_factor(user, answer)
                self.message_user(request, f"{user.get_username()} sets up a second factor at the next login.")
        return None

    @admin.action(description="Unlock", permissions=["change"])
    def unlock_account(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        for user in self._changeable(request, queryset):
            unlock(user)
            self.message_user(request, f"{user.get_username()} may try again.")

    @admin.action(description="Log out everywhere …", permissions=["change"])
    def log_out(self, request: HttpRequest, queryset: QuerySet[User]) -> HttpResponse | None:
        chosen = self._changeable(request, queryset)
        answer = self._asked(request, chosen, LOG_OUT) if chosen else None
        if isinstance(answer, HttpResponse):
            return answer
        for user in chosen if answer is not None else ():
            end_sessions(user, answer or "")
            self.message_user(request, f"{user.get_username()} is logged out everywhere.")
        return None

    def _asked(self, request: HttpRequest, chosen: list[User], what: Asked) -> str | HttpResponse:
        """The reason, or the page that asks for it: the accounts named on it are sent again with the answer."""
        kept = [(ACTION_CHECKBOX_NAME, str(user.pk)) for user in chosen]
        question = Question(
            title=what.title,
            effect=what.effect,
            things=tuple(user.get_username() for user in chosen),
            yes=what.yes,
            back=reverse("admin:auth_user_changelist"),
            kept=[("action", what.action), *kept],
        )
        return answered(request, question, {**self.admin_site.each_context(request), "opts": self.opts})

    def _changeable(self, request: HttpRequest, queryset: QuerySet[User]) -> list[User]:
        chosen = [user for user in queryset if self.has_change_permission(request, user)]
        if len(chosen) < queryset.count():
            self.message_user(request, "Superusers were left as they are.", messages.WARNING)
        return chosen


def _is_lead(user: User) -> bool:
    return Role.LEAD in roles_of(one.name for one in user.groups.all())
