from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models
from django.db.models import Q
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Lower


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        ('customers', '0007_namesakes_by_index_alone'),
    ]

    operations = [
        AddIndexConcurrently(
            model_name='customer',
            index=models.Index(Lower('email'), models.F('id'), condition=Q(Q(('email', ''), _negated=True), ('merged_into', None)), name='customer_of_email'),
        ),
        AddIndexConcurrently(
            model_name='customer',
            index=models.Index(Lower(KeyTextTransform('wechat', 'profile')), models.F('id'), condition=Q(('profile__has_key', 'wechat'), ('merged_into', None)), name='customer_of_wechat'),
        ),
    ]
