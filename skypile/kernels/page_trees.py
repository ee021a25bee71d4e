"""Which blocks of a page are its main text: two sets of decision trees over `page_features`, the
second of which sees what the first says of the blocks around.

Left out: where the trees come from (`page_weights`), and what is made of the blocks (`fast`).
"""

from typing import Any, NamedTuple

import numpy as np

from skypile.kernels.compiled import F64, I32, compiled
from skypile.kernels.page_context import context
from skypile.kernels.page_features import features
from skypile.kernels.page_tags import Scan


class Forest(NamedTuple):
    """Trees one after another. A node of a leaf has feature -1 and its value as threshold.

    left, right: numbers of nodes. roots: where each tree begins. At most its threshold: left.
    """

    feature: I32
    threshold: F64
    left: I32
    right: I32
    roots: I32


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
    columns: tuple[list[Any], ...] = ([], [], [], [])
    roots: list[int] = []
    for tree in trees:
        start, splits = len(columns[0]), len(tree["feature"])
        roots.append(start)
        for of, values in zip(columns[:2], (tree["feature"], tree["threshold"]), strict=True):
            of += values
        for of, children in zip(columns[2:], (tree["left"], tree["right"]), strict=True):
            of += [start + (c if c >= 0 else splits - 1 - c) for c in children]
        leaves = len(tree["value"])
        for of, more in zip(columns, ([-1] * leaves, tree["value"], [0] * leaves), strict=False):
            of += more
        columns[3].extend([0] * leaves)
    feature, threshold, left, right = columns
    return Forest(
        np.array(feature, np.int32),
        np.array(threshold, np.float64),
        np.array(left, np.int32),
        np.array(right, np.int32),
        np.array(roots, np.int32),
    )


def scores(scan: Scan, using: Weights) -> F64:
    """How likely each block is main text: above 0 rather so, below rather not."""
    first = features(scan, using.words)
    margins = sums(first, using.block)
    return sums(np.hstack([first, context(scan, margins)]), using.page)


def sums(rows: F64, trees: Forest) -> F64:
    """The sum of all trees' values for each row."""
    return _sums(rows, *trees)


@compiled
def _sums(rows: F64, feature: I32, threshold: F64, left: I32, right: I32, roots: I32) -> F64:
    out = np.zeros(len(rows))
    # Tree by tree: a tree is in the nearest cache for all rows.
    for t in range(len(roots)):
        for b in range(len(rows)):
            at = roots[t]
            while feature[at] >= 0:
                at = left[at] if rows[b, feature[at]] <= threshold[at] else right[at]
            out[b] += threshold[at]
    return out
