"""How fast a list becomes customers: upload, check, import, in rows per second.

    python bench/imports.py --rows 100000

Makes its own list: 88 % new people, 8 % rows that repeat an earlier one in another spelling,
3 % without a usable number, 1 % with two numbers. Works in a database it creates and drops.
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random

from measuring import database, postgres_server, processor_seconds, tell, tell_table

SURNAMES = (
    "王李张刘陈杨黄赵吴周徐孙马朱胡郭何高林罗郑梁谢宋唐许韩冯邓曹彭曾肖田董袁潘于蒋蔡余杜叶程"
)
GIVEN = (
    "伟芳娜秀英敏静丽强磊军洋勇艳杰娟涛明超霞平刚桂兰华红玉梅建国志文斌辉海燕鹏飞宇浩轩子涵梓欣怡"
)
ROADS = [f"{a}{b}路" for a in "中山人民解放建设和平新华文化长江" for b in "东南西北一二三四"]
CITIES = ["北京", "上海", "广州", "深圳", "成都", "杭州", "武汉", "西安", "南京", "重庆"]


def people(count: int, seed: int = 7) -> Iterator[list[str]]:
    """Rows of name, number, city, address; the same for the same count and seed."""
    random = Random(seed)
    earlier: list[list[str]] = []
    for number in range(count):
        kind = random.random()
        if kind < 0.08 and earlier:
            name, phone, city, address = earlier[random.randrange(len(earlier))]
            yield [name + "先生", f"+86 {phone[:3]}-{phone[3:7]}-{phone[7:]}", city, address]
            continue
        name = random.choice(SURNAMES) + "".join(random.choices(GIVEN, k=random.choice((1, 2, 2))))
        phone = f"1{random.choice('3578')}{number:09d}"
        city = random.choice(CITIES)
        address = (
            f"{city}市{random.choice(ROADS)}{random.randrange(1, 900)}号{random.randrange(1, 30)}室"
        )
        row = [name, phone, city, address]
        if kind > 0.97:
            row[1] = random.choice(("", "无", "1.38E+10"))
        elif kind > 0.96:
            row[1] = f"{phone}/0{random.choice(('10', '21'))}-{60000000 + number}"
        elif random.random() < 0.01:
            earlier.append(row)
        yield row


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--undo", action="store_true", help="take it back afterwards, timed too")
    chosen = parser.parse_args()
    rows = chosen.rows
    with tempfile.TemporaryDirectory() as folder, database("imports", keep=False):
        from django.conf import settings

        settings.MEDIA_ROOT = folder
        path = Path(folder) / "list.csv"
        with path.open("w", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(["姓名", "手机号", "城市", "地址"])
            writer.writerows(people(rows))
        measure(path, rows, undo=chosen.undo)
    return 0


def measure(path: Path, rows: int, *, undo: bool) -> None:
    from django.utils import timezone

    from furrow.acquisition import actions
    from furrow.organisation.actions import system_user

    by = system_user()
    source = actions.create_source(name="bench", by=by, at=timezone.now())
    server = postgres_server()
    phases: dict[str, list[float]] = {}  # seconds; of the processors in Python, in PostgreSQL

    @contextlib.contextmanager
    def timed(phase: str) -> Iterator[None]:
        before = time.perf_counter(), _python_seconds(), processor_seconds(server)
        yield
        after = time.perf_counter(), _python_seconds(), processor_seconds(server)
        spent = phases.setdefault(phase, [0.0, 0.0, 0.0])
        spent[:] = [s + b - a for s, a, b in zip(spent, before, after, strict=True)]

    with timed("upload"), path.open("rb") as file:
        batch = actions.upload_list(
            source=source, chunks=iter(lambda: file.read(1 << 20), b""), file_name="list.csv",
            by=by, at=timezone.now(),
        )  # fmt: skip
    for start in (actions.start_check, actions.start_import, *([actions.start_undo] * undo)):
        start(batch=batch, by=by, at=timezone.now())
        going = True
        while going:
            batch.refresh_from_db()
            with timed(str(batch.progress["phase"])):
                going = actions.take_step(batch_id=batch.pk, at=timezone.now())
    batch.refresh_from_db()
    phases["in all"] = [sum(of) for of in zip(*phases.values(), strict=True)]
    memory, in_pool = (
        resource.getrusage(of).ru_maxrss // 1024
        for of in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
    tell_table(
        f"A list of {rows:,} rows",
        ("", "seconds", "CPU s in Python", "CPU s in PostgreSQL", "rows a second"),
        [
            (
                name, f"{seconds:.1f}", f"{python:.1f}", f"{postgres:.1f}",
                f"{rows / max(seconds, 0.001):,.0f}",
            )
            for name, (seconds, python, postgres) in phases.items()
        ],
    )  # fmt: skip
    tell(f"State: {batch.state}; {batch.counts}; at most {memory} MB of memory in Python.")
    tell(f"Each process that helped reading took at most {in_pool} MB.")


def _python_seconds() -> float:
    """Of this process, and of those it started that have ended."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


if __name__ == "__main__":
    sys.exit(main())
