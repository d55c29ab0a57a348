"""The inbox's sweep reads what is due and nothing else: an index of the receipts that still can be matched, in the
order in which they are tried, and one of those the platform has not been told of.

Receipts that are past their time when this is applied leave the first index as the sweep comes to them. The indexes
are built beside the traffic and named with their schema, in which nobody's search path looks; a run that was cut off
is simply run again.
"""

from datetime import timedelta

from django.db import migrations, models
from django.db.models import lookups

DUE = "matched_at IS NULL AND unreadable IS NULL AND tried_at - taken_at < interval '72 hours'"
UNTOLD = "matched_at IS NULL AND given_up_at IS NULL AND unreadable IS NULL"


def dropped(name):
    return [f"DROP INDEX CONCURRENTLY IF EXISTS smpp.{name}"]


def made(name, column, condition):
    return [
        *dropped(name),
        f"CREATE INDEX CONCURRENTLY {name} ON smpp.receipts_inbox ({column}) WHERE {condition}",
    ]


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("correlations", "0014_letters_settled")]

    operations = [
        migrations.RunSQL(
            made("receipts_inbox_due", "tried_at", DUE),
            dropped("receipts_inbox_due"),
            state_operations=[
                migrations.AddIndex(
                    "InboxReceipt",
                    models.Index(
                        fields=["tried_at"],
                        condition=models.Q(matched_at__isnull=True, unreadable__isnull=True)
                        & models.Q(
                            lookups.LessThan(
                                models.F("tried_at") - models.F("taken_at"), models.Value(timedelta(hours=72))
                            )
                        ),
                        name="receipts_inbox_due",
                    ),
                )
            ],
        ),
        migrations.RunSQL(
            made("receipts_inbox_untold", "taken_at", UNTOLD),
            dropped("receipts_inbox_untold"),
            state_operations=[
                migrations.AddIndex(
                    "InboxReceipt",
                    models.Index(
                        fields=["taken_at"],
                        condition=models.Q(
                            matched_at__isnull=True, given_up_at__isnull=True, unreadable__isnull=True
                        ),
                        name="receipts_inbox_untold",
                    ),
                )
            ],
        ),
        migrations.RunSQL(
            dropped("receipts_inbox_tried"),
            made("receipts_inbox_tried", "tried_at", "matched_at IS NULL"),
            state_operations=[migrations.RemoveIndex("InboxReceipt", "receipts_inbox_tried")],
        ),
    ]
