"""Candidate pairs of stage `dedup`: verified where their texts lie, settled by the winner rule."""

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from skypile.errors import SkypileError
from skypile.kernels import minhash
from skypile.kernels.buckets import settle
from skypile.kernels.components import components
from skypile.kernels.jaccard import jaccard, shingle_sets
from skypile.stage import Kernel, TextMapper

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

_LONGS = pa.list_(pa.field("element", pa.int64(), nullable=False))
SETS = pa.schema(
    [pa.field("key", pa.int64(), nullable=False), pa.field("hashes", _LONGS, nullable=False)]
)
CLUSTERS = "key long, cluster long, winner long, jaccard double"


def settle_on_driver(
    config: Any, shared: "DataFrame", texts: TextMapper
) -> tuple["DataFrame", dict[str, Any]]:
    """(`key`, `cluster`, `winner`, `jaccard` of documents that have near duplicates, facts).

    shared: `band`, `rank`, `key` of documents that share a band key with another.

    Raises:
        SkypileError: more rows than the driver takes (`max_driver_rows`).
    """
    spark = shared.sparkSession
    shared = shared.persist()
    rows = shared.count()
    if rows > config.max_driver_rows:
        raise SkypileError(
            f"dedup: {rows:,} rows of shared band keys, more than max_driver_rows "
            f"({config.max_driver_rows:,}, {33 * config.max_driver_rows >> 20:,} MiB): give the "
            "driver memory and raise it, or use more rows a band"
        )
    table = shared.toArrow()
    shared.unpersist()
    keys, first, nodes = np.unique(table["key"].to_numpy(), return_index=True, return_inverse=True)
    rank = table["rank"].to_numpy()[first]
    ranks = np.empty(len(keys), np.int64)
    ranks[np.lexsort((keys, rank))] = np.arange(len(keys))

    def verify(left: np.ndarray, right: np.ndarray) -> np.ndarray:
        return similarity(config, spark, texts, keys[left], keys[right])

    found = settle(
        table["band"].to_numpy(),
        nodes.astype(np.int64),
        ranks,
        verify,
        config.threshold,
        max_all_pairs=config.max_all_pairs,
        max_rounds=config.max_rounds,
    )
    facts = {
        "shared_band_rows": rows,
        "documents_with_candidates": len(keys),
        "pairs_compared": found.compared,
        "pairs_verified": len(found.left),
        "open_buckets": len(found.open_keys),
        "open_documents": int(found.open_rows.sum()),
    }
    members = _clusters(keys, ranks, found)
    return spark.createDataFrame(members, CLUSTERS), facts


def _clusters(keys: np.ndarray, ranks: np.ndarray, found: Any) -> pa.Table:
    """A row a document with a verified edge: the best-ranked of its component names the cluster."""
    nodes, roots = components(found.left, found.right)
    order = np.lexsort((ranks[nodes], roots))
    _, first, label = np.unique(roots[order], return_index=True, return_inverse=True)
    cluster = np.empty_like(nodes)
    cluster[order] = nodes[order][first][label]
    winner = found.winner[nodes]
    stays = winner < 0
    # Edges are sorted by (left, right), and a winner ranks before whom it drops.
    edges = found.left * len(keys) + found.right
    at = np.searchsorted(edges, winner * len(keys) + nodes)
    at = np.where(stays, 0, at)
    return pa.table(
        {
            "key": keys[nodes],
            "cluster": keys[cluster],
            "winner": pa.array(keys[np.where(stays, 0, winner)], mask=stays),
            "jaccard": pa.array(found.jaccard[at] if len(nodes) else np.zeros(0), mask=stays),
        }
    )


def similarity(
    config: Any, spark: Any, texts: TextMapper, left: np.ndarray, right: np.ndarray
) -> np.ndarray:
    """float64 for each pair of document keys: the Jaccard similarity of their shingle sets, or its
    estimate from their signatures.
    """
    if not len(left):
        return np.zeros(0)
    both = np.unique(np.concatenate([left, right]))
    wanted = spark.createDataFrame(pa.table({"key": both}))
    sets = texts(wanted, _set_kernel(config), SETS).persist()
    pairs = spark.createDataFrame(
        pa.table({"pair": np.arange(len(left)), "left": left, "right": right})
    )
    one = sets.withColumnsRenamed({"key": "left", "hashes": "left_hashes"})
    two = sets.withColumnsRenamed({"key": "right", "hashes": "right_hashes"})
    joined = pairs.join(one, "left").join(two, "right")
    compare = _compare_sets if config.verify == "jaccard" else _compare_signatures
    found = (
        joined.select("pair", "left_hashes", "right_hashes")
        .mapInArrow(compare, "pair long, similarity double")
        .toArrow()
    )
    sets.unpersist()
    out = np.full(len(left), np.nan)
    out[found["pair"].to_numpy()] = found["similarity"].to_numpy()
    if np.isnan(out).any():
        raise ValueError(f"dedup: {int(np.isnan(out).sum())} pairs were not compared")
    return out


def _set_kernel(config: Any) -> Callable[[], Kernel]:
    """Makes the kernel that turns texts into shingle sets, or signatures."""
    from skypile.stages.dedup import signatures

    def kernel(batch: pa.RecordBatch) -> pa.RecordBatch:
        if config.verify == "jaccard":
            hashes, offsets = shingle_sets(
                batch["text"], size=config.shingle_tokens, fold_han=config.fold_han
            )
            values = hashes.view(np.int64)
        else:
            found = signatures(config, batch["text"])
            values = found.reshape(-1).astype(np.int64)
            offsets = np.arange(0, found.size + 1, found.shape[1])
        lists = pa.ListArray.from_arrays(pa.array(offsets.astype(np.int32)), pa.array(values))
        return pa.RecordBatch.from_arrays([batch["key"], lists.cast(_LONGS)], schema=SETS)

    return lambda: kernel


def _compare_sets(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        hashes, offsets, n = [], [np.zeros(1, np.int64)], batch.num_rows
        for name in ("left_hashes", "right_hashes"):
            values, ends = _flat(batch[name])
            hashes.append(values.view(np.uint64))
            offsets.append(ends[1:] - ends[0] + offsets[-1][-1])
        index = np.arange(n)
        found = jaccard(np.concatenate(hashes), np.concatenate(offsets), index, index + n)
        yield _result(batch, found)


def _compare_signatures(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        one, two = (
            _flat(batch[name])[0].astype(np.uint32).reshape(batch.num_rows, -1)
            for name in ("left_hashes", "right_hashes")
        )
        yield _result(batch, minhash.estimate(one, two))


def _flat(lists: pa.ListArray) -> tuple[np.ndarray, np.ndarray]:
    """(values, offsets) of a list column, sliced or not."""
    offsets = lists.offsets.to_numpy()
    return lists.values.to_numpy()[offsets[0] : offsets[-1]], offsets


def _result(batch: pa.RecordBatch, found: np.ndarray) -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays([batch["pair"], pa.array(found)], ["pair", "similarity"])
