"""The admin's first page: whether everything is all right."""

from django.apps import AppConfig


class OverviewConfig(AppConfig):
    name = "ghasi.overview"
    verbose_name = "Overview"
