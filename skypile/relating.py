"""The corpus-wide piece of a stage: narrow frames in, aligned rows and facts out, with progress."""

import json
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from skypile import tasks
from skypile.config import Config
from skypile.lineage import Lineage
from skypile.stage import EarlierRun, Stage
from skypile.tables import Table

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

Receipts = list[dict[str, Any]]


def relate(
    config: Config,
    lineage: Lineage,
    spark: "SparkSession",
    stage: Stage,
    todo: Sequence[tasks.AlignedTask],
    name: str,
) -> tuple[Receipts, dict[str, Any]]:
    """Do a stage's relate over all parts: a receipt each, in their order, and the facts.

    name: what progress is shown as.

    Raises:
        TypeError: the stage's facts are not JSON's.
    """
    from skypile.spark import (
        letting_go,
        narrow_frame,
        run_tasks,
        text_mapper,
        watched,
        write_aligned,
    )

    assert stage.relate
    parts, tables = [t.files for t in todo], tables_of(config)
    receipts: Receipts = []
    with watched(spark, name, tasks.amount_of(todo)), letting_go(spark):
        frame = narrow_frame(spark, parts, stage.relate.reads, tables)
        beside = stage.reads_if_there("relate")
        more: list[Any] = [text_mapper(spark, parts, beside)] if stage.relate.texts else []
        if against := stage.relate.against:
            more.append(
                [
                    EarlierRun(
                        e.name,
                        narrow_frame(spark, e.parts, against.reads, tables, without="documents"),
                        text_mapper(spark, e.parts, beside) if e.texts else None,
                    )
                    for e in lineage.earlier_runs(stage)
                ]
            )
        if stage.relate.sources:
            more.append(lineage.source_facts(stage))
        related = stage.relate.relate(config.settings[stage.name], frame, *more)
        facts = json.loads(json.dumps(related.facts))
        if facts != dict(related.facts):
            raise TypeError(f"stage {stage.name}: facts must survive JSON: {related.facts!r}")
        if related.frame is not None and stage.relate.table:
            write = partial(_write_related, spark.sparkContext.broadcast(todo))
            written = write_aligned(spark, related.frame, len(todo), write, stage.relate.table)
            receipts = [json.loads(r) for r in written]
    if stage.relate.table:
        have = {(f["source"], f["part"]) for r in receipts for f in r["files"]}
        silent = [t for t in todo if (t.source, t.part) not in have]
        receipts += run_tasks(spark, _write_nothing, silent, f"{stage.name}.relate")
        order = {(t.source, t.part): i for i, t in enumerate(todo)}
        receipts.sort(key=lambda r: order[r["files"][0]["source"], r["files"][0]["part"]])
    return receipts, facts


def tables_of(config: Config) -> dict[str, Table]:
    """The tables of a run's stages, by name."""
    return {t.name: t for s in config.stages for p in s.pieces() for t in s.writes(p)}


def _write_related(todo: Any, index: int, rows: pa.Table) -> str:
    return json.dumps(tasks.write_related(todo.value[index], rows))


def _write_nothing(task: tasks.AlignedTask) -> dict[str, Any]:
    return tasks.write_related(task, None)
