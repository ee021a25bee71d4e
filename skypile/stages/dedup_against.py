"""What earlier runs hold: the texts of a new crawl that are copies of documents they kept.

Earlier runs come first in rank, in the order in which they are named, and their documents always
stay: a text that resembles one of them falls to it; only then are the others compared with each
other. Earlier documents are not compared among themselves, and no run is written to.
"""

from collections.abc import Sequence
from functools import reduce
from typing import TYPE_CHECKING, Any

from skypile.stage import EarlierRun, TextMapper
from skypile.stages.dedup_verify import similarity

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

READS = {"signatures": ("doc_id", "exact_high", "exact_low", "bands")}
_HELD = "key long, winner string, run string, jaccard double, kind string"


def held(
    config: Any, texts: "DataFrame", mapper: TextMapper, runs: Sequence[EarlierRun]
) -> tuple["DataFrame", list[dict[str, Any]]]:
    """(`key`, `winner`, `run`, `jaccard`, `kind` of what earlier runs hold; facts of each run).

    texts: `key`, `exact_high`, `exact_low`, `bands`, one row a text; mapper: from their keys to
    something of their texts. A winner is the id of the earlier document.
    """
    found = texts.sparkSession.createDataFrame([], _HELD)
    facts = []
    for run in runs:
        left = texts.join(found, "key", "left_anti")
        old = run.frame.withColumnsRenamed({"key": "old", "doc_id": "winner"})
        exact = _exact(left, old)
        near, fact = _near(config, left.join(exact, "key", "left_anti"), old, mapper, run)
        here = [
            rows.select("key", "winner", _text(run.name), "jaccard", _text(kind)).toDF(
                *found.columns
            )
            for rows, kind in ((exact, "exact"), (near, "near"))
        ]
        counts = [rows.count() for rows in here]
        found = reduce(lambda one, two: one.union(two), here, found).localCheckpoint()
        facts.append({"run": run.name, "exact": counts[0], "near": counts[1], **fact})
    return found, facts


def _text(value: str) -> "Column":
    from pyspark.sql import functions as F

    return F.lit(value)


def _exact(texts: "DataFrame", old: "DataFrame") -> "DataFrame":
    """`key`, `winner`, `jaccard` of texts that are an earlier one's copies."""
    from pyspark.sql import functions as F

    both = texts.join(old.drop("bands"), ["exact_high", "exact_low"])
    one = both.groupBy("key").agg(F.min_by("winner", "old").alias("winner"))
    return one.withColumn("jaccard", F.lit(1.0).cast("double")).localCheckpoint()


def _near(
    config: Any, texts: "DataFrame", old: "DataFrame", mapper: TextMapper, run: EarlierRun
) -> tuple["DataFrame", dict[str, Any]]:
    """(`key`, `winner`, `jaccard` of texts that resemble an earlier one, for the one most alike;
    facts).

    Of the earlier documents in a bucket `max_all_pairs` are compared at a time, in the run's order,
    for at most `max_rounds` rounds: whoever found one is out. The rest is counted.
    """
    from pyspark.sql import Window
    from pyspark.sql import functions as F

    bands = F.explode(F.array_distinct("bands")).alias("band")
    rows = texts.select("key", bands).localCheckpoint()
    old_rows = old.select("old", bands).join(rows.select("band").distinct(), "band", "left_semi")
    place = F.row_number().over(Window.partitionBy("band").orderBy("old")) - 1
    turn = F.floor(place / config.max_all_pairs).alias("turn")
    old_rows = old_rows.select("band", "old", turn).localCheckpoint()
    found = texts.sparkSession.createDataFrame([], "key long, old long, jaccard double")
    compared = 0
    for number in range(config.max_rounds):
        now = old_rows.where(F.col("turn") == number).join(rows, "band")
        pairs = now.select(F.col("key").alias("left"), F.col("old").alias("right")).distinct()
        pairs = pairs.localCheckpoint()
        count = pairs.count()
        if not count:
            break
        compared += count
        if run.texts:
            verified = similarity(config, pairs, mapper, run.texts)
        else:
            verified = _by_bands(config, pairs, texts, old)
        close = verified.where(F.col("similarity") >= config.threshold)
        best = F.max_by(F.struct("right", "similarity"), F.struct("similarity", -F.col("right")))
        new = close.groupBy("left").agg(best.alias("best"))
        new = new.select(F.col("left").alias("key"), "best.right", "best.similarity")
        found = found.union(new).localCheckpoint()
        rows = rows.join(new, "key", "left_anti").localCheckpoint()
    left_over = old_rows.where(F.col("turn") >= config.max_rounds).join(rows, "band")
    facts = {
        "pairs_compared": compared,
        "open_documents": left_over.select("key").distinct().count(),
        "verified_by": config.verify if run.texts else "bands",
    }
    return found.join(old.select("old", "winner"), "old").select("key", "winner", "jaccard"), facts


def _by_bands(config: Any, pairs: "DataFrame", texts: "DataFrame", old: "DataFrame") -> "DataFrame":
    """`pairs` with `similarity` as the shared bands let it be estimated, where the earlier texts
    are gone: (shared / bands) ^ (1 / rows). Of 14 bands of 9 rows, 2 shared ones count as .81.
    """
    from pyspark.sql import functions as F

    ours = texts.select(F.col("key").alias("left"), F.col("bands").alias("ours"))
    theirs = old.select(F.col("old").alias("right"), F.col("bands").alias("theirs"))
    shared = F.size(F.array_intersect("ours", "theirs")) / F.size("ours")
    both = pairs.join(ours, "left").join(theirs, "right")
    return both.select("left", "right", F.pow(shared, 1.0 / config.rows).alias("similarity"))
