"""Groups of documents that are linked, and who in a group stays: arrays of edges in, arrays out.

Components only group. Similarity is not transitive: in a chain A, B, C the ends may have little in
common. So a document is dropped only for one that it was verified against and that stays.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from skypile.kernels.compiled import compiled

Nodes = NDArray[np.int64]


def components(left: Nodes, right: Nodes) -> tuple[Nodes, Nodes]:
    """The connected components of edges: (nodes, ascending; the least node of each's component).

    left, right: int64 keys, any values, any order, with repeats and loops. A million edges take
    a second. The result is also the shortest list of edges with the same components
    (node, root), which is what a part of the edges is shrunk to before they meet: see `shrink`.

    Raises:
        ValueError: left and right differ in length.
    """
    left, right = _edges(left, right)
    nodes, where = np.unique(np.concatenate([left, right]), return_inverse=True)
    size = len(nodes)
    if not size:
        return nodes, nodes.copy()
    one, two = where[: len(left)], where[len(left) :]
    graph = coo_array((np.ones(len(one), bool), (one, two)), shape=(size, size))
    _, labels = connected_components(graph, directed=False)
    # Nodes ascend, so the first one with a label is the least.
    _, first, label = np.unique(labels, return_index=True, return_inverse=True)
    return nodes, nodes[first[label]]


def shrink(left: Nodes, right: Nodes) -> tuple[Nodes, Nodes]:
    """Fewer edges with the same components: (node, least node of its component), loops left out.

    At most one for each node. Shrinking parts, then what is left of all of them, gives what
    shrinking the whole gives.
    """
    nodes, roots = components(left, right)
    linked = nodes != roots
    return nodes[linked], roots[linked]


@compiled
def _settle(starts: Nodes, ends: Nodes, order: Nodes, winner: Nodes) -> None:
    """Greedy in rank order: who is not dropped yet stays, and drops its neighbours that are open.

    winner: -2 open, -1 stays.
    """
    for node in order:
        if winner[node] == -2:
            winner[node] = -1
            for i in range(starts[node], starts[node + 1]):
                if winner[ends[i]] == -2:
                    winner[ends[i]] = node


def winners(left: Nodes, right: Nodes, ranks: Nodes) -> Nodes:
    """int64[nodes]: for whom each node is dropped, -1 where it stays.

    left, right: verified edges, int64 indices of nodes; repeats and loops do no harm. ranks:
    int64[nodes], the lowest is the best, all different. In rank order a node stays unless it has an
    edge to one that stays already; the best-ranked of these is its winner. So no two that stay are
    linked, and every dropped one is linked to its winner, which stays and ranks before it. The
    result does not depend on the order of the edges. Linear but for the sorting.

    Raises:
        ValueError: two ranks are the same, an index is out of range, or lengths differ.
    """
    left, right = _edges(left, right)
    ranks = np.asarray(ranks, np.int64)
    order = np.argsort(ranks, kind="stable")
    ranked = ranks[order]
    if np.any(ranked[1:] == ranked[:-1]):
        raise ValueError("two nodes have the same rank")
    size = len(ranks)
    if len(left) and not (
        min(left.min(), right.min()) >= 0 and max(left.max(), right.max()) < size
    ):
        raise ValueError(f"an edge has an end that is not among 0 to {size - 1}")
    better = ranks[left] < ranks[right]
    start, end = np.where(better, left, right), np.where(better, right, left)
    by_start = np.argsort(start, kind="stable")
    starts = np.concatenate([[0], np.cumsum(np.bincount(start, minlength=size))])
    winner = np.full(size, -2, np.int64)
    _settle(starts.astype(np.int64), end[by_start], order.astype(np.int64), winner)
    return winner


def _edges(left: Nodes, right: Nodes) -> tuple[Nodes, Nodes]:
    left, right = np.asarray(left, np.int64), np.asarray(right, np.int64)
    if left.shape != right.shape or left.ndim != 1:
        raise ValueError(f"edges have ends of shapes {left.shape} and {right.shape}")
    return left, right
