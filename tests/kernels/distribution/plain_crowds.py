"""The search for centres written plainly: row by row, everything computed anew. The oracle of
`skypile.kernels.distribution.crowds`, which has to give the same bits.
"""

from typing import Any

import numpy as np

from skypile.kernels.distribution.crowds import LEAST, Candidates
from skypile.kernels.distribution.recurrence import moved, to_length
from skypile.kernels.distribution.regions import SHOWN, band_bits, band_keys, planes

Array = np.ndarray[Any, Any]


def _lengths(vectors: Array) -> Array:
    whole = vectors.astype(np.int64)
    lengths = np.sqrt((whole * whole).sum(axis=1).astype(np.float64))
    return np.maximum(lengths, 1)


def _cosines(left: Array, right: Array) -> Array:
    products = left.astype(np.float32) @ right.astype(np.float32).T
    return products.astype(np.float64) / (_lengths(left)[:, None] * _lengths(right))


def candidates(
    vectors: Array,
    weights: Array,
    offsets: Array,
    totals: Array,
    t: float,
    least: int = LEAST,
) -> Candidates:
    centres, masses = [], []
    for bucket in range(len(totals)):
        span = slice(int(offsets[bucket]), int(offsets[bucket + 1]))
        shown, weight = vectors[span], weights[span]
        if not len(shown):
            continue
        near = _cosines(shown, shown) >= t * t
        around = near @ weight
        best = int(around.argmax())
        mass = int(totals[bucket]) * int(around[best]) // int(weight.sum())
        if mass >= least:
            centres.append(shown[near[best]].astype(np.int64).T @ weight[near[best]])
            masses.append(mass)
    dims = vectors.shape[1]
    sums = np.array(centres, np.int64).reshape(-1, dims)
    return Candidates(to_length(sums), np.array(masses, np.int64))


def merge(given: Candidates, t: float, most: int) -> Candidates:
    texts = np.ascontiguousarray(given.centres.astype(">i2") ^ np.int16(-32768)).view(
        f"S{2 * max(1, given.centres.shape[1])}"
    )
    order = np.lexsort((texts.ravel(), -given.masses))
    kept: list[int] = []
    free = np.ones(len(order), bool)
    centres = given.centres[order]
    rows, lengths = centres.astype(np.float32), _lengths(centres)
    at = 0
    while len(kept) < most:
        left = np.flatnonzero(free[at:])
        if not len(left):
            break
        at += int(left[0])
        kept.append(int(order[at]))
        products = (rows[at:] @ rows[at]).astype(np.float64)
        free[at:] &= products / (lengths[at:] * lengths[at]) < t
        free[at] = False
    return Candidates(given.centres[kept], given.masses[kept])


def assign(vectors: Array, centres: Array, t: float) -> Array:
    centre = np.full(len(vectors), -1, np.int32)
    if not len(centres):
        return centre
    across = np.ascontiguousarray(centres.astype(np.float32).T)
    by_length = (1 / _lengths(centres)).astype(np.float32)
    for start in range(0, len(vectors), 4096):
        part = slice(start, start + 4096)
        products = vectors[part].astype(np.float32) @ across
        products *= by_length
        nearest = products.argmax(axis=1)
        exact = vectors[part].astype(np.int64) * centres[nearest]
        close = exact.sum(axis=1) / (_lengths(vectors[part]) * _lengths(centres[nearest]))
        centre[part] = np.where(close >= t, nearest, -1)
    return centre


def sums_of(vectors: Array, weights: Array, centre: Array, centres: int) -> Array:
    sums = np.zeros((centres, vectors.shape[1]), np.int64)
    inside = centre >= 0
    np.add.at(sums, centre[inside], vectors[inside] * weights[inside, None])
    return sums


def crowded(
    keys: Array,
    weights: Array,
    ranks: Array,
    *,
    least: int,
    most: int,
    shown: int = SHOWN,
) -> tuple[Array, Array, Array]:
    rows, bands = keys.shape
    flat, row = keys.ravel(), np.repeat(np.arange(rows), bands)
    row, flat = row[flat >= 0], flat[flat >= 0]
    order = np.lexsort((ranks[row], flat))
    row, flat = row[order], flat[order]
    starts = np.flatnonzero(np.r_[True, flat[1:] != flat[:-1]][: len(flat)])
    totals = np.add.reduceat(weights[row], starts) if len(starts) else np.zeros(0, np.int64)
    heavy = np.lexsort((flat[starts], -totals))[:most]
    heavy = np.sort(heavy[totals[heavy] >= least])
    sizes = np.minimum(np.diff(np.r_[starts, len(flat)])[heavy], shown)
    offsets = np.r_[0, np.cumsum(sizes)].astype(np.int64)
    within = np.arange(offsets[-1]) - np.repeat(offsets[:-1], sizes)
    return row[np.repeat(starts[heavy], sizes) + within], offsets, totals[heavy]


def find_centres(
    vectors: Array,
    weights: Array,
    ranks: Array,
    t: float,
    *,
    least: int = LEAST,
    most: int = 4096,
    buckets: int = 100_000,
    bands: int = 24,
    rounds: int = 3,
    steps: int = 4,
    seed: int = 0,
) -> Array:
    found = np.zeros((0, vectors.shape[1]), np.int16)
    free = np.arange(len(vectors))
    some = min(least, LEAST)  # of a crowd, a bucket sees a part
    for number in range(rounds):
        bits = band_bits(len(free))
        directions = planes(vectors.shape[1], bits, bands, seed + number)
        keys = band_keys(vectors[free], directions, bits)
        rows, offsets, totals = crowded(keys, weights[free], ranks[free], least=some, most=buckets)
        at = free[rows]
        new = merge(candidates(vectors[at], weights[at], offsets, totals, t, some), t, most)
        if not len(new.centres):
            break
        centres = np.concatenate([found, new.centres])
        for _ in range(steps):
            centre = assign(vectors, centres, t)
            centres = moved(centres, sums_of(vectors, weights, centre, len(centres)))
        centre = assign(vectors, centres, t)
        masses = np.bincount(centre[centre >= 0], weights[centre >= 0], len(centres))
        enough = masses >= least
        found = merge(Candidates(centres[enough], masses[enough].astype(np.int64)), t, most).centres
        free = np.flatnonzero(assign(vectors, found, t) < 0)
    return found
