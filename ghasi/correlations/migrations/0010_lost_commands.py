"""Lost commands that nobody has acknowledged, found at once however many commands are open."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("correlations", "0009_bulk_begun")]

    operations = [
        AddIndexConcurrently(
            "AccountingOpen",
            models.Index(
                fields=["operator_id"],
                condition=models.Q(lost_at__isnull=False, acknowledged_at__isnull=True),
                name="accounting_open_lost",
            ),
        ),
    ]
