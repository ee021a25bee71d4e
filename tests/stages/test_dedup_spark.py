"""What stage dedup does beyond the driver's memory: the rows of the driver, in bounded rounds."""

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pytest

from skypile.kernels.dedup.components import components
from skypile.stages.dedup_components import linked, whole_groups
from skypile.stages.dedup_pairs import Verify, settle

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

Start = Callable[[], "SparkSession"]
Rows = list[tuple[int, int, int]]


@contextmanager
def adaptive(spark: "SparkSession", on: bool, partitions: int = 3) -> Iterator[None]:
    spark.conf.set("spark.sql.adaptive.enabled", str(on).lower())
    spark.conf.set("spark.sql.shuffle.partitions", str(partitions))
    try:
        yield
    finally:
        spark.conf.set("spark.sql.adaptive.enabled", "true")
        spark.conf.set("spark.sql.shuffle.partitions", "2")


def alike(share: float) -> Verify:
    """A verifier by the pair alone: that share of pairs is similar, each to its own degree."""

    def verify(pairs: "DataFrame") -> "DataFrame":
        from pyspark.sql import functions as F

        low, high = F.least("left", "right"), F.greatest("left", "right")
        one = F.pmod(F.xxhash64(low, high), F.lit(1000)) / F.lit(1000.0)
        similarity = F.lit(1.0) - one * F.lit(0.2 / max(share, 1e-9))
        return pairs.withColumn("similarity", similarity.cast("double"))

    return verify


def copies(pairs: "DataFrame") -> "DataFrame":
    """A verifier that finds all pairs equal."""
    from pyspark.sql import functions as F

    return pairs.withColumn("similarity", F.lit(1.0).cast("double"))


def run(
    spark: "SparkSession", rows: "Rows | pa.Table", verify: Verify, **how: Any
) -> tuple[list[Any], dict[str, Any]]:
    """Rows of (band, rank, key) settled: rows of CLUSTERS by key, and the facts."""
    from pyspark.sql import Window
    from pyspark.sql import functions as F

    config = SimpleNamespace(**{"threshold": 0.8, "max_all_pairs": 16, "max_rounds": 32, **how})
    frame = spark.createDataFrame(rows, "band long, rank long, key long")  # type: ignore[type-var]
    shared = frame.withColumn("size", F.count("*").over(Window.partitionBy("band")))
    found, facts = settle(config, shared.where("size > 1"), verify)
    return sorted(tuple(r) for r in found.collect()), facts


