"""Verified pairs, components, winners and buckets, against the plain way of doing each."""

import itertools
import random

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench import plain_shingles as plain
from skypile.kernels.dedup import minhash
from skypile.kernels.dedup.buckets import Buckets, Settled, settle
from skypile.kernels.dedup.components import components, shrink, winners
from skypile.kernels.dedup.jaccard import distinct_sets, jaccard, shingle_sets
from skypile.kernels.dedup.shingles import line_hashes
from tests.kernels.dedup.test_shingles import TEXTS, UNTIMED

Edges = list[tuple[int, int]]


def ends(edges: Edges) -> tuple[np.ndarray, np.ndarray]:
    array = np.array(edges, np.int64).reshape(-1, 2)
    return array[:, 0], array[:, 1]


# Jaccard


@UNTIMED
@given(st.lists(st.lists(st.integers(0, 12), max_size=12), min_size=2, max_size=6))
def test_jaccard_is_that_of_pythons_sets(lists: list[list[int]]) -> None:
    offsets = np.cumsum([0, *(len(x) for x in lists)])
    flat = np.array(list(itertools.chain(*lists)), np.uint64) * np.uint64(2**60 + 1)
    hashes, at = distinct_sets(flat, offsets)
    assert [len(set(x)) for x in lists] == np.diff(at).tolist()
    pairs = list(itertools.product(range(len(lists)), repeat=2))
    found = jaccard(hashes, at, *ends(pairs))
    for (i, j), value in zip(pairs, found, strict=True):
        one, two = set(lists[i]), set(lists[j])
        assert value == (len(one & two) / len(one | two) if one | two else 1.0)


@UNTIMED
@given(st.lists(TEXTS, min_size=2, max_size=2))
def test_jaccard_of_texts_is_that_of_plain_shingles(texts: list[str]) -> None:
    one, two = (plain.shingles(t) for t in texts)
    found = jaccard(*shingle_sets(pa.array(texts)), *ends([(0, 1)]))
    assert found[0] == plain.jaccard(one, two)


def test_jaccard_refuses_what_it_cannot_look_up() -> None:
    sets = distinct_sets(np.array([1, 2], np.uint64), np.array([0, 1, 2]))
    for pair in ((0, 2), (-1, 0)):
        with pytest.raises(IndexError, match="0 to 1"):
            jaccard(*sets, *ends([pair]))
    with pytest.raises(ValueError, match="1 left and 2 right"):
        jaccard(*sets, np.array([0]), np.array([0, 1]))


# Components


def union_find(edges: Edges) -> dict[int, int]:
    """Node to the least of its component, by the textbook."""
    parent: dict[int, int] = {}

    def find(node: int) -> int:
        while parent.setdefault(node, node) != node:
            node = parent[node]
        return node

    for one, two in edges:
        low, high = sorted((find(one), find(two)))
        parent[high] = low
    return {node: find(node) for node in parent}


def random_edges(rng: random.Random) -> Edges:
    keys = [rng.randrange(-(2**63), 2**63) for _ in range(rng.randrange(1, 40))]
    count = rng.randrange(0, 2 * len(keys))
    return [(rng.choice(keys), rng.choice(keys)) for _ in range(count)]


def test_components_are_those_of_union_find_on_a_thousand_graphs() -> None:
    rng = random.Random(23)
    for number in range(1000):
        edges = random_edges(rng)
        nodes, roots = components(*ends(edges))
        assert nodes.tolist() == sorted(nodes.tolist())
        assert dict(zip(nodes.tolist(), roots.tolist(), strict=True)) == union_find(edges)
        if number % 5:
            continue
        # Shrunk in parts, then together.
        cut = rng.randrange(len(edges) + 1)
        parts = [shrink(*ends(edges[:cut])), shrink(*ends(edges[cut:]))]
        whole = shrink(*(np.concatenate(side) for side in zip(*parts, strict=True)))
        assert [x.tolist() for x in whole] == [x.tolist() for x in shrink(*ends(edges))]
        assert len(whole[0]) == len(nodes) - len(set(roots.tolist()))


