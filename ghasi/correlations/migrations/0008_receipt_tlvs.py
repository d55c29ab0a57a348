"""Receipts in the inbox keep what of their optional parameters their event tells."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("correlations", "0007_bulk")]

    operations = [
        migrations.AddField(
            "InboxReceipt",
            "tlvs",
            models.JSONField(help_text="Names and texts of what the operator's profile reads.", null=True),
        ),
    ]
