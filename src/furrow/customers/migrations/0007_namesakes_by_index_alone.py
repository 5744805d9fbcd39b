from django.contrib.postgres.operations import AddIndexConcurrently, RemoveIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        ('customers', '0006_planted'),
    ]

    operations = [
        AddIndexConcurrently(
            model_name='customer',
            index=models.Index(condition=models.Q(('merged_into', None)), fields=['name_key', 'id'], name='customer_of_name'),
        ),
        AddIndexConcurrently(
            model_name='customer',
            index=models.Index(condition=models.Q(('merged_into', None)), fields=['address_key', 'id'], name='customer_of_address'),
        ),
        RemoveIndexConcurrently(
            model_name='customer',
            name='customer_by_name_key',
        ),
        RemoveIndexConcurrently(
            model_name='customer',
            name='customer_by_address_key',
        ),
    ]
