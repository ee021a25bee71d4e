"""Text to a compact semantic vector: hashed TF-IDF features through a truncated SVD, in integers.

Features are the tokens of `kernels.text.textnorm` and pairs of neighbours: lower-cased words,
single characters of Han, kana and other unspaced scripts; punctuation and digits are out. They are
hashed to 2^bits columns, so no vocabulary is shipped. A unit's vector is the sum over its features
of (1 + ln count) times the row of the column in `components` (idf times the right singular vectors,
`skypile.fits.vectors`), brought to the length SCALE: latent semantic analysis, Deerwester et al.
1990.

All of it is fixed-point. Sums of integers have no order, so the same unit has the same bits in any
batch, on any machine. And a cosine is an exact integer, too: every partial sum of a product of two
vectors of length SCALE is at most (SCALE + sqrt(dims) / 2)^2, below 2^24, and float32 holds that
exactly, whatever blocks and threads BLAS works with. An entry is off by at most half of 1/2048, a
cosine by about .0003.

Left out: what lies behind the first MAX_TOKENS of a unit.
"""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from skypile.kernels.compiled import compiled
from skypile.kernels.text import textnorm
from skypile.kernels.text.tokens import Hashes, finish, mix, new_buffers, tokenise, whole

SCALE = 2048  # the length of a vector
MAX_TOKENS = 1024  # with 16-bit components and TF_UNIT, a sum stays below 2^31
TF_UNIT = 16  # the weight of a feature that occurs once
MAX_DIMS = 512
_BLOCK = 1 << 20  # features made at a time
_SPARE = 48  # more than one code point adds to a buffer of tokens, twice
_PAIR = np.uint64(0xD6E8FEB86659FD93)
Bytes = NDArray[np.uint8]
Ints = NDArray[np.int64]


class Features(NamedTuple):
    """The features of units as a sparse matrix, and the units' keys.

    columns: int32, ascending and different within a unit. counts: int32. offsets: int64[units + 1],
    unit i has offsets[i] to offsets[i + 1] - 1. keys: int64, a hash of the unit's tokens: units
    that differ in case, width, composition, white space, punctuation and digits alone have one key
    and one vector.
    """

    columns: NDArray[np.int32]
    counts: NDArray[np.int32]
    offsets: Ints
    keys: Ints


class Vectors(NamedTuple):
    """int16[units, dims] of length SCALE, or zeros where no feature is known; keys as above."""

    vectors: NDArray[np.int16]
    keys: Ints


@compiled
def _columns(
    text: Bytes,
    start: Any,
    end: Any,
    entries: NDArray[np.uint32],
    several: NDArray[np.uint32],
    shift: Any,
    tokens: Hashes,
    state: Hashes,
    made: NDArray[np.int32],
) -> Any:
    """The columns of one unit's tokens and pairs into made, sorted; (how many, key)."""
    pos, count = tokenise(
        text, start, end, entries, several, False, False, tokens, np.int64(0), state
    )
    if pos == end:
        count = finish(tokens, count, state)
    state[0] = state[3] = 0
    count = min(count, MAX_TOKENS)
    used: Any = np.int64(0)
    for i in range(count):
        made[used] = np.int32(tokens[i] >> shift)
        used += 1
        if i:
            made[used] = np.int32(mix(tokens[i - 1] * _PAIR + tokens[i]) >> shift)
            used += 1
    made[:used].sort()
    return used, whole(tokens, 0, count)


@compiled
def _features(
    text: Bytes,
    starts: Ints,
    ends: Ints,
    unit: Any,
    entries: NDArray[np.uint32],
    several: NDArray[np.uint32],
    shift: Any,
    tokens: Hashes,
    state: Hashes,
    made: NDArray[np.int32],
    columns: NDArray[np.int32],
    counts: NDArray[np.int32],
    offsets: Ints,
    keys: Ints,
) -> Any:
    """Features of the units from number `unit` on, while there is room; (next unit, used)."""
    used: Any = np.int64(0)
    while unit < len(starts) and used + len(made) <= len(columns):
        size, key = _columns(
            text, starts[unit], ends[unit], entries, several, shift, tokens, state, made
        )
        begun = used
        for i in range(size):
            if used > begun and columns[used - 1] == made[i]:
                counts[used - 1] += 1
            else:
                columns[used], counts[used] = made[i], 1
                used += 1
        keys[unit] = np.int64(key)
        offsets[unit + 1] = offsets[unit] + used - begun
        unit += 1
    return unit, used


