"""Candidate pairs of stage `dedup`, verified and settled by the winner rule: on the driver while
their band keys fit there, else on Spark. The rows are the same.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from skypile.kernels.dedup import buckets
from skypile.stages.dedup_components import CLUSTERS, clusters, linked, settled, whole_groups

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

# Pairs (`left`, `right` and ranks, each pair once) with `similarity`.
Verify = Callable[["DataFrame"], "DataFrame"]
PAIRS = ("left", "right", "left_rank", "right_rank")
_PAIRS = ", ".join(f"{name} long" for name in PAIRS)
_HOT = "band long, rank long, key long, turn byte, met long, pivot long, pivot_rank long"


def settle(config: Any, shared: "DataFrame", verify: Verify) -> tuple["DataFrame", dict[str, Any]]:
    """(CLUSTERS of documents that have near duplicates, facts).

    shared: `band`, `rank`, `key` of documents that share a band key with another, each once, and
    `size`, how many have it.
    """
    shared = shared.persist()
    rows = shared.count()
    settle_rows = settle_on_driver if rows <= config.max_driver_rows else settle_on_spark
    frame, facts = settle_rows(config, shared, verify)
    shared.unpersist()
    return frame, {"shared_band_rows": rows, **facts}


def settle_on_driver(
    config: Any, shared: "DataFrame", verify: Verify
) -> tuple["DataFrame", dict[str, Any]]:
    """As `settle`, with 33 bytes of the driver's memory a row."""
    spark = shared.sparkSession
    table = shared.select("band", "rank", "key").toArrow()
    keys, first, nodes = np.unique(table["key"].to_numpy(), return_index=True, return_inverse=True)
    rank = table["rank"].to_numpy()[first]
    ranks = np.empty(len(keys), np.int64)
    ranks[np.lexsort((keys, rank))] = np.arange(len(keys))

    def similarity(left: np.ndarray, right: np.ndarray) -> np.ndarray:
        if not len(left):
            return np.zeros(0)
        ends = {"left": keys[left], "right": keys[right]}
        pairs = spark.createDataFrame(
            pa.table({**ends, "left_rank": ranks[left], "right_rank": ranks[right]})
        )
        found = verify(pairs).toArrow()
        if found.num_rows != len(left):
            raise ValueError(f"dedup: {len(left):,} pairs, {found.num_rows:,} were compared")
        order = np.lexsort((found["right_rank"].to_numpy(), found["left_rank"].to_numpy()))
        out = np.empty(len(left))
        out[np.lexsort((ranks[right], ranks[left]))] = found["similarity"].to_numpy()[order]
        return out

    found = buckets.settle(
        table["band"].to_numpy(),
        nodes.astype(np.int64),
        ranks,
        similarity,
        config.threshold,
        max_all_pairs=config.max_all_pairs,
        max_rounds=config.max_rounds,
    )
    facts = {
        "documents_with_candidates": len(keys),
        "pairs_compared": found.compared,
        "pairs_verified": len(found.left),
        "open_buckets": len(found.open_keys),
        "open_documents": int(found.open_rows.sum()),
    }
    members = clusters(keys, ranks, found.winner, found.left, found.right, found.jaccard)
    return spark.createDataFrame(members, CLUSTERS), facts


def settle_on_spark(
    config: Any, shared: "DataFrame", verify: Verify
) -> tuple["DataFrame", dict[str, Any]]:
    """As `settle`: no table comes to the driver but that of shrunk edges where they fit there.

    Every band's bucket and every component is seen by one task, in narrow rows. A lost executor
    takes what it has settled with it (local checkpoints); the relate is then run again.
    """
    from pyspark.sql import functions as F

    documents = shared.select("key").distinct().count()
    small = shared.where(F.col("size") <= config.max_all_pairs)
    state = _Settling(config, shared, verify)
    state.add(_sorted(small).mapInArrow(_small(config.max_all_pairs), _PAIRS))
    hot = (
        shared.where(F.col("size") > config.max_all_pairs)
        .select("band", "rank", "key", F.lit(-1).cast("byte").alias("turn"))
        .withColumn("met", F.lit(0).cast("long"))
    )
    for _ in range(config.max_rounds):
        hot = _compared(hot, state.fell(), plan=True).localCheckpoint()
        pivot = [F.col(c) for c in ("pivot", "key", "pivot_rank", "rank")]
        if not state.add(hot.where("pivot is not null").select(*pivot).toDF(*PAIRS)):
            break
    left_over = _compared(hot, state.fell(), plan=False).where("pivot is not null")
    left = left_over.agg(F.count_distinct("band").alias("bands"), F.count("*").alias("rows"))
    open_ = left.first()
    assert open_
    return state.clusters, {
        "documents_with_candidates": documents,
        "pairs_compared": state.compared,
        "pairs_verified": state.edges.select("left", "right").distinct().count(),
        "open_buckets": open_["bands"],
        "open_documents": open_["rows"],
    }


