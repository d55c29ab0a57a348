"""PostgreSQL with django-prometheus' counters, and a clear word where DATABASE_URL is not set."""

from __future__ import annotations

from typing import Any

from django_prometheus.db.backends.postgresql import base

from ghasi.env import SettingsError


class DatabaseWrapper(base.DatabaseWrapper):  # type: ignore[misc] - untyped package
    """Raises SettingsError at the first use when the process was started without a database."""

    def get_connection_params(self) -> dict[str, Any]:
        if not self.settings_dict["NAME"]:
            raise SettingsError("DATABASE_URL: must be set (or DATABASE_URL_FILE)")
        parameters: dict[str, Any] = super().get_connection_params()
        return parameters
