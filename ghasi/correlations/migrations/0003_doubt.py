"""Receipts that prove parts in doubt (docs/architecture.md, receipts): what they are looked up by.

The index over the ledger holds only parts that were in doubt and have no id. Its columns never change by a receipt, so
that the update of an ordinary row still stays on its page. It is built day by day beside the traffic; a run that was
cut off is simply run again.
"""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models
from django.db.models.functions import Right

INDEX = "message_correlations_doubtful"
WHAT = """(operator_id, right(destination, 8))
    WHERE in_doubt_at IS NOT NULL AND operator_message_keys IS NULL"""

PARTITIONS = """
SELECT child.relname FROM pg_inherits i JOIN pg_class child ON child.oid = i.inhrelid
WHERE i.inhparent = 'smpp.message_correlations'::regclass AND NOT i.inhdetachpending ORDER BY 1
"""
BROKEN = """
SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_index x ON x.indexrelid = c.oid
WHERE n.nspname = 'smpp' AND c.relname = %s AND NOT x.indisvalid
"""


def index_the_ledger(_apps, schema_editor):
    with schema_editor.connection.cursor() as cursor:
        cursor.execute(f"CREATE INDEX IF NOT EXISTS {INDEX} ON ONLY smpp.message_correlations {WHAT}")
        cursor.execute(PARTITIONS)
        for (partition,) in cursor.fetchall():
            name = f"{partition}_doubtful"
            cursor.execute(BROKEN, [name])
            if cursor.fetchone():
                cursor.execute(f"DROP INDEX CONCURRENTLY smpp.{name}")
            cursor.execute(f"CREATE INDEX CONCURRENTLY IF NOT EXISTS {name} ON smpp.{partition} {WHAT}")
            cursor.execute(f"ALTER INDEX smpp.{INDEX} ATTACH PARTITION smpp.{name}")


def drop_the_index(_apps, schema_editor):
    with schema_editor.connection.cursor() as cursor:
        cursor.execute(f"DROP INDEX IF EXISTS smpp.{INDEX}")


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("correlations", "0002_accounting")]

    operations = [
        migrations.AddField("InboxReceipt", "submit_date", models.DateTimeField(null=True)),
        migrations.AddField("InboxReceipt", "user_message_reference", models.CharField(max_length=64, null=True)),
        migrations.AddField(
            "InboxReceipt",
            "undecided",
            models.CharField(
                max_length=64, null=True, help_text="It may mean parts in doubt, but nothing tells which."
            ),
        ),
        AddIndexConcurrently(
            "InboxReceipt",
            models.Index(
                models.F("operator_id"),
                Right("destination", 8),
                condition=models.Q(matched_at__isnull=True, unreadable__isnull=True),
                name="receipts_inbox_subscriber",
            ),
        ),
        migrations.RunPython(index_the_ledger, drop_the_index),
    ]
