"""Where vectors crowd: the centres of distribution filtering, found without comparing pairs.

Centres lie where many different units crowd. They are found, in rounds over what no ball holds yet,
by

1. exact keys: units of one key are one row with a weight, its number of documents (the caller's);
2. `kernels.distribution.regions`: the signs of random projections (Charikar 2002), some bands of
   some bits, and the buckets that weigh most;
3. `candidates`: the mode of each crowded bucket, from a few of its rows, whatever else is in it;
4. `merge`: heavier candidates absorb lighter ones that lie in their balls;
5. `kernels.distribution.recurrence`: assignment to all centres, which become the means of their
   balls.

Every step is a function of arrays. Vectors are those of `kernels.distribution.vectors`: integers of
one length, whose products float32 holds exactly, so that no result depends on how a batch is cut or
on threads.

Left out: groups wider than a ball; they get several centres.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from skypile.kernels.compiled import compiled
from skypile.kernels.distribution.nearest import NEW, Nearest, angles
from skypile.kernels.distribution.recurrence import cosines, lengths, moved, sums_of, to_length
from skypile.kernels.distribution.regions import BANDS, band_bits, band_keys, crowded, planes

LEAST = 3  # rows or documents: fewer are no crowd
_ROWS = 4096  # at a time in a product
_BUCKETS = 4096  # at a time
_HEAD = 256  # candidates at a time that are compared with each other
Int16s = NDArray[np.int16]
Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


class Candidates(NamedTuple):
    """Centres and the documents that each may have in its ball: int16[n, dims], int64[n]."""

    centres: Int16s
    masses: Ints


def candidates(
    vectors: Int16s, weights: Ints, offsets: Ints, totals: Ints, t: float, least: int = LEAST
) -> Candidates:
    """The mode of each crowded bucket, where it has one.

    The row with the most weight around it among those shown, and the mean of that; around is within
    t^2, the cosine of two rows that lie at t from their centre on different sides. A mass is the
    bucket's weight times the share that lies there; modes of less than `least` are left out.

    vectors, weights: rows shown, a few of each bucket (those with the smallest hashes, say): bucket
    i has offsets[i] to offsets[i + 1] - 1. totals: the weight of all rows of each bucket.
    """
    sums = np.empty((len(totals), vectors.shape[1]), np.int64)
    masses = np.empty(len(totals), np.int64)
    found = _modes(
        np.ascontiguousarray(vectors), weights, lengths(vectors), offsets, totals, t * t, least,
        sums, masses,
    )  # fmt: skip
    return Candidates(to_length(sums[:found]), masses[:found].copy())


@compiled
def _modes(
    vectors: Int16s,
    weights: Ints,
    long: Floats,
    offsets: Ints,
    totals: Ints,
    cosine: Any,
    least: Any,
    sums: Ints,
    masses: Ints,
) -> Any:
    """Sums around the modes of buckets, and masses; how many have one."""
    found: Any = np.int64(0)
    for bucket in range(len(totals)):
        first, size = offsets[bucket], offsets[bucket + 1] - offsets[bucket]
        near = np.ones((size, size), np.bool_)
        around = np.zeros(size, np.int64)
        weight: Any = np.int64(0)
        for i in range(size):
            weight += weights[first + i]
            for j in range(i + 1):
                product: Any = np.int32(0)
                for k in range(vectors.shape[1]):
                    term = np.int32(vectors[first + i, k]) * np.int32(vectors[first + j, k])
                    product = np.int32(product + np.int32(term))
                at_most = long[first + i] * long[first + j]
                near[i, j] = near[j, i] = np.float64(product) / at_most >= cosine
        for i in range(size):
            for j in range(size):
                if near[i, j]:
                    around[i] += weights[first + j]
        if weight == 0:
            continue
        best = np.argmax(around)
        mass = totals[bucket] * around[best] // weight
        if mass < least:
            continue
        sums[found] = 0
        for j in range(size):
            if near[best, j]:
                for k in range(vectors.shape[1]):
                    sums[found, k] += weights[first + j] * np.int64(vectors[first + j, k])
        masses[found] = mass
        found += 1
    return found


def merge(given: Candidates, t: float, most: int) -> Candidates:
    """From the heaviest on: one is kept if its cosine to all kept before it is below t.

    The same ones in any order of the given. most: how many are kept.
    """
    texts = np.ascontiguousarray(given.centres.astype(">i2") ^ np.int16(-32768)).view(
        f"S{2 * max(1, given.centres.shape[1])}"
    )
    order = np.lexsort((texts.ravel(), -given.masses))
    kept: list[NDArray[np.int64]] = []
    room = most
    while len(order) and room > 0:
        head, order = order[:_HEAD], order[_HEAD:]
        far = cosines(given.centres[head], given.centres[head]) < t
        free = np.ones(len(head), bool)
        for at in range(len(head)):
            if free[at]:
                free[at + 1 :] &= far[at, at + 1 :]
        chosen = head[free][:room]
        kept.append(chosen)
        room -= len(chosen)
        apart = [
            (cosines(given.centres[part], given.centres[chosen]) < t).all(axis=1)
            for part in np.split(order, range(_ROWS, len(order), _ROWS))
        ]
        order = order[np.concatenate(apart)]
    at_last = np.concatenate([np.zeros(0, np.int64), *kept])
    return Candidates(given.centres[at_last], given.masses[at_last])


def find_centres(
    vectors: Int16s,
    weights: Ints,
    ranks: Ints,
    t: float,
    *,
    least: int = LEAST,
    most: int = 4096,
    buckets: int = 100_000,
    bands: int = BANDS,
    rounds: int = 3,
    steps: int = 4,
    seed: int = 0,
) -> Int16s:
    """The centres of all crowds, heaviest first, int16[n, dims].

    vectors, weights, ranks: of different units: documents that have it, and a hash of it. least:
    documents in a ball. most: centres. buckets: looked at in a round. steps: means taken in a
    round. The same centres for any order of the rows.
    """
    found = np.zeros((0, vectors.shape[1]), np.int16)
    free = np.arange(len(vectors))
    some = min(least, LEAST)  # of a crowd, a bucket sees a part
    nearest = Nearest(vectors, t)
    for number in range(rounds):
        new = _looked_for(
            vectors, weights, ranks, free, t, some, most, buckets, bands, seed + number
        )
        if not len(new.centres):
            break
        centres = np.concatenate([found, new.centres])
        moved_by = np.r_[np.zeros(len(found)), np.full(len(new.centres), NEW)]
        for _ in range(steps):
            centre = nearest.assign(centres, moved_by)
            before = centres
            centres = moved(before, sums_of(vectors, weights, centre, len(centres)))
            moved_by = angles(before, centres)
        centre = nearest.assign(centres, moved_by)
        masses = np.bincount(centre[centre >= 0], weights[centre >= 0], len(centres))
        enough = masses >= least
        found = merge(Candidates(centres[enough], masses[enough].astype(np.int64)), t, most).centres
        inside = nearest.assign(found, np.zeros(len(found)), renumbered=True) >= 0
        free = np.flatnonzero(~inside)
    return found


def _looked_for(
    vectors: Int16s,
    weights: Ints,
    ranks: Ints,
    free: Ints,
    t: float,
    least: int,
    most: int,
    buckets: int,
    bands: int,
    seed: int,
) -> Candidates:
    """Candidates among the free rows, merged."""
    bits = band_bits(len(free))
    directions = planes(vectors.shape[1], bits, bands, seed)
    keys = band_keys(vectors[free], directions, bits)
    rows, offsets, totals = crowded(keys, weights[free], ranks[free], least=least, most=buckets)
    at = free[rows]
    found = []
    for first in range(0, max(1, len(totals)), _BUCKETS):
        span = slice(first, first + _BUCKETS)
        ends = offsets[first : first + _BUCKETS + 1]
        shown = at[ends[0] : ends[-1]]
        found.append(
            candidates(vectors[shown], weights[shown], ends - ends[0], totals[span], t, least)
        )
    centres, masses = (np.concatenate(parts) for parts in zip(*found, strict=True))
    return merge(Candidates(centres, masses), t, most)