class _Settling:
    """The edges verified so far, their components, and who falls to whom by them."""

    def __init__(self, config: Any, shared: "DataFrame", verify: Verify) -> None:
        spark = shared.sparkSession
        self._config, self._verify = config, verify
        self.compared = 0
        self._seen = spark.createDataFrame([], "left long, right long")
        self.edges = spark.createDataFrame([], f"{_PAIRS}, similarity double")
        self._links = spark.createDataFrame([], "node long, root long")
        self.clusters = spark.createDataFrame([], CLUSTERS)

    def add(self, pairs: "DataFrame") -> int:
        """Verify those pairs that were not before, and settle anew; how many there were in all."""
        from pyspark.sql import functions as F

        ends = ["left", "right"]
        pairs = pairs.dropDuplicates(ends).localCheckpoint()
        count = pairs.count()
        pairs = pairs.join(self._seen, ends, "left_anti").select(*PAIRS).localCheckpoint()
        fresh = pairs.count() if count else 0
        if not fresh:
            return count
        self.compared += fresh
        self._seen = self._seen.union(pairs.select(*ends))
        close = F.col("similarity") >= self._config.threshold
        new = self._verify(pairs).where(close).localCheckpoint()
        self.edges = self.edges.union(new)
        known = self._links.toDF("left", "right").union(new.select("left", "right"))
        self._links = linked(known, self._config.max_driver_rows)
        self.clusters = settled(self.edges, self._links).localCheckpoint()
        return count

    def fell(self) -> "DataFrame":
        """`key` of the documents that do not stay."""
        return self.clusters.where("winner is not null").select("key")


def _sorted(rows: "DataFrame") -> "DataFrame":
    """Whole buckets in a task, in order of rank."""
    return rows.repartition("band").sortWithinPartitions("band", "rank", "key")


def _small(limit: int) -> Callable[[Iterable[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    """All pairs of small buckets."""

    def kernel(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for rows in whole_groups(batches, "band"):
            key, rank = rows["key"].to_numpy(), rows["rank"].to_numpy()
            left, right = buckets.small_pairs(rows["band"].to_numpy(), limit)
            columns = [key[left], key[right], rank[left], rank[right]]
            yield pa.RecordBatch.from_arrays([pa.array(c) for c in columns], list(PAIRS))

    return kernel


def _compared(hot: "DataFrame", fell: "DataFrame", *, plan: bool) -> "DataFrame":
    """The rows of hot buckets with the document that each is to be compared with next, if any."""
    from pyspark.sql import functions as F

    gone = fell.withColumn("fell", F.lit(True))
    columns = ["band", "rank", "key", "turn", "met"]
    rows = hot.join(gone, "key", "left").select(*columns, F.col("fell").isNull().alias("stays"))
    step = buckets.hot_round if plan else buckets.hot_left_over

    def kernel(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for rows in whole_groups(batches, "band"):
            turn = np.array(rows["turn"].to_numpy(), np.int8)
            met = np.array(rows["met"].to_numpy()).view(np.uint64)
            state = buckets.HotRows(rows["band"].to_numpy(), turn, met)
            at = step(state, rows["stays"].to_numpy())
            pivot = {
                name: pa.array(rows[of].to_numpy()[np.maximum(at, 0)], mask=at < 0)
                for name, of in (("pivot", "key"), ("pivot_rank", "rank"))
            }
            kept = {name: rows[name] for name in columns[:3]}
            out = pa.table({**kept, "turn": turn, "met": met.view(np.int64), **pivot})
            yield from out.to_batches()

    return _sorted(rows).mapInArrow(kernel, _HOT)
