"""The only Spark plumbing: the session, part jobs, narrow frames and their way back to parts.

A per-document stage is a job over part numbers: its tasks open files with pyarrow, so that text
never enters the JVM. A corpus-wide stage is a DataFrame job on narrow rows keyed by one int64,
(part index << 32 | row), which end in files aligned to the parts again. Text is never shuffled;
`assert_narrow` refuses a frame that holds any.
"""

import os
import pickle
import re
import sys
import threading
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import numpy as np
import pyarrow as pa
from pyspark import SparkConf, SparkContext
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.pandas.types import from_arrow_type
from pyspark.sql.types import IntegerType, LongType, StringType, StructField, StructType

from skypile import errors, jvm
from skypile.errors import SkypileError
from skypile.parts import KEY_ROW_BITS, PartFiles
from skypile.progress import NO_AMOUNT, Amount, Report, progress
from skypile.stage import Kernel, TextMapper
from skypile.tables import Table

T = TypeVar("T")
R = TypeVar("R")
POLL_SECONDS = 0.5
TASK_ROWS = 20_000  # of narrow columns, that one task reads at least


def session(master: str, driver_memory: str, conf: Mapping[str, str]) -> SparkSession:
    """The Spark session: the one that runs, or a new one. Under `spark-submit` the master and the
    memory of the submission stand, and only `conf` is added.
    """
    builder = SparkSession.builder.appName("skypile")
    if "PYSPARK_GATEWAY_PORT" not in os.environ:
        local = master.startswith("local")
        jvm.check_java()
        builder = builder.master(master).config("spark.driver.memory", driver_memory)
        os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
        if local:
            os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
            builder = builder.config("spark.driver.host", "127.0.0.1")
            if folder := jvm.socket_folder():
                # Through TCP each task waits 40 ms for an acknowledgement that is put off.
                builder = builder.config("spark.python.unix.domain.socket.enabled", "true")
                builder = builder.config("spark.python.unix.domain.socket.dir", folder)
        builder = builder.config("spark.ui.enabled", "false")
        builder = builder.config("spark.ui.showConsoleProgress", "false")
        java_options = jvm.options() if local else []
        if not os.environ.get("SKYPILE_VERBOSE"):
            file = Path(__file__).with_name("log4j2.properties")
            java_options.append(f"-Dlog4j2.configurationFile=file:{file}")
        builder = builder.config("spark.driver.extraJavaOptions", " ".join(java_options))
    own = {
        # Rows of shingles are long: without a bound in bytes 10,000 of them go to Python at a time.
        "spark.sql.execution.arrow.maxBytesPerBatch": "64m",
        "spark.python.daemon.module": "skypile.worker_daemon",
    }
    for key, value in {**_not_submitted(own), **conf}.items():
        builder = builder.config(key, value)
    return builder.getOrCreate()


def _not_submitted(own: Mapping[str, str]) -> Mapping[str, str]:
    """These settings, less those that `spark-submit` was given or its defaults have."""
    if "PYSPARK_GATEWAY_PORT" not in os.environ:
        return own
    SparkContext._ensure_initialized()
    submitted = SparkConf()
    return {key: value for key, value in own.items() if not submitted.contains(key)}


def run_tasks(
    spark: SparkSession,
    function: Callable[[T], R],
    tasks: Sequence[T],
    label: str,
    amount: Amount = NO_AMOUNT,
) -> list[R]:
    """`function` of each task, each in a Spark task of its own, in order.

    amount: what the tasks work on together, for the rate that is shown meanwhile.

    Raises:
        SkypileError: as a task raised it, with its message. Any other failure of a task raises
            Spark's own error, with the task's traceback in it.
    """
    if not tasks:
        return []
    context = spark.sparkContext
    with progress(label, len(tasks), "parts", amount) as report, _Watching(spark, label, report):
        try:
            return context.parallelize(tasks, len(tasks)).map(function).collect()
        except Exception as e:
            raise translated(e) from e


@contextmanager
def watched(spark: SparkSession, label: str, amount: Amount) -> Iterator[None]:
    """While it is entered, progress of whatever jobs run from this thread: of a corpus-wide piece,
    whose jobs are several, and whose tasks are known job by job.
    """
    with (
        progress(label, 0, "Spark tasks so far", amount, grows=True) as report,
        _Watching(spark, label, report),
    ):
        yield


