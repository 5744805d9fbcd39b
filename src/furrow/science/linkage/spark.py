"""The pipeline on Apache Spark, for lists that outgrow one machine. Needs pyspark and Java 17."""

from __future__ import annotations

import logging
import os
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from furrow.science.linkage.engines import Row, RowFunction, Source, Unreadable, connected

# Up to here the driver finds connected components in memory (16 bytes a pair), above the cluster.
MOST_ON_DRIVER = 20_000_000
_BATCH = 8192


class SparkEngine:
    """A Spark session. Tables are temporary views, kept where they were computed.

    folder   for what the driver writes
    master   local[*], local-cluster[2,1,1024], spark://host:7077, yarn …
    settings of Spark's own, for the session that is started
    session  a session to use instead of starting one, on a cluster that is already configured
    storage  a folder every executor can reach (s3a://…, hdfs://…): tables are kept there as
             Parquet, so that a lost executor loses nothing; default: in the executors
    """

    name = "spark"

    def __init__(
        self,
        *,
        folder: Path,
        master: str = "local[*]",
        settings: Mapping[str, str] | None = None,
        session: Any = None,
        storage: str = "",
        most_on_driver: int = MOST_ON_DRIVER,
    ) -> None:
        self._folder = folder
        self._storage = storage
        self._most_on_driver = most_on_driver
        self._is_ours = session is None
        self._spark = session or _start(master, folder, settings or {})

    def load(self, table: str, sources: Sequence[Source]) -> None:
        from pyspark.sql import functions as F

        whole, start = None, 0
        for number, source in enumerate(sources):
            if source.skip > 1:
                raise Unreadable("Spark passes over one line at most")
            raw = (
                self._spark.read.option("sep", source.delimiter)
                .option("header", source.skip == 1)
                .option("enforceSchema", True)
                .option("quote", '"')
                .option("escape", '"')
                .option("multiLine", True)
                .option("mode", "FAILFAST")
                .option("encoding", "UTF-8")
                .schema(", ".join(f"c{column} STRING" for column in range(source.width)))
                .csv(str(source.path))
            )
            frame = _numbered(raw, start)
            count = frame.count()
            columns = [F.expr(sql).alias(name) for name, sql in source.columns.items()]
            frame = frame.select("row", F.lit(number).cast("bigint").alias("file"), *columns)
            whole = frame if whole is None else whole.unionAll(frame)
            start += count
        self._keep(table, whole)

    def take(self, table: str, frame: Any, columns: Mapping[str, str]) -> None:
        """A list that is a DataFrame already (Parquet in object storage, a warehouse's table).

        columns  SQL expression over the frame's columns per column of `pipeline.COLUMNS`
        """
        from pyspark.sql import functions as F

        picked = [F.expr(sql).alias(name) for name, sql in columns.items()]
        numbered = _numbered(frame, 0)
        self._keep(table, numbered.select("row", F.lit(0).cast("bigint").alias("file"), *picked))

    def put(self, table: str, schema: Mapping[str, str], rows: Sequence[Row]) -> None:
        self._spark.createDataFrame(list(rows), _ddl(schema)).createOrReplaceTempView(table)

    def make(self, table: str, sql: str) -> None:
        self._keep(table, self._spark.sql(sql))

    def drop(self, *tables: str) -> None:
        for table in tables:
            self._spark.catalog.dropTempView(table)

    def apply(
        self, table: str, sql: str, function: RowFunction, schema: Mapping[str, str], *, given: Any
    ) -> None:
        shared = self._spark.sparkContext.broadcast(given)

        def part(rows: Iterator[Any]) -> Iterator[Row]:
            batch: list[Row] = []
            for row in rows:
                batch.append(tuple(row))
                if len(batch) == _BATCH:
                    yield from function(batch, shared.value)
                    batch = []
            if batch:
                yield from function(batch, shared.value)

        source = self._spark.sql(sql)
        cores = self._spark.sparkContext.defaultParallelism
        made = source.repartition(max(2, cores)).rdd.mapPartitions(part)
        self._keep(table, self._spark.createDataFrame(made, _ddl(schema), verifySchema=False))

    def components(self, table: str, edges: str) -> None:
        pairs = self._spark.sql(edges).localCheckpoint()
        if pairs.count() > self._most_on_driver:
            self._spread(table, pairs)
            return
        found = pairs.collect()
        ids, roots = connected(
            np.array([pair[0] for pair in found], np.int64),
            np.array([pair[1] for pair in found], np.int64),
        )
        rows = list(zip(ids.tolist(), roots.tolist(), strict=True))
        self._keep(table, self._spark.createDataFrame(rows, "id BIGINT, root BIGINT"))

    def _spread(self, table: str, pairs: Any) -> None:
        """Components without the driver: every id takes the smallest root around it, then its
        root's root, until nothing changes; a chain of n takes about log2(n) rounds."""
        from pyspark.sql import functions as F

        both = pairs.select("a", "b").union(pairs.select("b", "a")).toDF("id", "other")
        both = both.distinct().localCheckpoint()
        label = both.groupBy("id").agg(F.least(F.col("id"), F.min("other")).alias("root"))
        label = label.localCheckpoint()
        while True:
            near = (
                both.join(label.toDF("other", "theirs"), "other")
                .groupBy("id")
                .agg(F.min("theirs").alias("near"))
            )
            lower = label.join(near, "id").select(
                "id", "root", F.least("root", "near").alias("lower")
            )
            jump = label.toDF("lower", "lowest")
            moved = lower.join(jump, "lower").select("id", "root", "lowest").localCheckpoint()
            is_done = moved.where("root <> lowest").isEmpty()
            label = moved.select("id", F.col("lowest").alias("root"))
            if is_done:
                break
        self._keep(table, label)

    def rows(self, sql: str) -> list[Row]:
        return [tuple(row) for row in self._spark.sql(sql).collect()]

    def export(self, sql: str, path: Path) -> None:
        """Through one file; for results beyond one disk, read the tables instead."""
        parts = self._folder / f"{path.name}.parts"
        frame = self._spark.sql(sql).coalesce(1)
        frame.write.option("header", True).option("emptyValue", "").option("escape", '"').csv(
            str(parts)
        )
        (written,) = parts.glob("part-*.csv")
        shutil.move(written, path)
        shutil.rmtree(parts)

    def removed(self, text: str, pattern: str) -> str:
        return f"regexp_replace({text}, '{pattern}', '')"

    def hashed(self, *texts: str) -> str:
        return f"xxhash64({', '.join(texts)})"

    def close(self) -> None:
        if self._is_ours:
            self._spark.stop()

    def _keep(self, table: str, frame: Any) -> None:
        if self._storage:
            place = f"{self._storage}/{table}"
            frame.write.mode("overwrite").parquet(place)
            frame = self._spark.read.parquet(place)
        else:
            frame = frame.localCheckpoint(eager=False)
        frame.createOrReplaceTempView(table)


