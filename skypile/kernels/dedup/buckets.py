"""Which pairs of a band's bucket to verify, so that a million equal band keys cost a million pairs.

In a small bucket each pair. In a hot one, in rounds: the best-ranked document that stays is
compared with all after it that stay; what resembles it is dropped for it (by the winner rule, over
the edges of all bands), what does not goes on to the next round, with the next best. A bucket of
copies is done after one round. Rounds are bounded, and what is left over is told.

A document that an earlier round dropped can come back: its winner may itself fall to a better one
that another bucket showed. It is then compared with those that it has not been compared with. So
when nothing is left over, all pairs of documents that stay and share a band have been verified.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from skypile.kernels.compiled import compiled
from skypile.kernels.dedup.components import winners

MAX_ALL_PAIRS = 16  # documents of a bucket of which all pairs are verified at once
MAX_ROUNDS = 32
_BITS = 64  # pivots that a bucket can have

Nodes = NDArray[np.int64]
_ONE = np.uint64(1)


@compiled
def _all_pairs(starts: Nodes, limit: int, left: Nodes, right: Nodes) -> None:
    used = 0
    for bucket in range(len(starts) - 1):
        begin, end = starts[bucket], starts[bucket + 1]
        if end - begin <= limit:
            for i in range(begin, end):
                for j in range(i + 1, end):
                    left[used], right[used] = i, j
                    used += 1


@compiled
def _round(
    starts: Nodes,
    limit: int,
    stays: NDArray[np.bool_],
    turn: NDArray[np.int8],
    met: NDArray[np.uint64],
    pivots: Nodes,
    left: Nodes,
    right: Nodes,
    plan: bool,
) -> int:
    """One round's pairs; with plan false, rows that it would have compared, and nothing changes."""
    used = 0
    for bucket in range(len(starts) - 1):
        begin, end = starts[bucket], starts[bucket + 1]
        if end - begin <= limit:
            continue
        for i in range(begin, end - 1):
            if not stays[i]:
                continue
            if turn[i] < 0 and pivots[bucket] == _BITS:
                # No turn is left: whoever stays after it has not been compared with it.
                if not plan:
                    for j in range(i + 1, end):
                        if stays[j]:
                            left[used], right[used] = i, j
                            used += 1
                break
            before = used
            for j in range(i + 1, end):
                seen = turn[i] >= 0 and (met[j] >> np.uint64(turn[i])) & _ONE
                if stays[j] and not seen:
                    left[used], right[used] = i, j
                    used += 1
            if used > before:
                if plan:
                    if turn[i] < 0:
                        turn[i] = pivots[bucket]
                        pivots[bucket] += 1
                    for k in range(before, used):
                        met[right[k]] |= _ONE << np.uint64(turn[i])
                break
    return used


