"""Tables of the relations between response ids and receipt ids (docs/contract.md §9)."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models

from ghasi.correlations.id_states import State

STATES = [(state.value, state.value) for state in State]


class IdPair(models.Model):
    """The response id and the receipt id of one part as the operator sent them, but for its subscriber's number, and
    what brought them together."""

    operator_id = models.UUIDField()
    response_id = models.CharField(max_length=64)
    receipt_id = models.CharField(max_length=80)
    source = models.CharField(max_length=12)
    seen_at = models.DateTimeField()

    class Meta:
        db_table = '"smpp"."id_pairs"'
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(fields=["operator_id", "response_id", "receipt_id"], name="id_pairs_once"),
        ]

    def __str__(self) -> str:
        return f"{self.response_id} {self.receipt_id}"


class IdRelation(models.Model):
    """What is known of one operator's ids, and what is done about it (ghasi/correlations/id_states.py)."""

    operator_id = models.UUIDField(primary_key=True)
    state = models.CharField(max_length=12, choices=STATES)
    in_force = models.CharField(max_length=200, null=True, help_text="How receipt ids are read.")  # noqa: DJ001
    candidate = models.CharField(max_length=200, null=True, help_text="Waits for a person.")  # noqa: DJ001
    rejected = ArrayField(models.TextField(), default=list, help_text="Never proposed again.")
    changed_at = models.DateTimeField(help_text="When the state changed.")
    in_force_at = models.DateTimeField(null=True)
    changed_by = models.CharField(max_length=150)
    usual_misfits = models.FloatField(default=0.0, help_text="Share of pairs that did not fit when it was accepted.")
    usual_misses = models.FloatField(
        null=True, help_text="Share of receipts without a part, first measured in force."
    )
    evidence = models.JSONField(default=dict)
    judged_at = models.DateTimeField()
    taken = models.BigIntegerField(default=0)
    missed = models.BigIntegerField(default=0)
    window_at = models.DateTimeField(null=True)
    window_taken = models.BigIntegerField(default=0)
    window_missed = models.BigIntegerField(default=0)

    class Meta:
        db_table = '"smpp"."id_relations"'
        default_permissions = ("view",)
        permissions = [("decide_idrelation", "Can accept and reject id relations")]
        verbose_name = "id relation"

    def __str__(self) -> str:
        return f"{self.operator_id} {self.state}"
