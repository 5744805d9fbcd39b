"""What is done in sets inside PostgreSQL, beside the plain reading of what it should do."""

from collections import defaultdict

import pytest
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from furrow.acquisition import actions
from furrow.acquisition.actions import checking, reading
from furrow.acquisition.models import Batch, Hint, Row
from furrow.acquisition.rules import BatchState, Columns, read_row, worth_comparing
from furrow.customers.actions import create_customer
from furrow.customers.models import Customer, Number
from furrow.customers.tests.make import make_customer
from furrow.linkage.queries import record_of
from furrow.linkage.rules import MOST_BY_ADDRESS, MOST_BY_NAME, WORTH_ASKING_BITS, Probe, keys_of
from furrow.science.linkage.addresses import address_key
from furrow.science.linkage.compare import compare_profiles
from furrow.science.linkage.profiles import Rarity, profile

from .make import carry_out, check, make_list, work

HEADERS = ("姓名", "手机号", "城市", "地址")


# -- COPY by hand ----------------------------------------------------------------------------------


@pytest.mark.django_db
@given(st.lists(st.text(st.characters(codec="utf-8"), max_size=12), max_size=4))
def test_arrays_and_texts_come_back_as_they_were_sent(values: list[str]) -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("CREATE TEMPORARY TABLE IF NOT EXISTS sent (a text[], t text)")
        cursor.execute("DELETE FROM sent")
        with cursor.copy("COPY sent FROM STDIN") as copy:
            copy.write(f"{reading._array(values)}\t{reading._escaped(''.join(values))}\n")
        cursor.execute("SELECT a, t FROM sent")
        [(array, text)] = cursor.fetchall()
    assert array == [value.replace("\0", "") for value in values]
    assert text == "".join(values).replace("\0", "")


# -- whom a row may be -----------------------------------------------------------------------------


@pytest.mark.django_db
def test_hints_are_every_shared_key_that_few_share() -> None:
    known = make_customer(name="张伟", numbers=["+8613900139000"], address="张江路18号")
    rows = [
        ("张伟", "13800138001", "上海", "中山路1号"),
        ("張偉先生", "13800138002", "上海", "张江路18号"),
        ("李娜", "138-0013-8001", "北京", ""),
        ("王芳", "13900139000", "北京", "中山路1号"),
        *((f"赵{n}号", f"1370013{n:04d}", "", "人民路9号") for n in range(MOST_BY_ADDRESS + 1)),
        *(("周杰", f"1360013{n:04d}", "深圳", "") for n in range(MOST_BY_NAME + 1)),
    ]
    batch = make_list(rows, headers=HEADERS)
    actions.start_check(batch=batch, by=batch.by, at=timezone.now())
    list(reading.read_file(batch=Batch.objects.get(pk=batch.pk)))
    checking.gather_hints(batch=batch)

    by_key = defaultdict(set)
    for row in Row.objects.filter(batch=batch):
        for key in row.keys:
            by_key[key].add(row.line)
    expected: dict[int, set[int]] = defaultdict(set)
    for key, lines in by_key.items():
        if len(lines) <= (MOST_BY_NAME if key.startswith("k:") else MOST_BY_ADDRESS):
            for line in lines:
                expected[line] |= {other for other in lines if other < line}
    hints = {hint.line: hint for hint in Hint.objects.filter(batch=batch)}
    assert {line: set(hint.lines) for line, hint in hints.items() if hint.lines} == {
        line: lines for line, lines in expected.items() if lines
    }
    assert {line for line, hint in hints.items() if hint.customers} == {1, 2, 4}
    assert set(hints[4].customers) == {known.pk}


person = st.fixed_dictionaries(
    {
        "name": st.sampled_from(
            ["张伟", "张薇", "李娜", "王芳", "张先生", "王小明", "王小红", "欧阳娜"]
        ),
        "phone": st.sampled_from(
            ["13800138001", "13800138002", "13911112222", "18655667788", "010-65529988", ""]
        ),
        "city": st.sampled_from(["上海", "北京", ""]),
        "address": st.sampled_from(
            ["张江路18号", "张江路18号3室", "张江路19号", "长江路18号", "人民大道7号", ""]
        ),
        "email": st.sampled_from(["", "a.long.name@example.cn", "a.long.nome@example.cn"]),
        "wechat": st.sampled_from(["", "zhangwei88", "lina_1999"]),
        "birthday": st.sampled_from(["", "1980-05-01", "1980-05-10"]),
    }
)


