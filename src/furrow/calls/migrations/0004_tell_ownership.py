from django.db import migrations

from furrow.common.sql import load_sql


def tell(apps, schema_editor):
    """The calls of the past keep their customers: nobody loses one for want of a record."""
    with schema_editor.connection.cursor() as cursor:
        cursor.execute(load_sql("furrow.calls", "past_acts"), {"talk_seconds": 30})
        cursor.execute(
            "INSERT INTO ownership_standing (customer_id, effective_at, dealt_at)"
            " SELECT customer_id, max(at) FILTER (WHERE is_effective),"
            " max(at) FILTER (WHERE is_deal) FROM ownership_act"
            " WHERE is_effective OR is_deal GROUP BY customer_id"
        )


class Migration(migrations.Migration):

    dependencies = [
        ("calls", "0003_taken_when_answered"),
        ("ownership", "0001_initial"),
    ]

    operations = [migrations.RunPython(tell, migrations.RunPython.noop, elidable=True)]