@contextmanager
def letting_go(spark: SparkSession) -> Iterator[None]:
    """At the end of a corpus-wide piece whatever it kept in Spark's cache goes, however it ends:
    rows of the next piece need the memory, and a stage that fails cannot tidy up.
    """
    try:
        yield
    finally:
        spark.catalog.clearCache()


class _Watching:
    """Reports the finished tasks of a job group until it is left."""

    def __init__(self, spark: SparkSession, label: str, report: Report) -> None:
        self._context, self._report = spark.sparkContext, report
        self._group = f"{label}-{uuid.uuid4().hex}"
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> None:
        self._context.setJobGroup(self._group, self._group)
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        tracker = self._context.statusTracker()
        while not self._over.wait(POLL_SECONDS):
            stages = [
                tracker.getStageInfo(stage)
                for job in tracker.getJobIdsForGroup(self._group)
                if (info := tracker.getJobInfo(job))
                for stage in info.stageIds
            ]
            there = [s for s in stages if s]
            done = sum(s.numCompletedTasks for s in there)
            self._report(done, sum(s.numTasks for s in there) or None)


def translated(error: Exception) -> Exception:
    """The skypile error that a task raised, out of what Spark made of it; else `error` itself."""
    names = [n for n in vars(errors) if n.endswith("Error")]
    found = re.findall(rf"skypile\.errors\.({'|'.join(names)}): (.*)", str(error))
    if not found:
        return error
    name, message = found[0]
    kind = getattr(errors, name)
    return kind(message) if issubclass(kind, SkypileError) else error