def test_long_chains_and_big_stars() -> None:
    chain = np.random.default_rng(1).permutation(10_000).astype(np.int64)
    nodes, roots = components(chain[:-1], chain[1:])
    assert len(nodes) == 10_000
    assert (roots == 0).all()
    leaves = np.arange(1, 1_000_001)
    nodes, roots = components(np.zeros_like(leaves), leaves)
    assert len(nodes) == 1_000_001
    assert (roots == 0).all()
    assert [len(x) for x in shrink(np.zeros(5, np.int64), np.ones(5, np.int64))] == [1, 1]


def test_components_refuse_edges_with_one_end() -> None:
    with pytest.raises(ValueError, match="shapes"):
        components(np.arange(2), np.arange(3))


# The winner rule


def plain_winners(edges: Edges, ranks: list[int]) -> list[int]:
    """The rule, read aloud: in rank order, kept unless linked to one that is kept already."""
    near: dict[int, set[int]] = {n: set() for n in range(len(ranks))}
    for one, two in edges:
        near[one].add(two)
        near[two].add(one)
    winner = [-1] * len(ranks)
    kept: list[int] = []
    for node in sorted(range(len(ranks)), key=ranks.__getitem__):
        above = [k for k in kept if k in near[node]]
        if above:
            winner[node] = min(above, key=ranks.__getitem__)
        else:
            kept.append(node)
    return winner


@pytest.mark.parametrize(
    ("edges", "ranks", "expected"),
    [
        ([(0, 1), (1, 2)], [0, 1, 2], [-1, 0, -1]),  # C resembles nothing that stays
        ([(0, 1), (1, 2)], [1, 0, 2], [1, -1, 1]),
        ([(0, 1), (1, 2), (2, 3)], [0, 1, 2, 3], [-1, 0, -1, 2]),
        ([(0, 1), (0, 2), (0, 3)], [3, 0, 1, 2], [1, -1, -1, -1]),  # the star's centre is worst
        ([(0, 1), (0, 2), (0, 3)], [0, 1, 2, 3], [-1, 0, 0, 0]),
        ([(0, 2), (1, 2)], [5, 4, 9], [-1, -1, 1]),  # of two winners the better
        ([(0, 0), (1, 1)], [0, 1], [-1, -1]),
        ([], [7, -3], [-1, -1]),
        ([], [], []),
    ],
)
def test_winners_of_chains_and_stars(edges: Edges, ranks: list[int], expected: list[int]) -> None:
    assert winners(*ends(edges), np.array(ranks, np.int64)).tolist() == expected
    assert plain_winners(edges, ranks) == expected


def test_winners_are_those_of_the_rule_on_a_thousand_graphs() -> None:
    rng = random.Random(29)
    for _ in range(1000):
        size = rng.randrange(1, 25)
        edges = [(rng.randrange(size), rng.randrange(size)) for _ in range(rng.randrange(3 * size))]
        ranks = rng.sample(range(-1000, 1000), size)
        found = winners(*ends(edges), np.array(ranks))
        assert found.tolist() == plain_winners(edges, ranks)
        rng.shuffle(edges)
        flipped = [(b, a) if rng.random() < 0.5 else (a, b) for a, b in edges] + edges[:3]
        assert winners(*ends(flipped), np.array(ranks)).tolist() == found.tolist()
        # A second pass drops nothing; each winner stays, ranks before, and is linked.
        kept = {n for n in range(size) if found[n] < 0}
        assert not [e for e in edges if e[0] != e[1] and set(e) <= kept]
        for node in set(range(size)) - kept:
            best = int(found[node])
            assert best in kept
            assert ranks[best] < ranks[node]
            assert (node, best) in edges or (best, node) in edges


