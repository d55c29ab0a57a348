"""The inbox found by the id a receipt names, whatever became of it, and by the part it found."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("correlations", "0005_receipt_cause")]

    operations = [
        AddIndexConcurrently("InboxReceipt", models.Index(models.F("lookup_keys__0"), name="receipts_inbox_key")),
        AddIndexConcurrently(
            "InboxReceipt",
            models.Index(
                fields=["matched_row"],
                condition=models.Q(matched_row__isnull=False),
                name="receipts_inbox_matched",
            ),
        ),
    ]