def _start(master: str, folder: Path, settings: Mapping[str, str]) -> Any:
    try:
        from pyspark.sql import SparkSession
    except ImportError:
        raise ImportError(
            "--engine spark needs pyspark: pip install -r requirements/spark.txt"
        ) from None
    logging.getLogger("py4j").setLevel(logging.ERROR)  # else it tells of every closed connection
    root = str(Path(__file__).resolve().parents[3])
    path = os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH", "")]))
    os.environ["PYSPARK_PYTHON"] = sys.executable
    os.environ["PYTHONPATH"] = path
    builder = (
        SparkSession.builder.appName("furrow dedupe")
        .master(master)
        .config("spark.executorEnv.PYTHONPATH", path)
        .config("spark.ui.enabled", False)
        .config("spark.local.dir", str(folder))
        .config("spark.sql.ansi.enabled", False)
        .config("spark.log.level", "OFF")
        .config("spark.ui.showConsoleProgress", False)
    )
    if master.startswith("local"):
        builder = (
            builder.config("spark.sql.shuffle.partitions", 8)
            .config("spark.driver.bindAddress", "127.0.0.1")
            .config("spark.driver.host", "127.0.0.1")
        )
    for name, value in settings.items():
        builder = builder.config(name, value)
    return builder.getOrCreate()


def _numbered(frame: Any, start: int) -> Any:
    """The frame with `row`, counted from `start` in the frame's own order.

    Spark numbers the rows of a partition; the partitions' sizes put them one after the other.
    """
    from pyspark.sql import functions as F

    frame = frame.withColumn("at", F.monotonically_increasing_id()).localCheckpoint()
    part = F.shiftright("at", 33)
    sizes = sorted(tuple(row) for row in frame.groupBy(part.alias("part")).count().collect())
    before, first = {}, start
    for number, size in sizes:
        before[number] = first
        first += size
    pairs = [F.lit(value) for item in before.items() for value in item]
    offset = F.create_map(*pairs)[part] if pairs else F.lit(start)
    place = (F.col("at") - F.shiftleft(part, 33) + offset).cast("bigint")
    return frame.withColumn("row", place).drop("at")


def _ddl(schema: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {kind.replace('VARCHAR', 'STRING')}" for name, kind in schema.items())
