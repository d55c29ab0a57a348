"""Operators this installation has seen. Credentials are never stored (docs/contract.md §6)."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models

from ghasi.operators.actions import OperatorAction

__all__ = ["Operator", "OperatorAction", "Profile", "ProfileChange"]


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
        permissions = [("control_sessions", "Can bind, unbind, drain and rebind operators")]

    def __str__(self) -> str:
        return self.name or str(self.operator_id)


class Profile(models.Model):
    """A live profile (docs/profiles.md). One named like an operator's id is that operator's own."""

    name = models.CharField(max_length=60, primary_key=True)
    document = models.JSONField(default=dict)
    version = models.PositiveIntegerField(default=1)
    updated_at = models.DateTimeField()
    updated_by = models.CharField(max_length=150, blank=True)

    class Meta:
        db_table = '"smpp"."operator_profiles"'

    def __str__(self) -> str:
        return self.name


class ProfileChange(models.Model):
    """One version of a live profile: who made it, when, why, and what it says otherwise than the one before.

    Kept when the profile is taken away, which is a version of its own without a document.
    """

    profile_name = models.CharField(max_length=60)
    version = models.PositiveIntegerField()
    changed_at = models.DateTimeField()
    changed_by = models.CharField(max_length=150, blank=True)
    reason = models.CharField(max_length=200, blank=True)
    document = models.JSONField(null=True)
    changes = models.JSONField(default=list)
    """Lists of path, value before, value after, of the effective profiles."""

    class Meta:
        db_table = '"smpp"."operator_profile_changes"'
        default_permissions = ("view",)
        constraints = [
            models.UniqueConstraint(fields=("profile_name", "version"), name="operator_profile_changes_version")
        ]

    def __str__(self) -> str:
        return f"{self.profile_name} {self.version}"


class OperatorMinute(models.Model):
    """What happened with one operator in one minute, in parts; for charts, not for the books.

    Workers add to it every few seconds, so that a process that is killed takes its last seconds with it.
    `to_wire` and `answered` are histograms with the bounds of `ghasi.operators.minutes`.
    """

    minute = models.DateTimeField()
    operator_id = models.UUIDField()
    submitted = models.BigIntegerField(default=0)
    retried = models.BigIntegerField(default=0)
    refused = models.BigIntegerField(default=0)
    held = models.BigIntegerField(default=0)
    in_doubt = models.BigIntegerField(default=0)
    dlr_delivered = models.BigIntegerField(default=0)
    dlr_accepted = models.BigIntegerField(default=0)
    dlr_undeliverable = models.BigIntegerField(default=0)
    dlr_expired = models.BigIntegerField(default=0)
    dlr_rejected = models.BigIntegerField(default=0)
    dlr_deleted = models.BigIntegerField(default=0)
    dlr_unknown = models.BigIntegerField(default=0)
    to_wire = ArrayField(models.BigIntegerField(), default=list)
    answered = ArrayField(models.BigIntegerField(), default=list)

    class Meta:
        db_table = '"smpp"."operator_minutes"'
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["minute", "operator_id"], name="operator_minutes_once")]

    def __str__(self) -> str:
        return f"{self.minute} {self.operator_id}"
