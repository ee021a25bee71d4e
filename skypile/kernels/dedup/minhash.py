"""MinHash: signatures of shingle sets, their band keys, and what they find.

A permutation is x -> (a x + b) mod p with the prime p = 2^31 - 1 (Carter and Wegman 1979; Broder
1997 for the use). a, b and x are below 2^31, so that a x + b is below 2^62: nothing wraps, and the
values are those of the stated formula, as tests with Python's integers show. This prime, and not
the greatest below 2^32, because its remainder takes two shifts and no division: twice as fast, for
one bit. Two of n unlike shingles fall on the same x with a chance of n^2 / 2^32.

LSH (Leskovec et al., Mining of Massive Datasets, 3.4): a signature is cut into bands of rows; two
documents of similarity J share a band with a probability of 1 - (1 - J^rows)^bands. The default of
14 bands of 9 rows finds .87 of the pairs at J = .8, .975 at .85, .999 at .9.
"""

import hashlib
from collections.abc import Iterable
from functools import cache

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from skypile.kernels.compiled import compiled
from skypile.kernels.dedup.shingles import SHINGLE_TOKENS, Block, shingle_blocks
from skypile.kernels.text.tokens import Hashes, Offsets

BANDS, ROWS = 14, 9
SEED = 1
PRIME = 2**31 - 1

Signatures = NDArray[np.uint32]

_P, _31, _LOW = np.uint32(2**31 - 1), np.uint64(31), np.uint64(2**31 - 1)
_32 = np.uint64(32)
_CHUNK = 2048  # shingles for which all permutations are computed at a time: 8 KiB
_STEP = np.uint64(0x9E3779B97F4A7C15)
_FIRST, _SECOND = np.uint64(0xFF51AFD7ED558CCD), np.uint64(0xC4CEB9FE1A85EC53)
_33 = np.uint64(33)


@cache
def permutations(count: int, seed: int = SEED) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    """The a (1 to p - 1) and b (0 to p - 1) of the permutations of a seed.

    From BLAKE2b of (seed, index): the first n are the same for every count, whatever is installed.
    """
    a, b = np.empty(count, np.uint64), np.empty(count, np.uint64)
    for k in range(count):
        key = seed.to_bytes(8, "little", signed=True) + k.to_bytes(8, "little")
        digest = hashlib.blake2b(key, digest_size=32, person=b"skypile-minhash").digest()
        a[k] = int.from_bytes(digest[:16], "little") % (PRIME - 1) + 1
        b[k] = int.from_bytes(digest[16:], "little") % PRIME
    a.flags.writeable = b.flags.writeable = False
    return a, b


@compiled
def _update(
    out: Signatures,
    hashes: Hashes,
    docs: Offsets,
    ends: Offsets,
    a: NDArray[np.uint32],
    b: NDArray[np.uint32],
) -> None:
    """Take the shingles of a block into the signatures.

    a, b: 32 bits wide, so that a product is one instruction: 64-bit ones take a sixth longer.
    """
    chunk = np.empty(_CHUNK, np.uint32)
    begin = np.int64(0)
    for part in range(len(docs)):
        row = out[docs[part]]
        for first in range(begin, ends[part], _CHUNK):
            size = min(_CHUNK, ends[part] - first)
            for i in range(size):
                chunk[i] = np.uint32(hashes[first + i] >> _33)
            xs = chunk[:size]
            for k in range(len(a)):
                ak, bk, least = np.uint64(a[k]), np.uint64(b[k]), row[k]
                for i in range(size):
                    v = ak * np.uint64(xs[i]) + bk
                    folded = np.uint32(np.uint32(np.uint32(v) & _P) + np.uint32(v >> _31))
                    # Below 2 p: one subtraction, which wraps to something great where it is none.
                    least = min(least, min(folded, np.uint32(folded - _P)))
                row[k] = least
        begin = ends[part]


@compiled
def _band_keys(signatures: Signatures, rows: int, out: Hashes) -> None:
    for doc in range(len(signatures)):
        for band in range(out.shape[1]):
            h = _STEP * np.uint64(band + 1)
            for k in range(band * rows, (band + 1) * rows):
                h = (h ^ np.uint64(signatures[doc, k])) * _STEP
                h ^= h >> _32
            h = (h ^ (h >> _33)) * _FIRST
            h = (h ^ (h >> _33)) * _SECOND
            out[doc, band] = h ^ (h >> _33)


def signatures_of_blocks(
    blocks: Iterable[Block], documents: int, count: int = BANDS * ROWS, seed: int = SEED
) -> Signatures:
    """uint32[documents, count]: the least value of each permutation over a document's shingles.

    A shingle's x is the upper 31 bits of its hash. All values are below p; those of a document
    without shingles are p.
    """
    a, b = (of.astype(np.uint32) for of in permutations(count, seed))
    out = np.full((documents, count), PRIME, np.uint32)
    for block in blocks:
        _update(out, block.hashes, block.docs, block.ends, a, b)
    return out


