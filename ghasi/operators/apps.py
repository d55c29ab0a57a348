"""Operators seen and their live sessions, for the staff."""

from django.apps import AppConfig


class OperatorsConfig(AppConfig):
    name = "ghasi.operators"
    verbose_name = "Operators"