def random_rows(seed: int, documents: int) -> Rows:
    """Buckets of 2 to 40 documents that overlap; ranks tie."""
    rng = random.Random(seed)
    ranks = {d << 32: rng.randrange(documents // 3) for d in range(documents)}
    rows: Rows = []
    for band in range(documents // 4):
        size = rng.choice([2, 2, 3, 5, 12, 40])
        at = rng.randrange(documents)
        near = {(at + rng.randrange(2 * size)) % documents << 32 for _ in range(size)}
        rows += [(band * 7919 - 500, ranks[key], key) for key in sorted(near)]
    rng.shuffle(rows)
    return rows


@pytest.mark.spark
def test_spark_settles_as_the_driver_does(start: Start) -> None:
    spark, rows, share = start(), random_rows(15, 240), 0.3
    how = {"max_all_pairs": 4, "max_rounds": 2}
    wanted, facts = run(spark, rows, alike(share), max_driver_rows=10**6, **how)
    assert facts["pairs_compared"] > facts["pairs_verified"] > 100
    assert facts["open_documents"] > facts["open_buckets"] > 1
    assert 0 < sum(row[2] is not None for row in wanted) < len(wanted)
    for on in (True, False):
        with adaptive(spark, on):
            assert run(spark, rows[::-1], alike(share), max_driver_rows=0, **how) == (wanted, facts)


@pytest.mark.spark
def test_edges_that_fit_are_joined_on_the_driver(start: Start) -> None:
    spark, rows = start(), random_rows(5, 60)
    wanted = run(spark, rows, alike(0.5), max_driver_rows=10**6, max_rounds=1)
    fewer = wanted[1]["shared_band_rows"] - 1
    assert run(spark, rows, alike(0.5), max_driver_rows=fewer, max_rounds=1) == wanted


def links_of(spark: "SparkSession", left: np.ndarray, right: np.ndarray) -> dict[int, int]:
    edges = spark.createDataFrame(pa.table({"left": left, "right": right}))
    return {r.node: r.root for r in linked(edges.repartition(5), 0).collect()}


def check_components(spark: "SparkSession", size: int) -> None:
    """A chain in random order and random graphs; beside them a star, whose centre is the last."""
    rng = np.random.default_rng(size)
    names = rng.permutation(3 * size).astype(np.int64) * 2**33 - 2**60
    chain, star, some = names[:size], names[size : 2 * size], names[2 * size :]
    left = np.concatenate([chain[:-1], np.full(size - 1, star.max()), rng.choice(some, size // 2)])
    right = np.concatenate([chain[1:], np.setdiff1d(star, star.max()), rng.choice(some, size // 2)])
    nodes, roots = components(left, right)
    wanted = {n: r for n, r in zip(nodes.tolist(), roots.tolist(), strict=True) if n != r}
    for on in (True, False):
        with adaptive(spark, on):
            assert links_of(spark, left, right) == wanted


@pytest.mark.spark
def test_components_in_rounds(start: Start) -> None:
    check_components(start(), 1_000)


@pytest.mark.spark
def test_rounds_are_bounded(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    from skypile.errors import SkypileError
    from skypile.stages import dedup_components

    monkeypatch.setattr(dedup_components, "MAX_STAR_ROUNDS", 1)
    chain = np.random.default_rng(1).permutation(200)
    with pytest.raises(SkypileError, match=r"not done after 1 rounds \(\d+ edges\); raise"):
        links_of(start(), chain[:-1], chain[1:])


def check_bucket_of_copies(spark: "SparkSession", size: int) -> None:
    rng = np.random.default_rng(size)
    rank = rng.permutation(size)
    rows = pa.table({"band": np.full(size, -3), "rank": rank, "key": np.arange(size) << 8})
    found, facts = run(spark, rows, copies, max_driver_rows=0)
    best = int(np.argmin(rank)) << 8
    assert facts["pairs_compared"] == facts["pairs_verified"] == size - 1
    assert facts["open_buckets"] == 0
    assert len(found) == size
    assert {row[1] for row in found} == {best}
    assert [row[0] for row in found if row[2] is None] == [best]


@pytest.mark.spark
def test_a_hot_bucket_costs_a_pair_a_document(start: Start) -> None:
    check_bucket_of_copies(start(), 20_000)


@pytest.mark.spark
@pytest.mark.slow
def test_a_chain_of_ten_thousand_and_a_star_of_a_million(start: Start) -> None:
    spark = start()
    check_components(spark, 10_000)
    leaves = np.arange(1_000_000)
    centre = np.full(1_000_000, 1_000_000)
    for on in (True, False):
        with adaptive(spark, on):
            found = links_of(spark, centre, leaves)
            assert len(found) == 1_000_000
            assert set(found.values()) == {0}


@pytest.mark.spark
@pytest.mark.slow
@pytest.mark.parametrize("on", [True, False])
def test_a_bucket_of_a_million(start: Start, on: bool) -> None:
    with adaptive(start(), on):
        check_bucket_of_copies(start(), 1_000_000)


def test_whole_groups_part_no_group() -> None:
    rng = random.Random(3)
    for _ in range(200):
        groups = [[g] * rng.randrange(1, 9) for g in rng.sample(range(100), rng.randrange(6))]
        flat = [g for group in groups for g in group]
        batches, at = [], 0
        while at < len(flat):
            size = rng.randrange(5)
            batches.append(pa.RecordBatch.from_pydict({"g": pa.array(flat[at : at + size], "i8")}))
            at += size
        tables = [t["g"].to_pylist() for t in whole_groups(batches, "g", rng.choice([1, 6, 99]))]
        assert [g for table in tables for g in table] == flat
        seen = [set(table) for table in tables]
        assert all(not one & two for i, one in enumerate(seen) for two in seen[i + 1 :])
