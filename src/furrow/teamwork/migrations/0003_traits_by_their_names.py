"""What a profile accepts is named as the ownership rules name it: "region" meant the city there, and
"skill" the category."""

from django.db import migrations

RENAMED = {"region": "city", "skill": "category"}


def rename(apps, schema_editor):
    _rename(apps, RENAMED)


def back(apps, schema_editor):
    _rename(apps, {new: old for old, new in RENAMED.items()})


def _rename(apps, names):
    for profile in apps.get_model("teamwork", "Profile").objects.exclude(accepts={}):
        profile.accepts = {names.get(name, name): said for name, said in profile.accepts.items()}
        profile.save(update_fields=["accepts"])


class Migration(migrations.Migration):
    dependencies = [("teamwork", "0002_first_touches_in_order")]
    operations = [migrations.RunPython(rename, back)]