@given(a=person, b=person, rows=st.integers(500, 5_000_000))
def test_what_is_not_worth_comparing_would_not_be_worth_asking(
    a: dict[str, str], b: dict[str, str], rows: int
) -> None:
    columns = Columns.of(list(a), {field: field for field in a})
    read = [read_row(list(one.values()), columns, region="CN") for one in (a, b)]
    probes = [reading.probe_of(1, one.facts, one.numbers) for one in read]
    keys = [set(keys_of(probe)) for probe in probes]
    shared = {key[0] for key in keys[0] & keys[1]}
    is_worth = worth_comparing(
        shared=shared,
        numbers=(read[0].numbers, read[1].numbers),
        facts=(read[0].facts, read[1].facts),
        address_keys=(probes[0].address_key, probes[1].address_key),
    )
    left, right = (profile(probe.record) for probe in probes)
    if shared and not is_worth:
        assert compare_profiles(left, right, Rarity(max(rows, 5000))).weight < WORTH_ASKING_BITS


# -- new customers in sets ------------------------------------------------------------------------


@pytest.mark.django_db
def test_a_customer_from_a_list_is_as_one_recorded_by_hand() -> None:
    batch = carry_out(
        make_list(
            [("欧阳 娜娜", "+1 310-246-1501 / 13800138001", "上海市", "张江路十八号")],
            headers=HEADERS,
        )
    )
    [listed] = Customer.objects.all()
    numbers = list(listed.numbers.order_by("id").values_list("e164", flat=True))
    Number.objects.all().delete()
    by_hand = create_customer(
        name=listed.name, numbers=[str(n) for n in numbers], city=listed.city,
        address=listed.address, by=batch.by, at=timezone.now(),
    )  # fmt: skip

    made = ("kind", "grams", "sort_key", "name_key", "address_key", "profile", "email", "category")
    assert [getattr(listed, name) for name in made] == [getattr(by_hand, name) for name in made]
    assert listed.name_key == "欧阳娜娜"
    assert listed.address_key == address_key("张江路18号")


@pytest.mark.django_db
def test_numbers_abroad_get_their_region_and_clock() -> None:
    carry_out(make_list([("Jo Smith", "+1 310-246-1501"), ("张伟", "13800138001")]))

    places = dict(Number.objects.order_by("id").values_list("region", "time_zone"))
    assert places == {"US": "America/Los_Angeles", "CN": "Asia/Shanghai"}


@pytest.mark.django_db
def test_a_number_recorded_since_the_check_is_joined_and_the_rest_of_its_chunk_created() -> None:
    batch = check(make_list([("张伟", "13800138001"), ("李娜", "13800138002")]))
    make_customer(name="张伟", numbers=["+8613800138001"])

    actions.start_import(batch=batch, by=batch.by, at=timezone.now())
    batch = work(batch)

    assert batch.state == BatchState.DONE
    assert batch.counts == {"created": 1, "joined": 1, "skipped": 0, "failed": 0}


def test_a_row_says_who_it_is_by_every_key() -> None:
    one = record_of(
        1, "张伟", ("+8613800138000",), city="深圳市", address="张江路18号",
        email="Zhang.Wei@163.com",
        details={"wechat": "zhangwei88"},
    )  # fmt: skip
    assert keys_of(Probe(one)) == [
        "n:+8613800138000", "k:张伟/深圳", "a:张江路 18", "e:zhang.wei@163.com", "w:zhangwei88",
    ]  # fmt: skip


@pytest.mark.django_db
def test_a_long_list_is_read_by_several_processes_and_stored_in_order(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(reading, "READ_ROWS", 3)
    monkeypatch.setattr(reading, "ALONE", 1)
    rows = [(f"客户{n}", f"1380013{n:04d}") for n in range(1000, 1020)]
    batch = check(make_list(rows))

    assert batch.rows == 20
    stored = Row.objects.filter(batch=batch).order_by("line").values_list("line", "facts")
    assert [(line, facts["name"]) for line, facts in stored] == [
        (line, name) for line, (name, _number) in enumerate(rows, start=1)
    ]
