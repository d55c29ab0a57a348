"""Bulk actions of the staff: what was chosen and ordered, and how far it is (docs/operations.md, "Bulk actions")."""

from __future__ import annotations

from django.db import models

DRAFT, RUNNING, DONE, STOPPED = "draft", "running", "done", "stopped"
WAITING, BEGUN, CARRIED_OUT, REFUSED = "waiting", "begun", "done", "refused"
STATES = [(one, one) for one in (DRAFT, RUNNING, DONE, STOPPED)]
ITEM_STATES = [(one, one) for one in (WAITING, BEGUN, CARRIED_OUT, REFUSED)]
OPEN = [WAITING, BEGUN]


class BulkAction(models.Model):
    """One action on many things. A draft is a preview; nothing happens before it is ordered."""

    kind = models.CharField(max_length=32, help_text="What is done, such as dead_letter.replay.")
    state = models.CharField(max_length=8, choices=STATES, default=DRAFT)
    made_at = models.DateTimeField()
    made_by = models.CharField(max_length=150)
    chosen = models.IntegerField(help_text="Things the list had, of which the first were taken.")
    options = models.JSONField(default=dict)
    reason = models.CharField(max_length=500, blank=True)
    rate = models.IntegerField(default=0, help_text="Things a second at most.")
    ordered_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    stopped_by = models.CharField(max_length=150, blank=True)

    class Meta:
        db_table = '"smpp"."bulk_actions"'
        default_permissions = ("view",)
        verbose_name = "bulk action"
        indexes = [
            models.Index(fields=["ordered_at"], condition=models.Q(state=RUNNING), name="bulk_actions_running"),
            models.Index(fields=["made_at"], name="bulk_actions_made"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.pk}"


class BulkItem(models.Model):
    """One thing of a bulk action, once in it. `target` is the primary key of what it is done to.

    It is begun before anything is done: what was cut off is known by that.
    """

    bulk = models.ForeignKey(BulkAction, models.CASCADE, related_name="items")
    target = models.CharField(max_length=40)
    message_id = models.UUIDField(null=True)
    shown = models.CharField(max_length=200, help_text="What the sample says of it, without numbers.")
    known_as = models.CharField(
        max_length=100, blank=True, default="", db_default="", help_text="Its name where it has no message."
    )
    operator_id = models.UUIDField(null=True)
    attempt = models.IntegerField(
        null=True, help_text="The attempt that a replay follows, as the preview found it; 0 for none."
    )
    doubles = models.BooleanField(default=False, help_text="It may reach the handset twice.")
    state = models.CharField(max_length=8, choices=ITEM_STATES, default=WAITING)
    result = models.CharField(max_length=200, blank=True)
    done_at = models.DateTimeField(null=True)

    class Meta:
        db_table = '"smpp"."bulk_items"'
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["bulk", "target"], name="bulk_items_once")]
        indexes = [
            models.Index(fields=["bulk", "state", "id"], name="bulk_items_next"),
            models.Index(fields=["bulk"], condition=models.Q(state=BEGUN), name="bulk_items_begun"),
        ]

    def __str__(self) -> str:
        return f"{self.bulk_id} {self.target}"
