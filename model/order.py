"""A shuffle without a list: the i-th of n in an order that a key decides, for any i at once.

A Feistel network permutes the numbers below a power of four; those at n or above are sent through
again until they fall below it (cycle walking). Order of memory: what is asked for.
"""

import hashlib

import numpy as np
from numpy.typing import NDArray

_ROUNDS = 6


def key_of(*parts: int | str) -> NDArray[np.uint64]:
    """Round keys from numbers and names, the same on every machine."""
    text = "\x1f".join(map(str, parts)).encode()
    digest = hashlib.blake2b(text, digest_size=8 * _ROUNDS).digest()
    return np.frombuffer(digest, "<u8").copy()


def _mix(x: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """MurmurHash3's finaliser: every bit of 64 depends on every other."""
    x = (x ^ (x >> np.uint64(33))) * np.uint64(0xFF51AFD7ED558CCD)
    x = (x ^ (x >> np.uint64(33))) * np.uint64(0xC4CEB9FE1A85EC53)
    return x ^ (x >> np.uint64(33))


def permuted(index: NDArray[np.int64], n: int, key: NDArray[np.uint64]) -> NDArray[np.int64]:
    """Where `key`'s permutation of 0 ... n - 1 sends each index.

    Raises:
        ValueError: an index outside of it.
    """
    index = np.asarray(index, np.int64)
    if n < 1 or (len(index) and not (index.min() >= 0 and index.max() < n)):
        raise ValueError(f"indices must be in [0, {n})")
    half = np.uint64(max(1, ((n - 1).bit_length() + 1) // 2))
    mask = (np.uint64(1) << half) - np.uint64(1)
    out = index.astype(np.uint64)
    walking = np.arange(len(out))
    while len(walking):
        left, right = out[walking] >> half, out[walking] & mask
        for k in key:
            left, right = right, left ^ (_mix(right + k) & mask)
        moved = (left << half) | right
        out[walking] = moved
        walking = walking[moved >= n]
    return out.astype(np.int64)
