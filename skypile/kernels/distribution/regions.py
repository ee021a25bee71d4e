"""Buckets of vectors that lie in about the same direction, and which of them weigh most.

Keys are the signs of random projections (Charikar 2002), in several bands of some bits: a bucket is
what has one key in one band. Vectors are those of `skypile.kernels.distribution.vectors`.
"""

import numpy as np
from numpy.typing import NDArray

BANDS = 24
SHOWN = 16  # rows of a bucket that are looked at
_PLANE = 32  # entries of a plane have this deviation: products with vectors stay below 2^24
_ROWS = 4096  # at a time in a product
Int16s = NDArray[np.int16]
Ints = NDArray[np.int64]


def band_bits(rows: int) -> int:
    """Bits of a band so that a bucket has about thirty of so many rows spread evenly; 4 to 40."""
    return min(40, max(4, (max(rows, 1) - 1).bit_length() - 5))


def planes(dims: int, bits: int, bands: int = BANDS, seed: int = 0) -> NDArray[np.float32]:
    """Random directions for `band_keys`, whole numbers, float32[dims, bands x bits].

    Raises:
        ValueError: bits or bands is out of range.
    """
    if not (1 <= bits <= 40 and 1 <= bands <= 1 << 20):
        raise ValueError(f"no planes for {bands} bands of {bits} bits")
    normal = np.random.default_rng([seed, bits]).standard_normal((dims, bands * bits))
    whole: NDArray[np.float32] = np.rint(_PLANE * normal).astype(np.float32)
    return whole


def band_keys(vectors: Int16s, directions: NDArray[np.float32], bits: int) -> Ints:
    """The bucket of each vector in each band, int64[rows, bands]; buckets of bands differ.

    directions: by `planes` with the same bits. A vector of zeros has -1: it is in no bucket.
    """
    bands = directions.shape[1] // bits
    powers = np.int64(1) << np.arange(bits, dtype=np.int64)
    keys = np.empty((len(vectors), bands), np.int64)
    for start in range(0, len(vectors), _ROWS):
        part = slice(start, start + _ROWS)
        above = vectors[part].astype(np.float32) @ directions > 0
        keys[part] = above.reshape(-1, bands, bits) @ powers
    keys += np.arange(bands, dtype=np.int64) << bits
    keys[~vectors.any(axis=1)] = -1
    return keys


def crowded(
    keys: Ints, weights: Ints, ranks: Ints, *, least: int, most: int, shown: int = SHOWN
) -> tuple[Ints, Ints, Ints]:
    """The heaviest buckets: (rows shown, offsets, totals), as `candidates` takes them.

    keys: int64[rows, bands]. ranks: rows of a bucket are shown by these, smallest first. most: how
    many buckets; of equal ones those with the smaller key.
    """
    by_rank = np.argsort(ranks, kind="stable")
    found = [
        _of_band(keys[by_rank, band], by_rank, weights, least, shown)
        for band in range(keys.shape[1])
    ]
    none = np.zeros(0, np.int64)
    names, totals, sizes, rows = (
        np.concatenate([none, *parts]) for parts in zip(*found, strict=True)
    )
    heavy = np.lexsort((names, -totals))[:most]
    heavy = heavy[np.argsort(names[heavy])]
    starts = np.cumsum(np.r_[0, sizes])[heavy]
    offsets, at = _spans(starts, sizes[heavy])
    return rows[at], offsets, totals[heavy]


def _of_band(
    keys: Ints, by_rank: Ints, weights: Ints, least: int, shown: int
) -> tuple[Ints, Ints, Ints, Ints]:
    """The buckets of a band that weigh enough: keys, totals, rows shown of each, and these."""
    there = keys >= 0
    keys, rows = keys[there], by_rank[there]
    low, high = (keys.min(), keys.max()) if len(keys) else (0, 0)
    # NumPy sorts short numbers in linear time.
    short = (keys - low).astype(np.uint16) if high - low < 1 << 16 else keys
    order = np.argsort(short, kind="stable")
    keys, rows = keys[order], rows[order]
    starts = np.flatnonzero(np.r_[True, keys[1:] != keys[:-1]][: len(keys)])
    totals = np.add.reduceat(weights[rows], starts) if len(starts) else np.zeros(0, np.int64)
    sizes = np.minimum(np.diff(np.r_[starts, len(keys)]), shown)
    enough = totals >= least
    _, at = _spans(starts[enough], sizes[enough])
    return keys[starts[enough]], totals[enough], sizes[enough], rows[at]


def _spans(starts: Ints, sizes: Ints) -> tuple[Ints, Ints]:
    """(offsets, indices) of the spans that begin at starts."""
    offsets = np.r_[0, np.cumsum(sizes)].astype(np.int64)
    return offsets, np.arange(offsets[-1]) - np.repeat(offsets[:-1] - starts, sizes)
