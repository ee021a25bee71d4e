"""Which documents of stage `mixture` are held out: categories, units, the draw; narrow rows."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from skypile.kernels import categories, split
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
    drawn, the first of them by place are taken, as far as they fit.
    """
    from pyspark.sql import functions as F

    limit = split.limit(config.validation_share)
    drawn = F.lit(True) if limit >= 1 << 63 else F.col("place") < limit
    if config.validation_documents:
        units = _fitting(config.validation_documents, placed.where(drawn))
        joined = placed.join(F.broadcast(units), ["category", "unit"], "left")
        drawn = F.col("taken").isNotNull()
        placed = joined
    return placed.withColumn("split", F.when(drawn, "validation").otherwise("train"))


def _fitting(number: int, drawn: "DataFrame") -> "DataFrame":
    """`category`, `unit`, `taken` of the units that are held out, at most `number` documents a
    category.
    """
    from pyspark.sql import Window
    from pyspark.sql import functions as F

    by_place = Window.partitionBy("category").orderBy("place", "unit")
    counted = drawn.groupBy("category", "place", "unit").count()
    first = counted.withColumn("turn", F.row_number().over(by_place)).where(F.col("turn") <= number)
    table = first.toArrow().sort_by([("category", "ascending"), ("turn", "ascending")])
    taken: list[tuple[str, int, bool]] = []
    for category in table["category"].unique().to_pylist():
        own = table.filter(pa.compute.equal(table["category"], category))
        fits = split.fill(own["count"].to_numpy(), number)
        units = own["unit"].to_numpy()[fits].tolist()
        taken += [(category, unit, True) for unit in units]
    return drawn.sparkSession.createDataFrame(taken, "category string, unit long, taken boolean")


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