def signatures(
    texts: "pa.Array | pa.ChunkedArray",
    *,
    count: int = BANDS * ROWS,
    seed: int = SEED,
    size: int = SHINGLE_TOKENS,
    fold_han: bool = False,
    skip_lines: Hashes | None = None,
) -> Signatures:
    """The signatures of texts; shingles as for `shingles.shingle_blocks`, which says what raises.

    Memory beside the result is bounded: one block of shingles, whatever the texts are.
    """
    blocks = shingle_blocks(texts, size=size, fold_han=fold_han, skip_lines=skip_lines)
    return signatures_of_blocks(blocks, len(texts), count, seed)


def signatures_of_sets(
    hashes: Hashes, offsets: Offsets, count: int = BANDS * ROWS, seed: int = SEED
) -> Signatures:
    """The signatures of shingle sets: that of i is hashes[offsets[i]:offsets[i + 1]]."""
    documents = len(offsets) - 1
    docs = np.arange(documents, dtype=np.int64)
    span = np.ascontiguousarray(hashes[offsets[0] : offsets[-1]])
    block = Block(span, docs, np.asarray(offsets[1:] - offsets[0], np.int64))
    return signatures_of_blocks([block], documents, count, seed)


def band_keys(found: Signatures, bands: int = BANDS, rows: int = ROWS) -> NDArray[np.int64]:
    """int64[len, bands]: a 64-bit hash of each band's number and rows.

    Two documents have a key in common if they share that band (or with a chance of 2^-64). Bands
    need not be kept apart: their number is in the key.

    Raises:
        ValueError: there are fewer than bands x rows permutations.
    """
    if bands * rows > found.shape[1]:
        raise ValueError(f"{bands} bands of {rows} rows need more than {found.shape[1]} values")
    out = np.empty((len(found), bands), np.uint64)
    _band_keys(np.ascontiguousarray(found), rows, out)
    return out.view(np.int64)


def estimate(left: Signatures, right: Signatures) -> NDArray[np.float64]:
    """The estimated Jaccard similarity of rows: the share of values that are equal.

    Unbiased, with a standard error of sqrt(J (1 - J) / values).
    """
    same: NDArray[np.float64] = (left == right).mean(axis=-1, dtype=np.float64)
    return same


def low_bits(found: Signatures, bits: int = 8) -> NDArray[np.uint8]:
    """b-bit MinHash (Li and Konig 2010): the low 1 to 8 bits of each value, packed; uint8 rows.

    For keeping signatures to estimate from where 4 bytes a value are too many; bands need all.
    """
    if not 1 <= bits <= 8:
        raise ValueError(f"1 to 8 bits, not {bits}")
    spread = (found[:, :, None] >> np.arange(bits, dtype=np.uint32)) & 1
    return np.packbits(spread.astype(np.uint8).reshape(len(found), -1), axis=1)


def estimate_low_bits(
    left: NDArray[np.uint8], right: NDArray[np.uint8], bits: int = 8, count: int = BANDS * ROWS
) -> NDArray[np.float64]:
    """The estimate from packed low bits of `count` values, freed of chance matches.

    (share of equal values - 2^-bits) / (1 - 2^-bits), not below 0: Li and Konig's for sets that are
    small against the universe.
    """
    differ = np.unpackbits(left ^ right, axis=-1, count=bits * count)
    same = ~differ.reshape(*left.shape[:-1], count, bits).any(axis=-1)
    chance = 2.0**-bits
    found: NDArray[np.float64] = np.maximum(0.0, (same.mean(axis=-1) - chance) / (1 - chance))
    return found


def s_curve(
    jaccard: "NDArray[np.float64] | float", bands: int = BANDS, rows: int = ROWS
) -> NDArray[np.float64]:
    """The probability that LSH finds a pair of this similarity: 1 - (1 - J^rows)^bands."""
    found: NDArray[np.float64] = 1.0 - (1.0 - np.asarray(jaccard, np.float64) ** rows) ** bands
    return found


def best_bands(threshold: float, count: int, false_positive_weight: float = 0.5) -> tuple[int, int]:
    """(bands, rows) of at most count values with the least weighted error at a threshold.

    The error: the S-curve's area below the threshold by the weight, and the area missing above it
    by one less the weight (Zhu et al., LSH Ensemble, 2016; as datasketch and text-dedup choose).

    Raises:
        ValueError: a number is out of range.
    """
    if not (0 < threshold < 1 and 0 <= false_positive_weight <= 1 and count >= 1):
        raise ValueError(f"no bands for {threshold=}, {count=}, {false_positive_weight=}")
    nodes, weights = np.polynomial.legendre.leggauss(64)
    below = (nodes + 1) * threshold / 2
    above = threshold + (nodes + 1) * (1 - threshold) / 2
    best, least = (1, 1), float("inf")
    for bands in range(1, count + 1):
        for rows in range(1, count // bands + 1):
            positive = (weights @ s_curve(below, bands, rows)) * threshold / 2
            negative = (weights @ (1 - s_curve(above, bands, rows))) * (1 - threshold) / 2
            error = float(false_positive_weight * positive + (1 - false_positive_weight) * negative)
            if error < least:
                best, least = (bands, rows), error
    return best
