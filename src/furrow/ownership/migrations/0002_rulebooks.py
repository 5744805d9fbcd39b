# Versions of the rules and the nights' runs are kept for every book of rules together.

from django.db import migrations


class Migration(migrations.Migration):

    dependencies = [
        ('ownership', '0001_initial'),
        ('rulebooks', '0001_initial'),
    ]

    operations = [
        migrations.RunSQL(
            sql=[
                "INSERT INTO rulebooks_ruleversion (book, version, body, note, by_id, at, from_at)"
                " SELECT 'ownership', version, body, note, by_id, at, from_at"
                " FROM ownership_ruleversion ORDER BY version",
                "INSERT INTO rulebooks_run"
                " (book, \"on\", at, rule_version, done_to, found, finished_at)"
                " SELECT 'ownership', \"on\", at, rule_version, done_to,"
                " jsonb_build_object('announced', announced), finished_at FROM ownership_run",
            ],
            reverse_sql=migrations.RunSQL.noop,
        ),
        # The rows' deferred keys are checked before the tables go.
        migrations.RunSQL("SET CONSTRAINTS ALL IMMEDIATE", "SET CONSTRAINTS ALL IMMEDIATE"),
        migrations.DeleteModel(name='Run'),
        migrations.DeleteModel(name='RuleVersion'),
    ]
