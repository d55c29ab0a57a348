"""An operator's credentials as the gateway needs them right before each bind (docs/contract.md §6).

The answer lives in the bind call only.
"""

from __future__ import annotations

from ghasi.credential_source import SourceConfig, open_source
from ghasi.operator_answer import InvalidSettings
from ghasi.operator_management import CredentialsError
from ghasi.operator_settings import Credentials, parse_credentials
from ghasi.profiles.resolve import PRESETS, Resolver

__all__ = ["CredentialsClient", "CredentialsError"]


class CredentialsClient:
    """Asks whoever keeps the credentials (operator management or Vault) and checks the answer."""

    def __init__(self, config: SourceConfig, resolver: Resolver = PRESETS) -> None:
        self._source = open_source(config)
        self._resolver = resolver

    async def fetch(self, operator_id: str) -> Credentials:
        """Raises CredentialsError; its text names the rule broken, never a value."""
        body = await self._source.fetch_answer(operator_id)
        try:
            return parse_credentials(body, operator_id, self._resolver)
        except InvalidSettings as error:
            raise CredentialsError(f"credentials refused: {error}", slow=True) from None
