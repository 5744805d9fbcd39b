import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('acquisition', '0004_one_door'),
    ]

    operations = [
        migrations.AlterField(
            model_name='lead',
            name='batch',
            field=models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, to='acquisition.batch'),
        ),
        migrations.AlterField(
            model_name='lead',
            name='customer',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='leads', to='customers.customer'),
        ),
        migrations.AlterField(
            model_name='lead',
            name='source',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, to='acquisition.source'),
        ),
        migrations.AlterField(
            model_name='row',
            name='batch',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='row_set', to='acquisition.batch'),
        ),
    ]
