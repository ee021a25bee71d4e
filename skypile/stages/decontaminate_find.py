"""What documents of stage `decontaminate` share with benchmarks, computed where their texts lie.

The benchmarks' n-grams are made on the driver and broadcast. A first pass over all texts brings
back the n-grams that they share, by which formulas of the corpus are known; a second one, over the
documents that share any, finds the items and the blocks.
"""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from skypile.contents import matching
from skypile.errors import InputError
from skypile.kernels.decontamination.benchmark_items import read_items
from skypile.kernels.decontamination.contamination import Finder, Index, Item, build
from skypile.stage import Kernel, Related, TextMapper
from skypile.tables import INT_LIST, Table, field

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

STRINGS = pa.list_(pa.field("element", pa.string(), nullable=False))
_LONGS = pa.list_(pa.field("element", pa.int64(), nullable=False))
CONTAMINATION = Table(
    "contamination",
    pa.schema(
        [
            field("doc_id", pa.string()),
            field("benchmarks", STRINGS),  # one entry for each item that it shares n-grams with
            field("items", STRINGS),  # FILE:NUMBER, from 0
            field("shared_ngrams", INT_LIST),  # different ones, templates and formulas left out
            field("covered_ngrams", INT_LIST),  # these included
            field("item_ngrams", INT_LIST),  # that the item has
            field("block_entries", INT_LIST),  # which entry it is that stands
            field("blocks", INT_LIST),  # in which block of the text as the stage sees it
        ]
    ),
    key=("doc_id",),
    meaning="the benchmark items that documents share n-grams with, and where these stand",
)
_HITS = pa.schema([field("key", pa.int64()), field("hashes", _LONGS)])
_FOUND = pa.schema([field("key", pa.int64()), *list(CONTAMINATION.schema)[1:]])


def items_of(config: Any) -> list[Item]:
    """The items of the benchmarks that the settings name, by benchmark, file and place.

    Raises:
        InputError: a file is not there, or not usable.
    """
    found: list[Item] = []
    for benchmark, path in sorted(config.benchmarks.items()):
        root, files = matching(path)
        fields = config.fields.get(benchmark, config.default_fields)
        for file in files:
            try:
                found += read_items(benchmark, file, root.read(file), fields)
            except ValueError as e:
                raise InputError(f"benchmark {benchmark}, {root.at('')}{e}") from e
    return found


def index_of(config: Any, items: list[Item]) -> Index:
    """What documents are looked through for."""
    return build(
        items,
        words=config.ngram_words,
        characters=config.ngram_characters,
        min_item_words=config.min_item_words,
        common_passages=config.common_passages,
    )


def find(config: Any, documents: "DataFrame", texts: TextMapper) -> Related:
    """CONTAMINATION, and what the benchmarks and the corpus have in common."""
    from pyspark.sql import functions as F

    items = items_of(config)
    index = index_of(config, items)
    facts: dict[str, Any] = {
        "items": _by_benchmark(i.benchmark for i in items),
        "ngrams": len(index.hashes),
        "templates": int(index.template.sum()),
        "too_short_items": index.too_short,
        "items_without_text": index.left_out,
    }
    spark = documents.sparkSession
    shipped = spark.sparkContext.broadcast(index)
    hits = texts(documents.select("key"), _hits(shipped), _HITS).localCheckpoint()
    counted = hits.select(F.explode("hashes").alias("hash")).groupBy("hash").count().persist()
    common = counted.where(F.col("count") > config.common_documents).select("hash").toArrow()
    formulas = np.sort(common["hash"].to_numpy().view(np.uint64))
    facts |= {"ngrams_in_corpus": counted.count(), "formulas": len(formulas)}
    named = spark.sparkContext.broadcast([(i.benchmark, i.name) for i in items])
    formula_list = spark.sparkContext.broadcast(formulas)
    return Related(texts(hits.select("key"), _found(shipped, formula_list, named), _FOUND), facts)


def _by_benchmark(names: Iterable[str]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for name in names:
        counts[name] = counts.get(name, 0) + 1
    return counts


def _hits(shipped: Any) -> Callable[[], Kernel]:
    """Makes the kernel of the first pass; of what is broadcast, as the other."""

    def make() -> Kernel:
        finder = Finder(shipped.value)

        def kernel(batch: pa.RecordBatch) -> pa.RecordBatch:
            hashes, offsets = finder.hits(batch["text"])
            values = pa.array(hashes.view(np.int64))
            lists = pa.ListArray.from_arrays(pa.array(offsets.astype(np.int32)), values)
            columns = [batch["key"], lists.cast(_LONGS)]
            rows = pa.RecordBatch.from_arrays(columns, schema=_HITS)
            return rows.filter(pa.array(np.diff(offsets) > 0))

        return kernel

    return make


def _found(shipped: Any, formulas: Any, named: Any) -> Callable[[], Kernel]:
    def make() -> Kernel:
        finder = Finder(shipped.value)

        def kernel(batch: pa.RecordBatch) -> pa.RecordBatch:
            rows = []
            for key, text in zip(batch["key"], batch["text"], strict=True):
                found = finder.items(text.as_py(), formulas.value)
                rows.append({"key": key.as_py(), **row_of(found, named.value)})
            return pa.RecordBatch.from_pylist(rows, schema=_FOUND)

        return kernel

    return make


def row_of(found: Any, names: list[tuple[str, str]]) -> dict[str, Any]:
    """What CONTAMINATION says of a document, its id left out."""
    places = [(n, block) for n, f in enumerate(found) for block in f.blocks]
    return {
        "benchmarks": [names[f.item][0] for f in found],
        "items": [names[f.item][1] for f in found],
        "shared_ngrams": [f.shared for f in found],
        "covered_ngrams": [f.covered for f in found],
        "item_ngrams": [f.size for f in found],
        "block_entries": [n for n, _ in places],
        "blocks": [block for _, block in places],
    }
