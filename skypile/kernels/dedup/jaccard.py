"""Exact Jaccard similarity of shingle sets: what a pair that LSH proposes is verified by."""

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from skypile.kernels.compiled import compiled
from skypile.kernels.dedup.shingles import SHINGLE_TOKENS, shingle_blocks
from skypile.kernels.text.tokens import Hashes, Offsets


@compiled
def _distinct(hashes: Hashes, offsets: Offsets) -> None:
    """Sort each set and drop repeats, in place; offsets become those of what is left."""
    used = np.int64(0)
    begin = offsets[0]
    offsets[0] = 0
    for i in range(1, len(offsets)):
        end = offsets[i]
        if end > begin:
            found = np.sort(hashes[begin:end])
            hashes[used] = found[0]
            used += 1
            for j in range(1, len(found)):
                if found[j] != found[j - 1]:
                    hashes[used] = found[j]
                    used += 1
        begin = end
        offsets[i] = used


@compiled
def _common(
    hashes: Hashes, offsets: Offsets, left: Offsets, right: Offsets, out: NDArray[np.float64]
) -> None:
    for pair in range(len(left)):
        i, i_end = offsets[left[pair]], offsets[left[pair] + 1]
        j, j_end = offsets[right[pair]], offsets[right[pair] + 1]
        total, common = i_end - i + j_end - j, np.int64(0)
        while i < i_end and j < j_end:
            one, two = hashes[i], hashes[j]
            common += one == two
            i += one <= two
            j += two <= one
        out[pair] = common / (total - common) if total else 1.0


def distinct_sets(hashes: Hashes, offsets: Offsets) -> tuple[Hashes, Offsets]:
    """Lists of hashes as sets: each ascending, without repeats; (uint64, int64[sets + 1])."""
    made, ends = np.array(hashes, np.uint64), np.array(offsets, np.int64)
    _distinct(made, ends)
    return made[: ends[-1]].copy(), ends


def shingle_sets(
    texts: "pa.Array | pa.ChunkedArray",
    *,
    size: int = SHINGLE_TOKENS,
    fold_han: bool = False,
    skip_lines: Hashes | None = None,
) -> tuple[Hashes, Offsets]:
    """The distinct shingles of each text, as `distinct_sets`; arguments as `shingle_blocks`.

    Takes 8 bytes a shingle twice over: hand in as many texts as there is room for.
    """
    pieces: list[Hashes] = []
    counts = np.zeros(len(texts), np.int64)
    for block in shingle_blocks(texts, size=size, fold_han=fold_han, skip_lines=skip_lines):
        pieces.append(block.hashes.copy())
        counts[block.docs] += np.diff(block.ends, prepend=0)
    hashes = np.concatenate(pieces) if pieces else np.zeros(0, np.uint64)
    return distinct_sets(hashes, np.concatenate([[0], np.cumsum(counts)]))


def jaccard(hashes: Hashes, offsets: Offsets, left: Offsets, right: Offsets) -> NDArray[np.float64]:
    """float64[pairs]: |A & B| / |A | B| of sets left[i] and right[i]; two empty ones have 1.

    hashes, offsets: sets as from `shingle_sets`, ascending and without repeats. left, right:
    int64 indices of sets. Linear in the sizes of the two.

    Raises:
        IndexError: an index is out of range.
        ValueError: left and right differ in length.
    """
    left, right = np.asarray(left, np.int64), np.asarray(right, np.int64)
    if len(left) != len(right):
        raise ValueError(f"{len(left)} left and {len(right)} right ends")
    _check(left, len(offsets) - 1)
    _check(right, len(offsets) - 1)
    out = np.empty(len(left))
    _common(
        np.ascontiguousarray(hashes, np.uint64), np.asarray(offsets, np.int64), left, right, out
    )
    return out


def _check(indices: Offsets, size: int) -> None:
    if len(indices) and not (indices.min() >= 0 and indices.max() < size):
        raise IndexError(f"an index is not among 0 to {size - 1}")
