"""Which documents of stage `mixture` are held out: categories, units, the draw; narrow rows."""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from skypile.kernels.mixing import categories, split
from skypile.stage import SourceFacts

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

PLACED = (
    "key long, doc_id string, rank long, exact_high long, exact_low long, chars long, "
    "empty boolean, category string, partition string, unit long, place long"
)
_NARROW = ("key", "doc_id", "rank", "exact_high", "exact_low")


def describe(
    seed: int, sources: Mapping[str, SourceFacts]
) -> Callable[[Iterable[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    """Rows of documents and their marks to PLACED: what they are in the mixture, and where the unit
    that they would be held out by stands in the draw.
    """

    def kernel(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            rows = [_place(sources[row["source"]], row) for row in batch.to_pylist()]
            category, partition, unit = zip(*rows, strict=True) if rows else ((), (), ())
            units = np.array(unit, np.int64)
            edited = batch["edited_chars"]
            columns = {
                **{name: batch[name] for name in _NARROW},
                "chars": edited,
                "empty": pa.array(edited.to_numpy() == 0),
                "category": pa.array(category, pa.string()),
                "partition": pa.array(partition, pa.string()),
                "unit": pa.array(units),
                "place": pa.array(split.places(units, seed)),
            }
            yield pa.RecordBatch.from_pydict(columns)

    return kernel


def _place(source: SourceFacts, row: Mapping[str, Any]) -> tuple[str, str, int]:
    """Category, partition and unit. The language is what stage language found, or what the source
    says, or by the letters.
    """
    language = row["language"]
    if language is None and source.language:
        language = categories.language_of(source.language)
    language = language or row["script_language"] or categories.OTHER
    stem = source.partition == categories.STEM or bool(row["stem"])
    return (
        categories.category(language, source.kind),
        categories.STEM if stem else categories.MAIN,
        row[split.unit_of(source.kind)],
    )


def held_out(config: Any, placed: "DataFrame") -> "DataFrame":
    """`placed` with `split`, train or validation.

    A unit is drawn by its place; where a category has more than `validation_documents` in the units
    drawn, the first of them by place are taken, as far as they fit. Where none of a small category
    is drawn, the first are held out that have at most a tenth of its documents each, up to the
    share of its documents.
    """
    from pyspark.sql import functions as F

    if not config.validation_share:
        return placed.withColumn("split", F.lit("train"))
    most, limit = config.validation_documents, split.limit(config.validation_share)
    units = placed.groupBy("category", "place", "unit").count().persist()
    below = F.lit(True) if limit >= 1 << 63 else F.col("place") < limit
    number = F.count(F.when(below, 1)).alias("drawn")
    sums = units.groupBy("category").agg(F.sum("count").alias("documents"), number).collect()
    undrawn = {row["category"]: row["documents"] for row in sums if not row["drawn"]}
    taken = _first_small(units, undrawn, config.validation_share, most)
    drawn = units.where(below)
    if most:
        taken += _fitting(most, drawn)
    held = placed.sparkSession.createDataFrame(taken, "category string, unit long")
    if not most:
        held = held.union(drawn.select("category", "unit"))
    held = held.withColumn("split", F.lit("validation"))
    joined = placed.join(F.broadcast(held) if most else held, ["category", "unit"], "left")
    return joined.withColumn("split", F.coalesce("split", F.lit("train")))


def _first_small(
    units: "DataFrame", undrawn: Mapping[str, int], share: float, most: int
) -> list[tuple[str, int]]:
    """(category, unit) of the first by place that are small, up to the share of its documents or to
    `most`, of each category in which none was drawn. undrawn: their documents.
    """
    from pyspark.sql import functions as F

    found: list[tuple[str, int]] = []
    for category, documents in sorted(undrawn.items()):  # a few, with a few units each
        small = min(documents // 10, most or documents)
        room = min(math.ceil(share * documents), most or documents)
        of_it = units.where((F.col("category") == category) & (F.col("count") <= small))
        for row in of_it.orderBy("place", "unit").limit(room).collect():
            if room > 0:
                found.append((category, row["unit"]))
                room -= row["count"]
    return found


def _fitting(number: int, drawn: "DataFrame") -> list[tuple[str, int]]:
    """(category, unit) of the units that are held out, at most `number` documents a category."""
    from pyspark.sql import Window
    from pyspark.sql import functions as F

    by_place = Window.partitionBy("category").orderBy("place", "unit")
    first = drawn.withColumn("turn", F.row_number().over(by_place)).where(F.col("turn") <= number)
    table = first.toArrow().sort_by([("category", "ascending"), ("turn", "ascending")])
    taken: list[tuple[str, int]] = []
    for category in table["category"].unique().to_pylist():
        own = table.filter(pc.equal(table["category"], category))
        fits = split.fill(own["count"].to_numpy(), number)
        taken += [(category, unit) for unit in own["unit"].to_numpy()[fits].tolist()]
    return taken


def sizes(rows: "DataFrame") -> dict[str, dict[str, dict[str, int]]]:
    """Domain (`english_webpages.main`) to split to documents, units and characters."""
    from pyspark.sql import functions as F

    grouped = rows.groupBy("category", "partition", "split").agg(
        F.count("*").alias("documents"),
        F.countDistinct("unit").alias("units"),
        F.sum("chars").alias("chars"),
    )
    found: dict[str, dict[str, dict[str, int]]] = {}
    for row in sorted(grouped.collect()):
        domain = found.setdefault(f"{row['category']}.{row['partition']}", {})
        domain[row["split"]] = {n: row[n] for n in ("documents", "units", "chars")}
    return found