@compiled
def _project(
    text: Bytes,
    starts: Ints,
    ends: Ints,
    entries: NDArray[np.uint32],
    several: NDArray[np.uint32],
    shift: Any,
    tokens: Hashes,
    state: Hashes,
    made: NDArray[np.int32],
    weights: NDArray[np.int32],
    components: NDArray[np.int16],
    total: NDArray[np.int32],
    vectors: NDArray[np.int16],
    keys: Ints,
) -> None:
    """Vectors and keys of all units."""
    dims = components.shape[1]
    for unit in range(len(starts)):
        size, key = _columns(
            text, starts[unit], ends[unit], entries, several, shift, tokens, state, made
        )
        keys[unit] = np.int64(key)
        total[:] = 0
        i: Any = np.int64(0)
        while i < size:
            j = i + 1
            while j < size and made[j] == made[i]:
                j += 1
            weight, row = weights[j - i], components[made[i]]
            for k in range(dims):
                total[k] += weight * np.int32(row[k])
            i = j
        square = 0.0
        for k in range(dims):
            square += float(total[k]) * float(total[k])
        factor = SCALE / np.sqrt(square) if square > 0 else 0.0
        for k in range(dims):
            vectors[unit, k] = np.int16(np.rint(float(total[k]) * factor))


def _buffers() -> tuple[Hashes, Hashes, NDArray[np.int32]]:
    """Buffers of tokens, of the tokeniser's state, of columns."""
    tokens = np.empty(MAX_TOKENS + _SPARE, np.uint64)
    return tokens, new_buffers()[1], np.empty(2 * MAX_TOKENS, np.int32)


def features(content: Bytes, starts: Ints, ends: Ints, *, bits: int, fold_han: bool) -> Features:
    """The features of units, unit i the bytes of `content` from starts[i] to ends[i]
    (`skypile.kernels.distribution.blocks.Units`, or `skypile.kernels.arrow.utf8`).

    bits: there are 2^bits columns. fold_han: traditional characters as simplified ones.

    Raises:
        ValueError: bits is not in 8 to 24.
    """
    if not 8 <= bits <= 24:
        raise ValueError(f"2^8 to 2^24 columns, not 2^{bits}")
    table = textnorm.words(fold_han)
    tokens, state, made = _buffers()
    columns, counts = np.empty(_BLOCK, np.int32), np.empty(_BLOCK, np.int32)
    offsets, keys = np.zeros(len(starts) + 1, np.int64), np.empty(len(starts), np.int64)
    found: list[tuple[NDArray[np.int32], NDArray[np.int32]]] = []
    unit = 0
    while unit < len(starts):
        unit, used = _features(
            content, starts, ends, unit, table.entries, table.several, np.uint64(64 - bits),
            tokens, state, made, columns, counts, offsets, keys,
        )  # fmt: skip
        found.append((columns[:used].copy(), counts[:used].copy()))
    none = (np.zeros(0, np.int32), np.zeros(0, np.int32))
    joined = [np.concatenate(parts) for parts in zip(*(found or [none]), strict=True)]
    return Features(joined[0], joined[1], offsets, keys)


def tf_weights() -> NDArray[np.int32]:
    """TF_UNIT (1 + ln count) by count, rounded; [0] is 0."""
    counts = np.arange(1, 2 * MAX_TOKENS + 1, dtype=np.float64)
    weights: NDArray[np.int32] = np.r_[0, np.rint(TF_UNIT * (1 + np.log(counts)))].astype(np.int32)
    return weights


class Vectoriser:
    """Vectors of units by one fitted model."""

    def __init__(self, components: NDArray[np.int16], *, fold_han: bool) -> None:
        """components: int16[2^bits, dims]. fold_han: as it was fitted.

        Raises:
            ValueError: components are of another type or shape.
        """
        columns, dims = components.shape if components.ndim == 2 else (0, 0)
        self.bits = max(columns - 1, 0).bit_length()
        if (
            components.dtype != np.int16
            or columns != 1 << self.bits
            or not 8 <= self.bits <= 24
            or not 1 <= dims <= MAX_DIMS
        ):
            raise ValueError(f"no components: {components.dtype}{list(components.shape)}")
        self.dims, self.fold_han = dims, fold_han
        self._components = np.asarray(components).view()
        self._components.flags.writeable = False
        self._weights = tf_weights()

    @classmethod
    def load(cls, path: Path, *, fold_han: bool) -> "Vectoriser":
        """Of a file of components (`.npy`), which processes of one host share in memory.

        Raises:
            ValueError: the file holds something else.
        """
        return cls(np.load(path, mmap_mode="r"), fold_han=fold_han)

    def __call__(self, content: Bytes, starts: Ints, ends: Ints) -> Vectors:
        """The vectors of units, unit i the bytes of `content` from starts[i] to ends[i]."""
        table = textnorm.words(self.fold_han)
        tokens, state, made = _buffers()
        vectors = np.empty((len(starts), self.dims), np.int16)
        keys = np.empty(len(starts), np.int64)
        _project(
            content, starts, ends, table.entries, table.several, np.uint64(64 - self.bits),
            tokens, state, made, self._weights, self._components,
            np.empty(self.dims, np.int32), vectors, keys,
        )  # fmt: skip
        return Vectors(vectors, keys)