def test_winners_in_one_component_are_those_in_all() -> None:
    rng = random.Random(31)
    edges = [(rng.randrange(300), rng.randrange(300)) for _ in range(200)]
    ranks = np.array(rng.sample(range(1000), 300))
    whole = winners(*ends(edges), ranks)
    nodes, roots = components(*ends(edges))
    for root in set(roots.tolist()):
        members = nodes[roots == root]
        place = {int(m): i for i, m in enumerate(members)}
        inner = [(place[a], place[b]) for a, b in edges if a in place]
        found = winners(*ends(inner), ranks[members])
        assert np.where(found < 0, -1, members[found]).tolist() == whole[members].tolist()


def test_winners_refuse_ties_and_strangers() -> None:
    with pytest.raises(ValueError, match="same rank"):
        winners(*ends([]), np.array([1, 1]))
    with pytest.raises(ValueError, match="0 to 1"):
        winners(*ends([(0, 2)]), np.array([1, 2]))


# Buckets


def settled(keys: list[int], nodes: list[int], close: set[frozenset[int]], **how: int) -> Settled:
    ranks = np.arange(max(nodes, default=-1) + 1)
    asked: set[frozenset[int]] = set()

    def verify(left: np.ndarray, right: np.ndarray) -> np.ndarray:
        assert (ranks[left] < ranks[right]).all()
        pairs = [frozenset(p) for p in zip(left.tolist(), right.tolist(), strict=True)]
        assert len(set(pairs)) == len(pairs)
        assert not asked & set(pairs)
        asked.update(pairs)
        return np.array([1.0 if p in close else 0.0 for p in pairs])

    found = settle(np.array(keys), np.array(nodes, np.int64), ranks, verify, 0.8, **how)
    assert len(asked) == found.compared
    return found


def test_a_bucket_of_copies_costs_a_comparison_each() -> None:
    size = 100_000
    calls = []

    def verify(left: np.ndarray, right: np.ndarray) -> np.ndarray:
        calls.append(len(left))
        return np.ones(len(left))

    ranks = np.random.default_rng(3).permutation(size)
    found = settle(np.zeros(size, np.int64), np.arange(size), ranks, verify, 0.8)
    best = int(np.argmin(ranks))
    assert calls == [0, size - 1]
    assert found.winner[best] == -1
    assert (np.delete(found.winner, best) == best).all()
    assert len(found.open_keys) == 0


def test_a_bucket_of_strangers_is_bounded_and_what_is_left_is_told() -> None:
    size, rounds = 1000, 5
    found = settled([7] * size, list(range(size)), set(), max_rounds=rounds)
    assert found.compared == sum(size - 1 - r for r in range(rounds))
    assert (found.winner == -1).all()
    assert found.open_keys.tolist() == [7]
    assert found.open_rows.tolist() == [size - rounds - 1]
    done = settled([7] * 50, list(range(50)), set(), max_rounds=60)
    assert done.compared == 50 * 49 // 2
    assert len(done.open_keys) == 0
    # A bucket has 64 turns whatever is asked for.
    many = settled([7] * 200, list(range(200)), set(), max_rounds=1000)
    assert many.compared == sum(199 - r for r in range(64))
    assert many.open_rows.tolist() == [200 - 64 - 1]


def test_one_that_comes_back_is_compared_with_those_it_missed() -> None:
    # 2 and 3 fall to 1 in the hot bucket; 1 falls to 0, which another bucket shows: then 2 and 3
    # are back, and have to be compared with one another.
    close = {frozenset(p) for p in [(0, 1), (1, 2), (1, 3), (2, 3)]}
    found = settled([5, 5, 5, 9, 9], [1, 2, 3, 0, 1], close, max_all_pairs=2)
    assert found.winner.tolist() == [-1, 0, -1, 2]


