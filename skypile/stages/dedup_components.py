"""Components and winners of stage `dedup` where the edges do not fit on the driver.

Only int64 columns move. The edges of one component meet on one executor, 40 bytes each, for the
winner rule, which is greedy and so sequential; nothing else needs a component in one place.
"""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa

from skypile.errors import SkypileError
from skypile.kernels.dedup.components import components, shrink, winners
from skypile.kernels.dedup.stars import Stars

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

CLUSTERS = "key long, cluster long, winner long, jaccard double"
MAX_STAR_ROUNDS = 100  # a shuffled chain of 10,000 takes 9; the bound known is log^2
_BLOCK_ROWS = 1 << 18  # rows that a task takes into a compiled function at a time, 8 bytes a column
_Batches = Iterable[pa.RecordBatch]


def linked(edges: "DataFrame", max_driver_rows: int) -> "DataFrame":
    """`node`, `root` of each node that is not the least of its component, which `root` is.

    edges: `left`, `right`, with repeats. They are shrunk by union-find in each partition; what is
    left is joined on the driver if it has at most `max_driver_rows` rows, else in rounds on Spark.

    Raises:
        SkypileError: not done after MAX_STAR_ROUNDS.
    """
    ends = edges.select("left", "right")
    shrunk = ends.mapInArrow(_shrink, "node long, root long").localCheckpoint()
    if shrunk.count() <= max_driver_rows:
        table = shrunk.toArrow()
        nodes, roots = shrink(table["node"].to_numpy(), table["root"].to_numpy())
        rows = pa.table({"node": nodes, "root": roots})
        return edges.sparkSession.createDataFrame(rows, "node long, root long")
    return _starred(shrunk)


def _shrink(batches: _Batches) -> Iterator[pa.RecordBatch]:
    held = [np.zeros(0, np.int64)] * 2
    waiting: list[pa.RecordBatch] = []
    for batch in _with_end(batches):
        waiting += [batch] if batch else []
        if batch is None or sum(b.num_rows for b in waiting) >= max(_BLOCK_ROWS, len(held[0])):
            columns = [[b.column(i).to_numpy() for b in waiting] for i in (0, 1)]
            both = zip(held, columns, strict=True)
            held = list(shrink(*(np.concatenate([h, *c]) for h, c in both)))
            waiting = []
    yield pa.RecordBatch.from_arrays([pa.array(h) for h in held], ["node", "root"])


def _with_end(batches: _Batches) -> Iterator[pa.RecordBatch | None]:
    yield from batches
    yield None


def _starred(links: "DataFrame") -> "DataFrame":
    """Large and small stars in turn until nothing moves."""
    before = _state(links)
    for _ in range(MAX_STAR_ROUNDS):
        links = _star(_star(links, large=True), large=False).localCheckpoint()
        now = _state(links)
        if now == before:
            return links
        before = now
    raise SkypileError(
        f"dedup: components are not done after {MAX_STAR_ROUNDS} rounds ({before[0]:,} edges); "
        "raise max_driver_rows"
    )


def _star(links: "DataFrame", *, large: bool) -> "DataFrame":
    edges = links.toDF("node", "root")
    if large:
        edges = edges.union(edges.select("root", "node"))

    def kernel(batches: _Batches) -> Iterator[pa.RecordBatch]:
        stars = Stars(large=large)
        for batch in batches:
            ends = stars.take(batch["node"].to_numpy(), batch["root"].to_numpy())
            yield pa.RecordBatch.from_arrays([pa.array(e) for e in ends], ["node", "root"])

    by_node = edges.repartition("node").sortWithinPartitions("node", "root")
    return by_node.mapInArrow(kernel, "node long, root long")


def _state(links: "DataFrame") -> tuple[int, int, int]:
    """How many edges, and two hashes of them that do not depend on their order."""
    from pyspark.sql import functions as F

    one = F.xxhash64("node", "root")
    found = links.agg(
        F.count("*"),
        F.coalesce(F.bit_xor(one), F.lit(0)),
        F.coalesce(F.sum(F.shiftrightunsigned(one, 32)), F.lit(0)),
    ).first()
    assert found
    return tuple(found)


