"""Why a certification run cannot begin or go on, typed by what the person does next."""

from __future__ import annotations


class ProbeError(Exception):
    """The run cannot begin: one line that says what to correct. Never holds a secret or a number."""


class Unanswered(ProbeError):
    """Operator management was not reached, or would not tell the account."""


class NoConnection(Exception):
    """Nobody answers there, or TLS failed; the text says which."""


class NoSession(Exception):
    """The bind was not accepted, or the session ended; the text says why. `status` is the refusal's."""

    def __init__(self, reason: str, status: int | None = None) -> None:
        super().__init__(reason)
        self.status = status


class BudgetSpent(Exception):
    """As many messages have been sent as the person allowed."""
