"""How alike candidate pairs of stage `dedup` are: computed where their texts lie; hashes travel."""

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from skypile.kernels.dedup import minhash
from skypile.kernels.dedup.jaccard import jaccard, shingle_sets
from skypile.stage import Kernel, TextMapper
from skypile.stages.dedup_signatures import signatures, skip_lines

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

_LONGS = pa.list_(pa.field("element", pa.int64(), nullable=False))
SETS = pa.schema(
    [pa.field("key", pa.int64(), nullable=False), pa.field("hashes", _LONGS, nullable=False)]
)


def similarity(
    config: Any, pairs: "DataFrame", left_texts: TextMapper, right_texts: TextMapper | None = None
) -> "DataFrame":
    """`pairs` with `similarity`, double: the Jaccard similarity of the two's shingle sets, or its
    estimate from their signatures. Computed when this returns, and kept (a local checkpoint).

    pairs: `left`, `right` (keys of documents), other columns of int64; materialised. right_texts:
    where those of `right` are the keys of other documents.
    """
    left, right = (pairs.select(side).toDF("key") for side in ("left", "right"))
    if right_texts is None:
        one = two = left_texts(left.union(right).distinct(), _set_kernel(config), SETS).persist()
    else:
        one = left_texts(left.distinct(), _set_kernel(config), SETS).persist()
        two = right_texts(right.distinct(), _set_kernel(config), SETS).persist()
    joined = pairs
    for side, sets in (("right", two), ("left", one)):
        renamed = sets.withColumnsRenamed({"key": side, "hashes": f"{side}_hashes"})
        joined = joined.join(renamed, side, "left")
    schema = ", ".join(f"{name} long" for name in pairs.columns)
    kernel = _compare(config.verify == "jaccard")
    columns = [*pairs.columns, "left_hashes", "right_hashes"]
    found = joined.select(*columns).mapInArrow(kernel, f"{schema}, similarity double")
    found = found.localCheckpoint()
    for sets in (one, two):
        sets.unpersist()
    return found


def _set_kernel(config: Any) -> Callable[[], Kernel]:
    """Makes the kernel that turns texts into shingle sets, or signatures."""

    def kernel(batch: pa.RecordBatch) -> pa.RecordBatch:
        if config.verify == "jaccard":
            hashes, offsets = shingle_sets(
                batch["text"],
                size=config.shingle_tokens,
                fold_han=config.fold_han,
                skip_lines=skip_lines(batch),
            )
            values = hashes.view(np.int64)
        else:
            found = signatures(config, batch)
            values = found.reshape(-1).astype(np.int64)
            offsets = np.arange(0, found.size + 1, found.shape[1])
        lists = pa.ListArray.from_arrays(pa.array(offsets.astype(np.int32)), pa.array(values))
        return pa.RecordBatch.from_arrays([batch["key"], lists.cast(_LONGS)], schema=SETS)

    return lambda: kernel


def _compare(
    exact: bool,
) -> Callable[[Iterable[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    """Rows with the hashes of two documents to rows with their similarity."""

    def compare(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            sides = [batch["left_hashes"], batch["right_hashes"]]
            if lost := sum(side.null_count for side in sides):
                raise ValueError(f"dedup: {lost} documents of pairs were not read")
            found = pa.array(_jaccard(*sides) if exact else _estimate(*sides))
            narrow = batch.drop_columns(["left_hashes", "right_hashes"])
            yield narrow.append_column("similarity", found)

    return compare


def _jaccard(left: pa.ListArray, right: pa.ListArray) -> np.ndarray:
    hashes, offsets, n = [], [np.zeros(1, np.int64)], len(left)
    for side in (left, right):
        values, ends = _flat(side)
        hashes.append(values.view(np.uint64))
        offsets.append(ends[1:] - ends[0] + offsets[-1][-1])
    index = np.arange(n)
    return jaccard(np.concatenate(hashes), np.concatenate(offsets), index, index + n)


def _estimate(left: pa.ListArray, right: pa.ListArray) -> np.ndarray:
    one, two = (_flat(side)[0].astype(np.uint32).reshape(len(side), -1) for side in (left, right))
    return minhash.estimate(one, two)


def _flat(lists: pa.ListArray) -> tuple[np.ndarray, np.ndarray]:
    """(values, offsets) of a list column, sliced or not."""
    offsets = lists.offsets.to_numpy()
    return lists.values.to_numpy()[offsets[0] : offsets[-1]], offsets
