"""Who may use the admin, as what, and what is written down of it."""

from __future__ import annotations

from django.apps import AppConfig
from django.contrib.admin import apps as admin
from django.db.models.signals import post_migrate


class StaffConfig(AppConfig):
    name = "ghasi.staff"
    verbose_name = "Staff"

    def ready(self) -> None:
        from ghasi.staff import watching
        from ghasi.staff.roles import after_migrate

        watching.connect()
        post_migrate.connect(after_migrate, sender=self)


class StaffAdminConfig(admin.AdminConfig):
    """Django's admin with our site: every `admin.register` goes to it."""

    default = False
    default_site = "ghasi.staff.site.StaffSite"
