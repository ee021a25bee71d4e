"""What training documents of stage `mixture` share with validation, computed where their texts lie.

The n-grams of the validation documents go to the driver and from there to each worker; of the
training documents only those come back that are among them.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from skypile.kernels.decontamination import ngrams
from skypile.kernels.dedup.jaccard import distinct_sets
from skypile.stage import Kernel, TextMapper

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

_LONGS = pa.list_(pa.field("element", pa.int64(), nullable=False))
HITS = pa.schema(
    [pa.field("key", pa.int64(), nullable=False), pa.field("hashes", _LONGS, nullable=False)]
)


def overlap(
    config: Any, split: "DataFrame", texts: TextMapper
) -> tuple["DataFrame", dict[str, int]]:
    """(`key`, `shared_ngrams`, `common_ngrams` of training documents that share any; how many
    different n-grams validation has, how many of them train has too, and how many of these are
    common).

    split: `key`, `split`.
    """
    from pyspark.sql import functions as F

    spark = split.sparkSession
    lengths = {"words": config.ngram_words, "characters": config.ngram_characters}
    held = split.where("split = 'validation'").select("key")
    lists = texts(held, _all(lengths), HITS).select("hashes").toArrow()["hashes"]
    known = np.unique(lists.combine_chunks().flatten().to_numpy().view(np.uint64))
    facts = {"validation_ngrams": len(known), "in_train": 0, "common": 0}
    if not len(known):
        return spark.createDataFrame([], "key long, shared_ngrams long, common_ngrams long"), facts
    shipped = spark.sparkContext.broadcast(known)
    trained = split.where("split = 'train'").select("key")
    hits = texts(trained, _those_of(shipped, lengths), HITS).localCheckpoint()
    one = hits.select("key", F.explode("hashes").alias("hash"))
    counted = one.groupBy("hash").agg((F.count("*") > config.common_documents).alias("common"))
    sums = counted.persist().agg(F.count("*"), F.count(F.when(F.col("common"), 1))).first()
    assert sums
    facts["in_train"], facts["common"] = sums
    of_each = one.join(counted, "hash").groupBy("key")
    rows = of_each.agg(
        F.sum(F.when(F.col("common"), 0).otherwise(1)).alias("shared_ngrams"),
        F.sum(F.when(F.col("common"), 1).otherwise(0)).alias("common_ngrams"),
    )
    return rows, facts


def _all(lengths: dict[str, int]) -> Callable[[], Kernel]:
    def kernel(batch: pa.RecordBatch) -> pa.RecordBatch:
        return _rows(batch["key"], *distinct_sets(*ngrams.ngrams(batch["text"], **lengths)))

    return lambda: kernel


def _those_of(shipped: Any, lengths: dict[str, int]) -> Callable[[], Kernel]:
    """Makes the kernel that finds n-grams of a benchmark (a broadcast array of hashes)."""

    def make() -> Kernel:
        known = ngrams.benchmark(shipped.value)

        def kernel(batch: pa.RecordBatch) -> pa.RecordBatch:
            found = ngrams.shared(batch["text"], known, **lengths)
            rows = _rows(batch["key"], *distinct_sets(found.hashes, found.offsets))
            return rows.filter(pa.array(found.counts > 0))

        return kernel

    return make


def _rows(keys: pa.Array, hashes: np.ndarray, offsets: np.ndarray) -> pa.RecordBatch:
    values = pa.array(hashes.view(np.int64))
    lists = pa.ListArray.from_arrays(pa.array(offsets.astype(np.int32)), values)
    return pa.RecordBatch.from_arrays([keys, lists.cast(_LONGS)], schema=HITS)
