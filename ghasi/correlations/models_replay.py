"""Tries that commands have begun (docs/contract.md §9)."""

from __future__ import annotations

from django.db import models


class ReplayTry(models.Model):
    """A message that a run of `replay` or `held resend` is about to publish, or has; gone when the run has ended."""

    run = models.UUIDField()
    message_id = models.UUIDField()
    attempt = models.IntegerField(help_text="The attempt that the new try follows; 0 for none.")
    begun_at = models.DateTimeField()

    class Meta:
        db_table = '"smpp"."replay_tries"'
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["run", "message_id"], name="replay_tries_once")]
        indexes = [
            models.Index(fields=["message_id"], name="replay_tries_message"),
            models.Index(fields=["begun_at"], name="replay_tries_begun"),
        ]

    def __str__(self) -> str:
        return f"{self.message_id} after {self.attempt}"
