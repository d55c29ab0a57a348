"""Actions without a result are found without looking through the others."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("operators", "0004_minutes")]

    operations = [
        migrations.AddIndex(
            model_name="operatoraction",
            index=models.Index(condition=models.Q(("result", "asked")), fields=["at"], name="operator_actions_asked"),
        ),
    ]
