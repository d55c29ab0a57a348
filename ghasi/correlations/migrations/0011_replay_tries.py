"""Replays that are cut off go on with the tries that they had begun."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("correlations", "0010_lost_commands")]

    operations = [
        migrations.CreateModel(
            name="ReplayTry",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("run", models.UUIDField()),
                ("message_id", models.UUIDField()),
                ("attempt", models.IntegerField(help_text="The attempt that the new try follows; 0 for none.")),
                ("begun_at", models.DateTimeField()),
            ],
            options={"db_table": '"smpp"."replay_tries"', "default_permissions": ()},
        ),
        migrations.AddConstraint(
            "ReplayTry", models.UniqueConstraint(fields=("run", "message_id"), name="replay_tries_once")
        ),
        migrations.AddIndex("ReplayTry", models.Index(fields=["message_id"], name="replay_tries_message")),
        migrations.AddIndex("ReplayTry", models.Index(fields=["begun_at"], name="replay_tries_begun")),
        migrations.AddField(
            "BulkItem",
            "attempt",
            models.IntegerField(
                help_text="The attempt that a replay follows, as the preview found it; 0 for none.", null=True
            ),
        ),
        migrations.AddIndex(
            "BulkItem",
            models.Index(condition=models.Q(("state", "begun")), fields=["bulk"], name="bulk_items_begun"),
        ),
    ]
