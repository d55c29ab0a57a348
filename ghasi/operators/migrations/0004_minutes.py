"""What happened minute by minute, in schema smpp; the result of an order may come after it, once."""

import django.contrib.postgres.fields
from django.db import migrations, models

COUNTS = (
    "submitted",
    "retried",
    "refused",
    "held",
    "in_doubt",
    "dlr_delivered",
    "dlr_accepted",
    "dlr_undeliverable",
    "dlr_expired",
    "dlr_rejected",
    "dlr_deleted",
    "dlr_unknown",
)

# One change is let through: the result of an action that has none yet, and nothing beside it.
ONCE = """
CREATE OR REPLACE FUNCTION smpp.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF OLD.result = 'asked' AND NEW.result <> 'asked'
           AND to_jsonb(NEW) - '{result,detail}'::text[] = to_jsonb(OLD) - '{result,detail}'::text[] THEN
            RETURN NEW;
        END IF;
    END IF;
    RAISE EXCEPTION 'rows of % are never changed', TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
END $$;
"""
NEVER = """
CREATE OR REPLACE FUNCTION smpp.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'rows of % are never changed', TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
END $$;
"""


def _buckets():
    return django.contrib.postgres.fields.ArrayField(base_field=models.BigIntegerField(), default=list, size=None)


class Migration(migrations.Migration):
    dependencies = [("operators", "0003_actions")]

    operations = [
        migrations.AlterModelOptions(
            name="operator",
            options={
                "default_permissions": ("view",),
                "permissions": [("control_sessions", "Can bind, unbind, drain and rebind operators")],
            },
        ),
        migrations.RunSQL(ONCE, NEVER),
        migrations.CreateModel(
            name="OperatorMinute",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("minute", models.DateTimeField()),
                ("operator_id", models.UUIDField()),
                *((name, models.BigIntegerField(default=0)) for name in COUNTS),
                ("to_wire", _buckets()),
                ("answered", _buckets()),
            ],
            options={
                "db_table": '"smpp"."operator_minutes"',
                "default_permissions": (),
                "constraints": [
                    models.UniqueConstraint(fields=("minute", "operator_id"), name="operator_minutes_once")
                ],
            },
        ),
    ]
