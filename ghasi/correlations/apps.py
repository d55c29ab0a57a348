"""The ledger's Django app."""

from django.apps import AppConfig


class CorrelationsConfig(AppConfig):
    name = "ghasi.correlations"
    verbose_name = "Ledger"
