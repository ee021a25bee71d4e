"""In how many documents, and on how many hosts, each unit recurs: the relate of `distribution`.

A unit's group is its centre, or, outside of all balls, the hash of its words (negative). Rows of
(group, host) with the number of their documents shuffle, then rows of groups; units that are in a
group on record go to it (where the groups are too many to be sent to every worker, all units do).
No text, host or id shuffles: numbers of 64 bits stand for them, 60 bits of the id for its order.
"""

from typing import TYPE_CHECKING, Any

import pyarrow as pa

from skypile.stage import Related
from skypile.stages.distribution_blocks import LONG_LIST
from skypile.tables import INT_LIST, Table, field

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

    from skypile.stages.distribution import Config

TOP = 200  # groups that the manifest describes
RECURRENCE = Table(
    "recurrence",
    pa.schema(
        [
            field("doc_id", pa.string()),
            field("units", INT_LIST),  # which of the document's units are in a group on record
            field("unit_groups", LONG_LIST),  # a centre; below 0: a hash of the words themselves
            field("unit_documents", LONG_LIST),
            field("unit_hosts", LONG_LIST),
            field("spared", pa.list_(pa.field("element", pa.bool_(), nullable=False))),
        ]
    ),
    key=("doc_id",),
    meaning="units that recur: their groups, in how many documents and hosts, and what stays",
)


def count_recurrence(config: "Config", documents: "DataFrame") -> Related:
    """Units of groups on record, and facts: documents, units, the distribution, the top groups.

    `histogram` has by the binary logarithm of a group's documents, from `counted_from_documents`
    on, [groups, documents with a unit of the group]; `documents_with_units` counts all of these.
    """
    from pyspark.sql import functions as F

    zipped = F.arrays_zip("unit_keys", "centres", "cosines")
    grouped = documents.select(
        "key",
        F.conv(F.substring("doc_id", 1, 15), 16, 10).cast("long").alias("place"),
        # A text without a host is one of its own.
        F.xxhash64(F.coalesce("host", "doc_id")).alias("host"),
        F.transform(zipped, lambda unit: _group(config, unit)).alias("groups"),
    )
    once = grouped.select("host", F.explode(F.array_distinct("groups")).alias("group"))
    of_hosts = once.groupBy("group", "host").agg(F.count("*").alias("n"))
    counted = of_hosts.groupBy("group").agg(
        F.sum("n").alias("documents"), F.count("*").alias("hosts")
    )
    on_record = counted.where(F.col("documents") >= config.counted_from_documents).persist()
    units = grouped.select("key", "place", F.posexplode("groups").alias("unit", "group"))
    placed = units.join(on_record, "group")
    totals = grouped.agg(
        F.count("*").alias("documents"),
        F.coalesce(F.sum(F.size("groups")), F.lit(0)).alias("units"),
        F.coalesce(F.sum(F.size(F.array_distinct("groups"))), F.lit(0)).alias("with_units"),
    ).first()
    assert totals
    facts = {
        "documents": totals["documents"],
        "units": totals["units"],
        "documents_with_units": totals["with_units"],
        "histogram": _histogram(on_record),
        "top": _top(on_record, placed, documents.select("key", "doc_id")),
    }
    return Related(_by_document(_with_spared(config, placed)), facts)


def _group(config: "Config", unit: "Column") -> "Column":
    from pyspark.sql import functions as F

    in_ball = (unit["centres"] >= 0) & (unit["cosines"] >= F.lit(config.min_cosine).cast("float"))
    words = unit["unit_keys"].bitwiseOR(F.lit(-(2**63)))
    return F.when(in_ball, unit["centres"].cast("long")).otherwise(words)


def _with_spared(config: "Config", placed: "DataFrame") -> "DataFrame":
    """With `spared`: whether the document is one of the first of the group, by its id."""
    from pyspark.sql import Window
    from pyspark.sql import functions as F

    if not config.keep_first:
        return placed.withColumn("spared", F.lit(False))
    by_id = Window.partitionBy("group").orderBy("place", "key")
    of_documents = placed.select("group", "place", "key").distinct()
    first = of_documents.withColumn("nth", F.row_number().over(by_id))
    first = first.where(F.col("nth") <= config.keep_first).select("group", "key")
    joined = placed.join(first.withColumn("stays", F.lit(True)), ["group", "key"], "left")
    return joined.withColumn("spared", F.coalesce("stays", F.lit(False))).drop("stays")


def _by_document(placed: "DataFrame") -> "DataFrame":
    from pyspark.sql import functions as F

    columns = ["unit", "group", "documents", "hosts", "spared"]
    found = placed.groupBy("key").agg(F.sort_array(F.collect_list(F.struct(*columns))).alias("u"))
    names = RECURRENCE.schema.names[1:]
    return found.select(
        "key", *(F.col(f"u.{c}").alias(n) for c, n in zip(columns, names, strict=True))
    )


def _histogram(on_record: "DataFrame") -> dict[str, list[int]]:
    from pyspark.sql import functions as F

    power = (F.length(F.bin("documents")) - 1).alias("power")
    rows = on_record.groupBy(power).agg(F.count("*").alias("n"), F.sum("documents").alias("d"))
    return {str(r["power"]): [r["n"], r["d"]] for r in sorted(rows.collect())}


def _top(on_record: "DataFrame", placed: "DataFrame", ids: "DataFrame") -> list[dict[str, Any]]:
    """The groups of most documents: counts, and the first document's first unit as an example."""
    from pyspark.sql import functions as F

    order = (F.desc("documents"), F.desc("hosts"), "group")
    top = on_record.orderBy(*order).limit(TOP)
    where = F.min(F.struct("place", "key", "unit")).alias("at")
    chosen = placed.join(F.broadcast(top.select("group")), "group")
    found = chosen.groupBy("group", "documents", "hosts").agg(where)
    found = found.withColumn("key", F.col("at.key")).join(ids, "key").orderBy(*order)
    return [
        {
            "group": r["group"],
            "documents": r["documents"],
            "hosts": r["hosts"],
            "doc_id": r["doc_id"],
            "unit": r["at"]["unit"],
        }
        for r in found.collect()
    ]
