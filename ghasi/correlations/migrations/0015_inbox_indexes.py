"""The inbox's sweep reads what is due and nothing else: an index of the receipts that still can be matched, in the
order in which they are tried, and one of those the platform has not been told of.

Receipts that are past their time when this is applied leave the first index as the sweep comes to them.
"""

from datetime import timedelta

from django.contrib.postgres.operations import AddIndexConcurrently, RemoveIndexConcurrently
from django.db import migrations, models
from django.db.models import lookups


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("correlations", "0014_letters_settled")]

    operations = [
        AddIndexConcurrently(
            "InboxReceipt",
            models.Index(
                fields=["tried_at"],
                condition=models.Q(matched_at__isnull=True, unreadable__isnull=True)
                & models.Q(
                    lookups.LessThan(models.F("tried_at") - models.F("taken_at"), models.Value(timedelta(hours=72)))
                ),
                name="receipts_inbox_due",
            ),
        ),
        AddIndexConcurrently(
            "InboxReceipt",
            models.Index(
                fields=["taken_at"],
                condition=models.Q(matched_at__isnull=True, given_up_at__isnull=True, unreadable__isnull=True),
                name="receipts_inbox_untold",
            ),
        ),
        RemoveIndexConcurrently("InboxReceipt", "receipts_inbox_tried"),
    ]
