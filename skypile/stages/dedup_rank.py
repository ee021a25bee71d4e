"""Which of several copies of a text stays: one order for all stages that drop copies."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

RANKS = ("source", "longest", "earliest")


def ranked(
    by: Sequence[str], documents: "DataFrame", sources: Sequence[str] | None = None
) -> "DataFrame":
    """With `rank`, int64: the lowest stays; ties are for `key` to decide.

    source: the order of the configuration; longest: code points; earliest: the page's date, or the
    day when it was crawled. Packed into 10, 31 and 22 bits in the order of `by`.

    documents: `key`, `source`, `chars`, `date`, `crawled_at`. sources: their order, where it is at
    hand; else it is that of the keys.
    """
    from pyspark.sql import functions as F

    if sources is None:
        firsts = documents.groupBy("source").agg(F.min("key").alias("first")).collect()
        sources = [r["source"] for r in sorted(firsts, key=lambda r: r["first"])]
    priority = F.lit(0)
    for place, name in enumerate(sources):
        priority = F.when(F.col("source") == name, F.lit(min(place, 1023))).otherwise(priority)
    most_chars, most_days = (1 << 31) - 1, (1 << 22) - 1
    date = F.coalesce("date", F.to_date("crawled_at"))
    days = F.datediff(date, F.lit("0001-01-01").cast("date"))
    # Spark's least and greatest pass over nulls: an undated text must not count as the oldest.
    dated = F.least(F.greatest(days, F.lit(0)), F.lit(most_days - 1))
    undated = F.lit(most_days)
    columns = {
        "source": (priority, 10),
        "longest": (F.lit(most_chars) - F.least(F.col("chars"), F.lit(most_chars)), 31),
        "earliest": (F.when(days.isNull(), undated).otherwise(dated), 22),
    }
    rank = F.lit(0).cast("long")
    for name in by:
        column, bits = columns[name]
        rank = F.shiftleft(rank, bits).bitwiseOR(column.cast("long"))
    return documents.withColumn("rank", rank)