def test_settling_is_the_rule_over_all_pairs_that_share_a_key() -> None:
    rng = random.Random(37)
    for _ in range(400):
        size = rng.randrange(2, 30)
        rows = [(rng.randrange(4), rng.randrange(size)) for _ in range(rng.randrange(80))]
        share = {
            frozenset((a, b)) for (k, a), (m, b) in itertools.combinations(rows, 2) if k == m
        } - {frozenset((n,)) for n in range(size)}
        density = rng.random()
        close = {p for p in sorted(share, key=sorted) if rng.random() < density}
        keys, nodes = [k for k, _ in rows] + [99], [n for _, n in rows] + [size - 1]
        found = settled(keys, nodes, close, max_all_pairs=rng.choice([1, 3, 100]), max_rounds=500)
        expected = plain_winners([tuple(sorted(p)) for p in close], list(range(size)))
        assert len(found.open_keys) == 0
        kept = {n for n in range(size) if found.winner[n] < 0}
        assert not [p for p in close if p <= kept]
        for node in set(range(size)) - kept:
            assert frozenset((node, int(found.winner[node]))) in close
        if len(set(keys)) <= 2 or not close:  # else which edges are known may leave other winners
            assert found.winner.tolist() == expected
        order = list(range(len(keys)))
        rng.shuffle(order)
        again = settled([keys[i] for i in order], [nodes[i] for i in order], close, max_rounds=500)
        once = settled(keys, nodes, close, max_rounds=500)
        assert again.winner.tolist() == once.winner.tolist()


def test_no_rows_is_no_work() -> None:
    buckets = Buckets(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0, np.int64))
    stays = np.zeros(0, bool)
    assert [len(x) for x in (*buckets.first_pairs(), *buckets.next_pairs(stays))] == [0] * 4
    assert settled([], [], set()).winner.tolist() == []


# All of it


def deduplicate(texts: list[str], threshold: float = 0.8, **how: object) -> Settled:
    array = pa.array(texts)
    sets = shingle_sets(array, **how)  # type: ignore[arg-type]
    keys = minhash.band_keys(minhash.signatures(array, **how))  # type: ignore[arg-type]
    nodes = np.repeat(np.arange(len(texts)), keys.shape[1])
    return settle(
        keys.ravel(), nodes, np.arange(len(texts)), lambda a, b: jaccard(*sets, a, b), threshold
    )


def test_ten_thousand_copies_of_a_three_word_page_leave_one() -> None:
    for page in ("Hello world foo", "首页"):
        found = deduplicate([page] * 10_000)
        assert found.winner.tolist() == [-1] + [0] * 9_999
        assert (found.jaccard == 1).all()
        assert found.compared < 200_000


def test_pages_that_share_a_footer_stay_and_those_that_are_mostly_footer_can_be_saved() -> None:
    rng = random.Random(41)
    words = [f"word{i}" for i in range(20_000)]

    def pages(shared: int, own: int) -> list[str]:
        lines = [" ".join(f"foot{i}" for i in range(at, at + 50)) for at in range(0, shared, 50)]
        return ["\n".join([" ".join(rng.sample(words, own)), *lines]) for _ in range(300)]

    found = deduplicate(pages(400, 100))
    assert (found.winner == -1).all()
    mostly = pages(1500, 100)
    lost = deduplicate(mostly)
    assert (lost.winner == 0).sum() > 250
    hashes, _ = line_hashes(pa.array(mostly))
    values, counts = np.unique(hashes, return_counts=True)
    skip = values[counts >= 100]
    assert len(skip) == 30
    assert (deduplicate(mostly, skip_lines=skip).winner == -1).all()


@pytest.mark.slow
def test_a_hundred_thousand_pages_that_share_a_footer_stay() -> None:
    rng = random.Random(43)
    words = [f"word{i}" for i in range(20_000)]
    footer = " ".join(f"foot{i}" for i in range(400))
    found = deduplicate([f"{' '.join(rng.sample(words, 100))}\n{footer}" for _ in range(100_000)])
    assert (found.winner == -1).all()
    assert found.compared > 100_000  # they are candidates; J is .67


def test_simplified_and_traditional_mirrors_are_one_page_on_request() -> None:
    hans = "这个语料库收集了许多网页，并且为训练语言模型做了清洗和去重。" * 3
    hant = "這個語料庫收集了許多網頁，並且為訓練語言模型做了清洗和去重。" * 3
    assert (deduplicate([hans, hant]).winner == -1).all()
    assert deduplicate([hans, hant], fold_han=True).winner.tolist() == [-1, 0]
