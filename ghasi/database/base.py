"""PostgreSQL with django-prometheus' counters, and a clear word where DATABASE_URL is not set."""

from __future__ import annotations

from typing import Any

from django.db import OperationalError
from django_prometheus.db.backends.postgresql import base

from ghasi.database.url import SOURCE
from ghasi.env import SettingsError


class NoDatabase(SettingsError, OperationalError):
    """DATABASE_URL is not set; an OperationalError too, so that `makemigrations --check` does without."""


class DatabaseWrapper(base.DatabaseWrapper):  # type: ignore[misc]  # untyped package
    """Raises NoDatabase at the first use when the process was started without a database.

    Asks for the password at each connection where DATABASE_PASSWORD gives it (docs/security.md, "Rotation").
    `prepared` holds the names of the statements the current connection knows.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.prepared: set[str] = set()

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        self.prepared = set()
        return super().get_new_connection(conn_params)

    def get_connection_params(self) -> dict[str, Any]:
        if not self.settings_dict["NAME"]:
            raise NoDatabase("DATABASE_URL: must be set (or DATABASE_URL_FILE)")
        parameters: dict[str, Any] = super().get_connection_params()
        if source := self.settings_dict.get(SOURCE):
            parameters["password"] = source()
        return parameters
