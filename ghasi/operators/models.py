"""Operators this installation has seen. Credentials are never stored (docs/contract.md §6)."""

from __future__ import annotations

from django.db import models


class Operator(models.Model):
    """An operator as last seen in the session bucket."""

    operator_id = models.UUIDField(primary_key=True)
    name = models.CharField(max_length=128, blank=True)
    state = models.CharField(max_length=16, blank=True)
    reason = models.CharField(max_length=128, blank=True)
    tps_limit = models.IntegerField(default=0)
    backup_operator_id = models.UUIDField(null=True)
    first_seen_at = models.DateTimeField()
    last_seen_at = models.DateTimeField()

    class Meta:
        db_table = '"smpp"."operators"'
        default_permissions = ("view",)

    def __str__(self) -> str:
        return self.name or str(self.operator_id)
