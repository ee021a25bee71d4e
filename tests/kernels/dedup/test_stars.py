"""Large-star and small-star over streams of sorted edges, against union-find."""

import random

import numpy as np
import pytest

from skypile.kernels.dedup.components import shrink
from skypile.kernels.dedup.stars import Nodes, Stars


def star(left: Nodes, right: Nodes, batch: int, *, large: bool) -> tuple[Nodes, Nodes]:
    """One operation, over the edges sorted and in batches of some size."""
    nodes, neighbours = (
        (np.concatenate([left, right]), np.concatenate([right, left])) if large else (left, right)
    )
    order = np.lexsort((neighbours, nodes))
    stars = Stars(large=large)
    out = [
        stars.take(nodes[order][at : at + batch], neighbours[order][at : at + batch])
        for at in range(0, len(nodes), batch)
    ]
    if not out:
        return nodes, neighbours
    return np.concatenate([o[0] for o in out]), np.concatenate([o[1] for o in out])


def rounds(left: Nodes, right: Nodes, batch: int) -> tuple[Nodes, Nodes, int]:
    """Until nothing moves: (node, root, how many rounds it took)."""
    left, right = np.maximum(left, right), np.minimum(left, right)
    for number in range(100):
        before = set(zip(left.tolist(), right.tolist(), strict=True))
        left, right = star(*star(left, right, batch, large=True), batch, large=False)
        if set(zip(left.tolist(), right.tolist(), strict=True)) == before:
            return left, right, number
    raise AssertionError("not done after 100 rounds")


def test_stars_are_the_components_of_union_find_on_random_graphs() -> None:
    rng = random.Random(47)
    for _ in range(300):
        size = rng.randrange(2, 40)
        edges = [rng.sample(range(-size, size), 2) for _ in range(rng.randrange(1, 2 * size))]
        left, right = np.array(edges, np.int64).T
        nodes, roots, _ = rounds(left, right, rng.choice([1, 3, 1000]))
        want = shrink(left, right)
        assert sorted(zip(nodes.tolist(), roots.tolist(), strict=True)) == sorted(
            zip(want[0].tolist(), want[1].tolist(), strict=True)
        )


@pytest.mark.parametrize("batch", [7, 1 << 20])
def test_a_shuffled_chain_takes_few_rounds(batch: int) -> None:
    chain = np.random.default_rng(1).permutation(10_000).astype(np.int64)
    nodes, roots, number = rounds(chain[:-1], chain[1:], batch)
    assert sorted(nodes.tolist()) == list(range(1, 10_000))
    assert (roots == 0).all()
    assert number <= 12


def test_repeats_are_dropped_across_batches_and_a_batch_may_be_empty() -> None:
    none = np.zeros(0, np.int64)
    small = Stars(large=False)
    ends = np.array([5, 5, 5]), np.array([1, 1, 3])
    assert [o.tolist() for o in small.take(*ends)] == [[5, 3], [1, 1]]
    assert [len(o) for o in small.take(none, none)] == [0, 0]
    assert [o.tolist() for o in small.take(np.array([5, 5]), np.array([3, 4]))] == [[4], [1]]
    large = Stars(large=True)
    assert [o.tolist() for o in large.take(np.array([2]), np.array([1]))] == [[], []]
    assert [o.tolist() for o in large.take(np.array([2, 2]), np.array([7, 7]))] == [[7], [1]]