class Buckets:
    """The comparisons that the buckets of all bands still need.

    keys: int64, a band key a row. nodes: int64 indices of documents. ranks: int64 by document, all
    different, the lowest is the best. Rows in any order; a node in a bucket twice counts once.
    Memory: 25 bytes a row, and 16 more in a round. At most 3 x 10^9 documents.
    """

    def __init__(
        self, keys: Nodes, nodes: Nodes, ranks: Nodes, max_all_pairs: int = MAX_ALL_PAIRS
    ) -> None:
        order = np.lexsort((ranks[nodes], keys))
        keys, nodes = keys[order], nodes[order]
        fresh = np.ones(len(keys), bool)
        fresh[1:] = (keys[1:] != keys[:-1]) | (nodes[1:] != nodes[:-1])
        keys, nodes = keys[fresh], nodes[fresh]
        bounds = np.flatnonzero(keys[1:] != keys[:-1]) + 1
        starts = np.concatenate([[0], bounds, [len(keys)]]) if len(keys) else np.zeros(1)
        self._nodes, self._keys, self._size = nodes, keys, len(ranks)
        self._starts, self._limit = starts.astype(np.int64), max_all_pairs
        self._turn = np.full(len(keys), -1, np.int8)  # which of its bucket's pivots a row is
        self._met = np.zeros(len(keys), np.uint64)  # a bit for each pivot that it was compared with
        self._pivots = np.zeros(len(self._starts) - 1, np.int64)

    def first_pairs(self) -> tuple[Nodes, Nodes]:
        """All pairs of the small buckets, (better, other), each once."""
        sizes = np.diff(self._starts)
        sizes = sizes[sizes <= self._limit]
        count = int((sizes * (sizes - 1) // 2).sum())
        left, right = np.empty(count, np.int64), np.empty(count, np.int64)
        _all_pairs(self._starts, self._limit, left, right)
        return self._unique(left, right)

    def next_pairs(self, stays: NDArray[np.bool_]) -> tuple[Nodes, Nodes]:
        """The next round's pairs of the hot buckets, (better, other); none when they are done.

        stays: bool by document, as the winner rule has it over all edges verified so far (all True
        before the first). At most one pair a row.
        """
        left, right = np.empty_like(self._nodes), np.empty_like(self._nodes)
        used = self._call(stays, left, right, True)
        return self._unique(left[:used], right[:used])

    def left_over(self, stays: NDArray[np.bool_]) -> tuple[Nodes, Nodes]:
        """(key, rows) of hot buckets with pairs that stay and were not verified: what to report.

        rows: how many the next round would compare, that is, how many may yet be dropped for one.
        """
        left, right = np.empty_like(self._nodes), np.empty_like(self._nodes)
        used = self._call(stays, left, right, False)
        return np.unique(self._keys[left[:used]], return_counts=True)

    def _call(self, stays: NDArray[np.bool_], left: Nodes, right: Nodes, plan: bool) -> int:
        rows = np.asarray(stays, bool)[self._nodes]
        return _round(
            self._starts,
            self._limit,
            rows,
            self._turn,
            self._met,
            self._pivots,
            left,
            right,
            plan,
        )

    def _unique(self, left: Nodes, right: Nodes) -> tuple[Nodes, Nodes]:
        """Rows as documents, each pair once."""
        return _pairs(np.unique(self._nodes[left] * self._size + self._nodes[right]), self._size)


def _pairs(codes: Nodes, size: int) -> tuple[Nodes, Nodes]:
    return codes // max(1, size), codes % max(1, size)


class HotRows(NamedTuple):
    """Rows of whole hot buckets, sorted by key and rank, and what earlier rounds left of them.

    keys: int64, a bucket's a row; no document is in one twice. turn: int8, which of its bucket's
    pivots a row is, -1 if none. met: uint64, a bit for each pivot that it was compared with. Before
    the first round: -1 and 0. What `Buckets` keeps, for buckets that are spread over executors.
    """

    keys: Nodes
    turn: NDArray[np.int8]
    met: NDArray[np.uint64]


def hot_round(rows: HotRows, stays: NDArray[np.bool_]) -> Nodes:
    """One round: int64[rows], the row that each is to be compared with, -1 if none.

    stays: bool by row. `turn` and `met` are updated in place.
    """
    return _hot(rows, stays, True)


def hot_left_over(rows: HotRows, stays: NDArray[np.bool_]) -> Nodes:
    """As `hot_round` would compare if it went on, without limit on turns; nothing is changed."""
    return _hot(rows, stays, False)


def _hot(rows: HotRows, stays: NDArray[np.bool_], plan: bool) -> Nodes:
    pivot = np.full(len(rows.keys), -1, np.int64)
    if len(rows.keys):
        starts = np.flatnonzero(np.diff(rows.keys, prepend=~rows.keys[0]))
        pivots = np.maximum.reduceat(rows.turn, starts).astype(np.int64) + 1
        ends = np.append(starts, len(rows.keys))
        left, right = np.empty_like(pivot), np.empty_like(pivot)
        used = _round(ends, 0, stays, rows.turn, rows.met, pivots, left, right, plan)
        pivot[right[:used]] = left[:used]
    return pivot


def small_pairs(keys: Nodes, limit: int = MAX_ALL_PAIRS) -> tuple[Nodes, Nodes]:
    """All pairs of rows within buckets of at most `limit`, as (row, later row).

    keys: int64, sorted.
    """
    starts = np.flatnonzero(np.diff(keys, prepend=~keys[0])) if len(keys) else np.zeros(0, np.int64)
    ends = np.append(starts, len(keys))
    sizes = np.diff(ends)
    sizes = sizes[sizes <= limit]
    count = int((sizes * (sizes - 1) // 2).sum())
    left, right = np.empty(count, np.int64), np.empty(count, np.int64)
    _all_pairs(ends, limit, left, right)
    return left, right


class Settled(NamedTuple):
    """What was found.

    winner: int64 by document, -1 where it stays. left, right: the verified edges, left ranks
    before right, each once; jaccard: their similarity. compared: pairs that were verified, edges or
    not. open_keys, open_rows: hot buckets that were not done, as `Buckets.left_over`.
    """

    winner: Nodes
    left: Nodes
    right: Nodes
    jaccard: NDArray[np.float64]
    compared: int
    open_keys: Nodes
    open_rows: Nodes


def settle(
    keys: Nodes,
    nodes: Nodes,
    ranks: Nodes,
    verify: Callable[[Nodes, Nodes], NDArray[np.float64]],
    threshold: float,
    *,
    max_all_pairs: int = MAX_ALL_PAIRS,
    max_rounds: int = MAX_ROUNDS,
) -> Settled:
    """The winner rule over all pairs that share a band key, verified in rounds.

    keys, nodes, ranks: as for `Buckets`. verify: the similarity of pairs of documents, arrays in,
    array out. An edge has at least the threshold. Nothing depends on the order of the rows.
    """
    buckets = Buckets(keys, nodes, ranks, max_all_pairs)
    left, right = buckets.first_pairs()
    found = verify(left, right)
    compared, seen = len(left), left * len(ranks) + right
    close = found >= threshold
    left, right, found = left[close], right[close], found[close]
    winner = winners(left, right, ranks)
    for _ in range(max_rounds):
        one, two = buckets.next_pairs(winner < 0)
        if not len(one):
            break
        # Two that share several hot buckets meet in several rounds.
        codes = one * len(ranks) + two
        fresh = ~np.isin(codes, seen)
        seen = np.append(seen, codes[fresh])
        one, two = one[fresh], two[fresh]
        similarity = verify(one, two)
        compared += len(one)
        close = similarity >= threshold
        left, right = np.append(left, one[close]), np.append(right, two[close])
        found = np.append(found, similarity[close])
        winner = winners(left, right, ranks)
    size = len(ranks)
    pairs, first = np.unique(left * size + right, return_index=True)
    open_keys, open_rows = buckets.left_over(winner < 0)
    return Settled(winner, *_pairs(pairs, size), found[first], compared, open_keys, open_rows)
