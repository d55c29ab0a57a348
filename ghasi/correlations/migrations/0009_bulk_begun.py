"""Things of a bulk action are begun before they are done, and known by name where they have no message."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("correlations", "0008_receipt_tlvs")]

    operations = [
        migrations.AddField(
            "BulkItem",
            "known_as",
            models.CharField(
                blank=True, db_default="", default="", help_text="Its name where it has no message.", max_length=100
            ),
        ),
        migrations.AddField("BulkItem", "operator_id", models.UUIDField(null=True)),
        migrations.AlterField(
            "BulkItem",
            "state",
            models.CharField(
                choices=[("waiting", "waiting"), ("begun", "begun"), ("done", "done"), ("refused", "refused")],
                default="waiting",
                max_length=8,
            ),
        ),
    ]
