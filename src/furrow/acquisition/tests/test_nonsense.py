"""Whatever stands in an address or a form, the answer is never a server error."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from furrow.acquisition.models import Row
from furrow.acquisition.rules import Finding
from furrow.organisation.rules import Role
from furrow.organisation.tests.make import make_user

from .make import check, make_list

pytestmark = pytest.mark.django_db
NONSENSE = ["\x00", "9" * 40, "-1", "%00", "' OR 1=1", "٣", "=cmd()"]


@pytest.mark.parametrize("said", NONSENSE)
def test_nonsense_is_refused_and_never_an_error(client: Client, said: str) -> None:
    operations = make_user(role=Role.OPERATIONS)
    client.force_login(operations)
    list_ = check(make_list([("张伟", "1.38E+10"), ("李娜", "13800138001")], by=operations))
    row = Row.objects.get(batch=list_, finding=Finding.PROBLEM)
    file = SimpleUploadedFile("x.csv", b"a,b\n1,2\n")
    source = {"name": said, "kind": said, "legal_basis": said, "purpose": said, "region": said}
    asked = [
        (reverse("import-new"), {"file": file, "source": said, "team": said, "cost": said}),
        (reverse("import-new"), {f"new-{key}": value for key, value in source.items()}),
        (reverse("source-new"), source),
        (reverse("import-row", args=[list_.pk, row.line]), {"cell-1": said, "cell-x": said}),
        (reverse("import-row", args=[list_.pk, row.line]), {"choice": said}),
        (reverse("import-choices", args=[list_.pk]), {"doubt": said, "known": said}),
        (reverse("likely-duplicates"), {"name": said, "number": said, "address": said}),
        (reverse("import-layout", args=[list_.pk]), {"sheet": said, "header_row": said}),
        (
            reverse("import-columns", args=[list_.pk]),
            {"column-0": "name", "column-1": "phone", "kind": said, "region": said},
        ),
        (reverse("import-columns", args=[list_.pk]), {"column-0": said, "column-1": said}),
    ]
    for url, form in asked:
        assert client.post(url, form).status_code < 500, url
    rows = reverse("import-rows", args=[list_.pk, "problem"])
    assert client.get(rows, {"after": said}).status_code < 500
    assert client.get(f"/lists/{'9' * 40}/").status_code == 404
    assert client.get(reverse("customers"), {"source": said}).status_code < 500
