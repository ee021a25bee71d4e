"""Which blocks of a page are its main text: two sets of decision trees over `page_features`, the
second of which sees what the first says of the blocks around.

Left out: where the trees come from (`page_weights`), and what is made of the blocks (`fast`).
"""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from skypile.kernels.compiled import F32, F64, I64, U32, compiled
from skypile.kernels.fast_engine.page_context import N_CONTEXT, context
from skypile.kernels.fast_engine.page_features import features
from skypile.kernels.fast_engine.page_tags import Scan


class Forest(NamedTuple):
    """Trees one after another. At a node: to `left` where the row's `feature` is at most
    `threshold`, else to the node behind that. A leaf leads to itself and has a value.

    roots: where each tree begins. depths: how many steps reach each of its leaves.
    """

    feature: U32
    threshold: F32
    left: U32
    value: F64
    roots: U32
    depths: I64


class Weights(NamedTuple):
    """What was fitted: weights of hashed words, trees of a block, trees with its surroundings.

    thresholds: the score above which a block is text, and, where no block has it, those to try.
    """

    words: F64
    block: Forest
    page: Forest
    thresholds: tuple[float, ...]


def forest(trees: list[dict[str, list[Any]]]) -> Forest:
    """Trees as a file has them: of the splits feature, threshold, left and right, and of the leaves
    value; a child below 0 is leaf -1 - child.
    """
    nodes: list[tuple[int, float, int, float]] = []
    roots, depths = [], []
    for tree in trees:
        roots.append(len(nodes))
        # Level by level, so that the children of a node stand side by side.
        level, free = [0 if tree["feature"] else -1], len(nodes) + 1
        depths.append(-1)
        while level:
            children = []
            for node in level:
                if node < 0:
                    nodes.append((0, math.inf, len(nodes), tree["value"][-1 - node]))
                else:
                    nodes.append((tree["feature"][node], tree["threshold"][node], free, 0.0))
                    children += [tree["left"][node], tree["right"][node]]
                    free += 2
            level = children
            depths[-1] += 1
    feature, threshold, left, value = zip(*nodes, strict=True) if nodes else ((), (), (), ())
    return Forest(
        np.array(feature, np.uint32),
        _at_most(threshold),
        np.array(left, np.uint32),
        np.array(value, np.float64),
        np.array(roots, np.uint32),
        np.array(depths, np.int64),
    )


def _at_most(thresholds: Sequence[float]) -> F32:
    """The next float32 at or below each: what is above the one is above the other."""
    exact = np.array(thresholds, np.float64)
    near = exact.astype(np.float32)
    return np.where(near > exact, np.nextafter(near, np.float32(-math.inf)), near)


def scores(scan: Scan, using: Weights) -> F64:
    """How likely each block is main text: above 0 rather so, below rather not."""
    rows = features(scan, using.words, room=N_CONTEXT)
    margins = sums(rows, using.block)
    return sums(context(scan, margins, rows), using.page)


def sums(rows: F32, trees: Forest) -> F64:
    """The sum of all trees' values for each row; columns that no tree asks for do no harm."""
    n, width = rows.shape
    return _sums(np.ascontiguousarray(rows).ravel(), n, width, *trees)


@compiled
def _sums(
    flat: F32,
    n: int,
    width: int,
    feature: U32,
    threshold: F32,
    left: U32,
    value: F64,
    roots: U32,
    depths: I64,
) -> F64:
    # A step of all rows at a time, and no branch: the processor takes several rows at once. A tree
    # is in the nearest cache for all of them.
    out, at = np.zeros(n), np.zeros(n, np.uint32)
    for t in range(len(roots)):
        at[:] = roots[t]
        for _ in range(depths[t]):
            for b in range(n):
                node = at[b]
                # Unsigned, since an index that may be negative takes a branch.
                place = np.uint64(b) * np.uint64(width) + np.uint64(feature[node])
                above = flat[place] > threshold[node]
                at[b] = left[node] + np.uint32(above)
        for b in range(n):
            out[b] += value[at[b]]
    return out
