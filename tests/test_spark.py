"""The Spark plumbing: rows go out by name and come back to their parts; no text in a plan."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

from skypile import progress
from skypile import spark as plumbing
from skypile.errors import InputError
from skypile.progress import Amount
from skypile.spark import (
    assert_narrow,
    letting_go,
    narrow_frame,
    run_tasks,
    watched,
    write_aligned,
)
from skypile.tables import DOCUMENTS
from tests import toy
from tests.test_run import LINES, run

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.spark


def test_what_was_submitted_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    class Submitted:
        def contains(self, key: str) -> bool:
            return key == "spark.python.daemon.module"

    own = {"spark.python.daemon.module": "ours", "spark.other": "1"}
    assert plumbing._not_submitted(own) == own
    monkeypatch.setenv("PYSPARK_GATEWAY_PORT", "1")
    monkeypatch.setattr(plumbing, "SparkConf", Submitted)
    monkeypatch.setattr(plumbing.SparkContext, "_ensure_initialized", lambda: None)
    assert plumbing._not_submitted(own) == {"spark.other": "1"}


def refuse(path: str) -> None:
    raise InputError(f"{path} is not there (说明)")


def double(x: int) -> int:
    return 2 * x


def test_tasks_come_back_in_order_and_their_errors_as_raised(spark: "SparkSession") -> None:
    assert run_tasks(spark, double, list(range(9)), "double") == list(range(0, 18, 2))
    assert run_tasks(spark, double, [], "nothing") == []
    with pytest.raises(InputError, match=r"^a\.gz is not there \(说明\)$"):
        run_tasks(spark, refuse, ["a.gz"], "refuse")
    with pytest.raises(Exception, match="ZeroDivisionError"):
        run_tasks(spark, (1).__floordiv__, [0], "zero")


def test_jobs_of_a_corpus_wide_piece_are_watched(
    spark: "SparkSession", monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(plumbing, "POLL_SECONDS", 0.02)
    monkeypatch.setattr(progress, "LINE_EVERY_SECONDS", 0.0)
    with watched(spark, "dedup.relate", Amount(6, "documents")):
        spark.sparkContext.parallelize(range(6), 6).map(_slow).collect()
    lines = capsys.readouterr().err.splitlines()
    assert lines[-1].startswith("dedup.relate: ")
    assert any("/6 Spark tasks so far, " in line for line in lines)


def _slow(x: int) -> int:
    time.sleep(0.2)
    return x


def test_what_a_corpus_wide_piece_keeps_goes_with_it(spark: "SparkSession") -> None:
    def kept() -> set[int]:
        return set(spark.sparkContext._jsc.getPersistentRDDs())

    spark.catalog.clearCache()
    before = kept()  # checkpoints of other tests, which Java's collector takes
    with letting_go(spark):
        spark.range(5).persist().count()
        assert kept() - before
    assert not kept() - before
    with pytest.raises(KeyError), letting_go(spark):
        spark.range(6).persist().count()
        raise KeyError("the stage fails")
    assert not kept() - before


def test_a_corpus_wide_plan_holds_no_text(spark: "SparkSession") -> None:
    frame = spark.createDataFrame([(1, "x")], "key long, text string")
    with pytest.raises(ValueError, match="a corpus-wide job holds text"):
        assert_narrow(frame.select("key"))  # not even where it is read and thrown away
    assert_narrow(spark.createDataFrame([(1, 2)], "key long, context long"))
    with pytest.raises(ValueError, match="text does not enter"):
        narrow_frame(spark, [], {"documents": ("text",)}, {"documents": DOCUMENTS})


def test_the_plans_of_the_stages_hold_no_text(
    tmp_path: Path, start: "Callable[[], SparkSession]", monkeypatch: pytest.MonkeyPatch
) -> None:
    import skypile.spark

    plans: list[str] = []
    real = skypile.spark.assert_narrow

    def keep(frame: Any) -> None:
        plans.append(frame._jdf.queryExecution().toString())
        real(frame)

    monkeypatch.setattr(skypile.spark, "assert_narrow", keep)
    toy.write_lines(tmp_path, "a.txt", LINES[:20])
    run(toy.make_config(tmp_path), start)
    assert len(plans) == 1
    assert "vowels" in plans[0]
    assert "text#" not in plans[0]


def test_rows_come_back_to_their_parts_whatever_partition_they_were_in(
    spark: "SparkSession",
) -> None:
    rows = [((part << 32) | row, 10 * part + row) for row in range(4) for part in range(5)]
    frame = spark.createDataFrame(rows, "key long, rank int").repartition(3)

    def write(index: int, table: pa.Table) -> str:
        keys = table["key"].to_pylist()
        assert keys == sorted(keys)
        return f"{index}:{[k & 0xFFFFFFFF for k in keys]}:{table['rank'].to_pylist()}"

    done = write_aligned(spark, frame, 5, write, toy.RANKS)
    assert sorted(done) == [f"{p}:[0, 1, 2, 3]:{[10 * p + r for r in range(4)]}" for p in range(5)]


def test_swapped_columns_would_pass_spark_in_silence(spark: "SparkSession") -> None:
    """Why every batch is conformed by name: this is what Spark does without it."""

    def swap(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            yield pa.RecordBatch.from_arrays([batch["b"], batch["a"]], names=["b", "a"])

    frame = spark.createDataFrame([(1, 2)], "a long, b long")
    assert frame.mapInArrow(swap, "a long, b long").collect()[0].asDict() == {"a": 2, "b": 1}
