"""Receipts in the inbox keep their cause: by the time they match, what named it is gone."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("correlations", "0004_id_relations")]

    operations = [
        migrations.AddField("InboxReceipt", "cause", models.CharField(max_length=32, null=True)),
    ]
