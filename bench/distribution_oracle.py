"""What `bench.distribution` compares with: everything compared with everything, in plain NumPy."""

import heapq

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from skypile.kernels.distribution import recurrence as R

Ints = NDArray[np.int64]


def exhaustive_assign(
    vectors: NDArray[np.int16], centres: NDArray[np.int16], t: float
) -> NDArray[np.int32]:
    """The centre of the largest cosine of each vector, each compared with each in float64; -1 where
    it is below t.
    """
    unit = centres / np.maximum(np.linalg.norm(centres.astype(float), axis=1), 1)[:, None]
    found = np.empty(len(vectors), np.int32)
    for start in range(0, len(vectors), 1024):
        part = vectors[start : start + 1024].astype(np.float64)
        cosines = part @ unit.T / np.maximum(np.linalg.norm(part, axis=1), 1)[:, None]
        best = cosines.argmax(axis=1)
        near = cosines[np.arange(len(part)), best] >= t
        found[start : start + 1024] = np.where(near, best, -1)
    return found


def pairs_within(vectors: NDArray[np.int16], t: float) -> csr_array:
    """All pairs of rows at cosine t or more, as a sparse matrix of ones."""
    lengths = R.lengths(vectors)
    whole = vectors.astype(np.float32)
    columns, sizes = [], [0]
    for start in range(0, len(vectors), 1024):
        part = slice(start, start + 1024)
        products = whole[part] @ whole.T
        least = (t * lengths[part, None] * lengths).astype(np.float32)
        at, near = np.nonzero((products >= least) & (products > 0))
        columns.append(near.astype(np.int32))
        sizes += np.bincount(at, minlength=len(products)).tolist()
    joined = np.concatenate(columns)
    given = (np.ones(len(joined), np.int64), joined, np.cumsum(sizes))
    return csr_array(given, shape=(len(vectors), len(vectors)))


def exhaustive_centres(
    vectors: NDArray[np.int16], weights: Ints, near: csr_array, t: float, least: int
) -> NDArray[np.int16]:
    """The heaviest ball first: its mean, what is within t of that is taken away, and so on, down to
    balls of `least` documents. near: of `pairs_within`.
    """
    free = np.ones(len(vectors), bool)
    whole, lengths = vectors.astype(np.float32), R.lengths(vectors)
    heap = [(-int(m), n) for n, m in enumerate(near @ weights) if m >= least]
    heapq.heapify(heap)
    found = []
    while heap:
        mass, row = heapq.heappop(heap)
        ball = near.indices[near.indptr[row] : near.indptr[row + 1]]
        ball = ball[free[ball]]
        now = int(weights[ball].sum())
        if now < least or not free[row]:
            continue
        if now < -mass:
            heapq.heappush(heap, (-now, row))
            continue
        for _ in range(3):
            centre = R.to_length((vectors[ball].astype(np.int64).T @ weights[ball])[None])
            products = whole @ centre[0].astype(np.float32)
            inside = products >= t * lengths * np.linalg.norm(centre.astype(float))
            ball = np.flatnonzero(inside & free)
            if not len(ball):
                break
        found.append(centre)
        free[ball] = free[row] = False
    return np.concatenate(found)
