from django.contrib.postgres.indexes import GinIndex
from django.db import migrations


class Migration(migrations.Migration):
    """The same index, told to gather what comes before it files it: nothing is built anew."""

    dependencies = [("customers", "0008_email_and_wechat_keys")]

    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[
                migrations.RunSQL(
                    "ALTER INDEX customer_grams SET (fastupdate = on, gin_pending_list_limit = 512)",
                    "ALTER INDEX customer_grams SET (fastupdate = off)",
                ),
            ],
            state_operations=[
                migrations.RemoveIndex(model_name="customer", name="customer_grams"),
                migrations.AddIndex(
                    model_name="customer",
                    index=GinIndex(
                        name="customer_grams",
                        fields=["grams"],
                        fastupdate=True,
                        gin_pending_list_limit=512,
                    ),
                ),
            ],
        ),
    ]