def settled(edges: "DataFrame", links: "DataFrame") -> "DataFrame":
    """CLUSTERS: who stays and who falls to whom, a row a document with an edge.

    edges: `left`, `right`, `left_rank`, `right_rank`, `similarity`; the same edge twice has the
    same similarity. links: what `linked` made of them.
    """
    from pyspark.sql import functions as F

    with_root = edges.join(links.withColumnRenamed("node", "left"), "left", "left")
    rooted = with_root.withColumn("root", F.coalesce("root", "left"))
    columns = ["root", "left", "right", "left_rank", "right_rank", "similarity"]
    by_root = rooted.select(*columns).repartition("root").sortWithinPartitions("root")
    return by_root.mapInArrow(_settle, CLUSTERS)


def _settle(batches: _Batches) -> Iterator[pa.RecordBatch]:
    for edges in whole_groups(batches, "root"):
        arrays = [edges[name].to_numpy() for name in edges.column_names[1:]]
        yield from settle_edges(Edges(*arrays)).to_batches()


class Edges(NamedTuple):
    """Verified edges of whole components: keys and ranks of their ends, and how alike they are."""

    left: np.ndarray
    right: np.ndarray
    left_rank: np.ndarray
    right_rank: np.ndarray
    similarity: np.ndarray


def settle_edges(edges: Edges) -> pa.Table:
    """CLUSTERS of the documents with an edge, by key: the winner rule in each component.

    Ranks may tie: the lower key goes before.
    """
    ends = np.concatenate([edges.left, edges.right])
    keys, first, nodes = np.unique(ends, return_index=True, return_inverse=True)
    rank = np.concatenate([edges.left_rank, edges.right_rank])[first]
    ranks = np.empty(len(keys), np.int64)
    ranks[np.lexsort((keys, rank))] = np.arange(len(keys))
    left, right = nodes[: len(edges.left)], nodes[len(edges.left) :]
    winner = winners(left, right, ranks)
    return clusters(keys, ranks, winner, left, right, edges.similarity)


def clusters(
    keys: np.ndarray,
    ranks: np.ndarray,
    winner: np.ndarray,
    left: np.ndarray,
    right: np.ndarray,
    similarity: np.ndarray,
) -> pa.Table:
    """CLUSTERS: a row a document with a verified edge; the best-ranked of its component names the
    cluster.

    keys, ranks, winner: by index of document. left, right: such indices, the edges.
    """
    nodes, roots = components(left, right)
    order = np.lexsort((ranks[nodes], roots))
    _, first, label = np.unique(roots[order], return_index=True, return_inverse=True)
    cluster = np.empty_like(nodes)
    cluster[order] = nodes[order][first][label]
    winner = winner[nodes]
    stays = winner < 0
    better = ranks[left] < ranks[right]  # a winner ranks before whom it drops
    codes = np.where(better, left, right) * len(keys) + np.where(better, right, left)
    by_code = np.argsort(codes, kind="stable")
    at = np.searchsorted(codes[by_code], winner * len(keys) + nodes)
    value = similarity[by_code[np.where(stays, 0, at)]] if len(nodes) else np.zeros(0)
    return pa.table(
        {
            "key": keys[nodes],
            "cluster": keys[cluster],
            "winner": pa.array(keys[np.where(stays, 0, winner)], mask=stays),
            "jaccard": pa.array(value, mask=stays),
        }
    )


def whole_groups(batches: _Batches, column: str, rows: int = _BLOCK_ROWS) -> Iterator[pa.Table]:
    """The batches as tables of about `rows` rows that part no group: rows with the same value of
    `column`, which lie together. A group with more rows is a table of its own.
    """
    held: list[pa.RecordBatch] = []
    for batch in batches:
        if not batch.num_rows:
            continue
        keys = batch[column].to_numpy()
        new = np.flatnonzero(keys[1:] != keys[:-1]) + 1
        cut = int(new[-1]) if len(new) else 0
        begins = cut > 0 or (bool(held) and held[-1][column][-1].as_py() != keys[0])
        if begins and sum(b.num_rows for b in held) + cut >= rows:
            yield pa.Table.from_batches([*held, batch.slice(0, cut)])
            held = [batch.slice(cut)]
        else:
            held.append(batch)
    if held:
        yield pa.Table.from_batches(held)