def narrow_frame(
    spark: SparkSession,
    parts: Sequence[PartFiles],
    reads: Mapping[str, Sequence[str]],
    tables: Mapping[str, Table],
    *,
    without: str | None = None,
) -> DataFrame:
    """The documents still in, as a frame of `key` (int64) and the columns asked for. without: a
    table whose files are not opened, since they may be gone.

    A key is the index of the part in `parts`, and the row in it. Columns are read by pyarrow; a
    Spark partition is a part, or several small ones. `text` cannot be asked for.
    """
    fields = [tables[t].schema.field(c) for t, columns in reads.items() for c in columns]
    if any(f.name == "text" for f in fields):
        raise ValueError("text does not enter a corpus-wide job")
    schema = StructType([StructField("key", LongType(), False)])
    for f in fields:
        schema = schema.add(StructField(f.name, from_arrow_type(f.type), True))

    def read(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            for row in batch.to_pylist():
                yield from _keyed(
                    row["index"], pickle.loads(bytes.fromhex(row["part"])), reads, without
                )

    # A task costs 7 ms, 30 by TCP, and a frame is read several times by one job.
    enough = max(4 * spark.sparkContext.defaultParallelism, sum(p.rows for p in parts) // TASK_ROWS)
    return _parts_frame(spark, parts, min(len(parts), enough)).mapInArrow(read, schema)


def _parts_frame(spark: SparkSession, parts: Sequence[PartFiles], slices: int) -> DataFrame:
    """`index` and `part`, pickled, in so many Spark partitions."""
    rows = [(i, pickle.dumps(p).hex()) for i, p in enumerate(parts)]
    return spark.createDataFrame(
        spark.sparkContext.parallelize(rows, max(1, slices)),
        StructType([StructField("index", IntegerType()), StructField("part", StringType())]),
    )


def text_mapper(
    spark: SparkSession,
    parts: Sequence[PartFiles],
    beside: Mapping[str, Sequence[str]] | None = None,
) -> TextMapper:
    """The `TextMapper` over documents that are keyed by their place in `parts`: a task opens a
    part's files once, reads the texts asked for, a row group at a time, and hands on what the
    kernel makes of them. beside: columns that it sees too, of tables that a part has.
    """
    parts_frame = _parts_frame(spark, parts, len(parts))
    tasks = max(1, min(len(parts), 4096))

    def texts(keys: DataFrame, make_kernel: Callable[[], Kernel], schema: pa.Schema) -> DataFrame:
        def read(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
            kernel = make_kernel()
            for batch in batches:
                for row in batch.to_pylist():
                    part = pickle.loads(bytes.fromhex(row["part"]))
                    yield from _from_texts(row["index"], part, row["rows"], kernel, beside or {})

        row = F.col("key").bitwiseAND(F.lit((1 << KEY_ROW_BITS) - 1))
        wanted = keys.select(
            F.shiftright("key", KEY_ROW_BITS).cast("int").alias("index"), row.alias("row")
        )
        by_part = wanted.groupBy("index").agg(F.collect_list("row").alias("rows"))
        frame = parts_frame.join(by_part, "index").select("index", "part", "rows")
        out = StructType([StructField(f.name, from_arrow_type(f.type), f.nullable) for f in schema])
        return frame.repartition(tasks, "index").mapInArrow(read, out)

    return texts


def _from_texts(
    index: int,
    part: PartFiles,
    rows: list[int],
    kernel: Kernel,
    beside: Mapping[str, Sequence[str]],
) -> Iterator[pa.RecordBatch]:
    want = np.zeros(part.rows, dtype=bool)
    want[rows] = True
    there = {table: columns for table, columns in beside.items() if table in part.paths}
    narrow = part.narrow(there).drop_columns(["doc_id"]) if there else None
    for found, table in part.texts(want, part.removed_blocks()):
        key = pa.array((index << KEY_ROW_BITS) + found.astype(np.int64))
        text = table["text"].combine_chunks()
        columns = {"key": key, "text": text}
        for name in narrow.column_names if narrow is not None else ():
            columns[name] = narrow[name].take(found).combine_chunks()  # type: ignore[index]
        yield kernel(pa.RecordBatch.from_pydict(columns))


def _keyed(
    index: int, part: PartFiles, reads: Mapping[str, Sequence[str]], without: str | None
) -> Iterator[pa.RecordBatch]:
    rows = np.flatnonzero(part.still_in())
    table = part.narrow(reads, ids_of=next(t for t in ("documents", *reads) if t != without))
    wanted = [c for columns in reads.values() for c in columns]
    table = table.select(wanted).take(rows)
    key = pa.array((index << KEY_ROW_BITS) + rows.astype(np.int64))
    yield from table.add_column(0, "key", key).to_batches()


def assert_narrow(frame: DataFrame) -> None:
    """Refuse a frame whose plan holds a column `text` anywhere.

    Raises:
        ValueError: with the line of the plan.
    """
    plan = frame._jdf.queryExecution().toString()
    for line in plan.splitlines():
        if re.search(r"\btext#\d+", line):
            raise ValueError(f"a corpus-wide job holds text: {line.strip()[:200]}")


def write_aligned(
    spark: SparkSession,
    frame: DataFrame,
    parts: int,
    write: Callable[[int, pa.Table], str],
    table: Table,
) -> list[str]:
    """Bring rows back to their parts: `write(part index, rows sorted by key)` is called once for
    each part that has any, on an executor; what each call returned.

    frame: `key` and the columns of `table` less `doc_id`; keys unique.
    """
    columns = ["key", *(n for n in table.schema.names if n != "doc_id")]
    assert_narrow(frame)
    keyed = (
        frame.select(*columns)
        .withColumn("part_index", F.shiftright("key", KEY_ROW_BITS).cast("int"))
        .repartition(max(1, min(parts, 1024)), "part_index")
        .sortWithinPartitions("key")
    )

    def write_all(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        held: list[pa.RecordBatch] = []
        now: int | None = None
        for batch in batches:
            for index, rows in _runs(batch):
                if index != now and held:
                    assert now is not None
                    yield pa.RecordBatch.from_pydict({"done": [write(now, _table(held))]})
                    held = []
                now = index
                held.append(rows)
        if held:
            assert now is not None
            yield pa.RecordBatch.from_pydict({"done": [write(now, _table(held))]})

    done = keyed.mapInArrow(write_all, StructType([StructField("done", StringType())]))
    try:
        return [row["done"] for row in done.collect()]
    except Exception as e:
        raise translated(e) from e


def _runs(batch: pa.RecordBatch) -> Iterator[tuple[int, pa.RecordBatch]]:
    indices = batch["part_index"].to_numpy()
    start = 0
    for row in range(1, len(indices) + 1):
        if row == len(indices) or indices[row] != indices[start]:
            yield int(indices[start]), batch.slice(start, row - start)
            start = row


def _table(batches: list[pa.RecordBatch]) -> pa.Table:
    return pa.Table.from_batches(batches).drop_columns(["part_index"])
