"""What the staff did, in schema smpp: rows that nobody can change or delete."""

from django.db import migrations, models

REFUSE = """
CREATE FUNCTION smpp.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'rows of % are never changed', TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER operator_actions_for_good BEFORE UPDATE OR DELETE ON smpp.operator_actions
    FOR EACH ROW EXECUTE FUNCTION smpp.refuse_change();
CREATE TRIGGER operator_actions_never_emptied BEFORE TRUNCATE ON smpp.operator_actions
    FOR EACH STATEMENT EXECUTE FUNCTION smpp.refuse_change();
"""
ALLOW = """
DROP TRIGGER operator_actions_never_emptied ON smpp.operator_actions;
DROP TRIGGER operator_actions_for_good ON smpp.operator_actions;
DROP FUNCTION smpp.refuse_change();
"""


class Migration(migrations.Migration):
    dependencies = [("operators", "0002_profiles")]

    operations = [
        migrations.CreateModel(
            name="OperatorAction",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("at", models.DateTimeField()),
                ("actor", models.CharField(max_length=150)),
                (
                    "action",
                    models.CharField(help_text="What was done, such as bind or dead_letter.replay.", max_length=64),
                ),
                (
                    "target_kind",
                    models.CharField(help_text="What kind of thing it was done to.", max_length=32),
                ),
                ("target", models.CharField(help_text="Its id.", max_length=100)),
                ("reason", models.CharField(blank=True, max_length=500)),
                ("detail", models.JSONField(default=dict)),
                ("result", models.CharField(blank=True, max_length=500)),
            ],
            options={
                "verbose_name": "action of the staff",
                "verbose_name_plural": "actions of the staff",
                "db_table": '"smpp"."operator_actions"',
                "default_permissions": ("view",),
                "indexes": [
                    models.Index(fields=["at"], name="operator_actions_at"),
                    models.Index(fields=["target_kind", "target"], name="operator_actions_target"),
                ],
            },
        ),
        migrations.RunSQL(REFUSE, ALLOW),
    ]
