"""Credentials whose refusals are counted (docs/contract.md §11)."""

from __future__ import annotations

from typing import Self

from ghasi.operator_settings import Credentials
from sessions_gateway.credentials import CredentialsClient, CredentialsError
from sessions_gateway.metrics import AWAY, REFUSED, Metrics


class CountedCredentials(CredentialsClient):
    """`CountedCredentials(…).counted_in(metrics)`."""

    _metrics: Metrics | None = None

    def counted_in(self, metrics: Metrics) -> Self:
        self._metrics = metrics
        return self

    async def fetch(self, operator_id: str) -> Credentials:
        """Raises CredentialsError; its text names the rule broken, never a value."""
        try:
            return await super().fetch(operator_id)
        except CredentialsError as error:
            if self._metrics is not None:
                self._metrics.credentials_failures.labels(operator_id, REFUSED if error.slow else AWAY).inc()
            raise
