"""In how many documents, and on how many hosts, a block recurs in meaning: no pair is compared.

The recurrence of a unit is the number of documents that have a unit in the ball of its centre: the
nearest of a bounded table of centres, if the exact cosine to it is at least t. Centres lie where
many different units crowd. They are found, in rounds over what no ball holds yet, by

1. exact keys: units of one key are one row with a weight, its number of documents (the caller's);
2. `band_keys`: the signs of random projections (Charikar 2002), some bands of some bits;
3. `candidates`: the mode of each crowded bucket, from a few of its rows, whatever else is in it;
4. `merge`: heavier candidates absorb lighter ones that lie in their balls;
5. `assign` to all centres, and `moved`: centres become the means of what their balls hold.

Then one pass assigns each unit (`assign`), and counts (`tally`) add up over parts (`add`), in any
order. Every step is a function of arrays, for a driver that holds no more than crowded buckets and
the table of centres. `find_centres` runs the rounds on arrays that fit into memory. Vectors are
those of `skypile.kernels.vectors`: integers of one length, whose products float32 holds exactly, so
that no result depends on how a batch is cut or on threads.

Left out: groups wider than a ball; they get several centres.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from skypile.kernels.vectors import SCALE

BANDS = 24
LEAST = 3  # rows or documents: fewer are no crowd
SHOWN = 16  # rows of a bucket that are looked at
_PLANE = 32  # entries of a plane have this deviation: products with vectors stay below 2^24
_ROWS = 4096  # at a time in a product
Int16s = NDArray[np.int16]
Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


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


def to_length(sums: Ints) -> Int16s:
    """Sums of vectors brought to the length of one; zeros stay. The same bits on any machine."""
    top = np.abs(sums).max(axis=1, keepdims=True, initial=0)
    whole = np.rint(sums / np.maximum(top, 1) * (1 << 20)).astype(np.int64)  # squares fit int64
    lengths = np.sqrt((whole**2).sum(axis=1, keepdims=True).astype(np.float64))
    made: Int16s = np.rint(whole * (SCALE / np.maximum(lengths, 1))).astype(np.int16)
    return made


def _lengths(vectors: Int16s) -> Floats:
    whole = vectors.astype(np.int64)
    lengths: Floats = np.sqrt((whole * whole).sum(axis=1).astype(np.float64))
    return np.maximum(lengths, 1)


def _cosines(left: Int16s, right: Int16s) -> Floats:
    """Exact products, divided by the lengths; float64[left, right]."""
    products = left.astype(np.float32) @ right.astype(np.float32).T
    return products.astype(np.float64) / (_lengths(left)[:, None] * _lengths(right))


def merge(given: Candidates, t: float, most: int) -> Candidates:
    """From the heaviest on: one is kept if its cosine to all kept before it is below t.

    The same ones in any order of the given. most: how many are kept.
    """
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


class Assigned(NamedTuple):
    """The centre of each unit, -1 where none is near (int32); the cosine to the nearest, float32.

    -1 is the cosine where there is no centre, 0 that of a vector of zeros.
    """

    centre: NDArray[np.int32]
    cosine: NDArray[np.float32]


def assign(vectors: Int16s, centres: Int16s, t: float) -> Assigned:
    """The nearest centre of each unit, the first of equals, if its cosine is at least t.

    Against all of the table: `rows x centres x dims` products, for a table of thousands.
    """
    centre = np.full(len(vectors), -1, np.int32)
    cosine = np.full(len(vectors), -1, np.float32)
    if not len(centres):
        return Assigned(centre, cosine)
    across = np.ascontiguousarray(centres.astype(np.float32).T)
    by_length = (1 / _lengths(centres)).astype(np.float32)
    for start in range(0, len(vectors), _ROWS):
        part = slice(start, start + _ROWS)
        products = vectors[part].astype(np.float32) @ across
        products *= by_length
        nearest = products.argmax(axis=1)
        exact = vectors[part].astype(np.int64) * centres[nearest]
        close = exact.sum(axis=1) / (_lengths(vectors[part]) * _lengths(centres[nearest]))
        centre[part] = np.where(close >= t, nearest, -1)
        cosine[part] = close
    return Assigned(centre, cosine)


def sums_of(vectors: Int16s, weights: Ints, centre: NDArray[np.int32], centres: int) -> Ints:
    """Weighted sums of the vectors of each centre, int64[centres, dims]; parts' sums add up."""
    sums = np.zeros((centres, vectors.shape[1]), np.int64)
    inside = centre >= 0
    np.add.at(sums, centre[inside], vectors[inside] * weights[inside, None])
    return sums


def moved(centres: Int16s, sums: Ints) -> Int16s:
    """The mean of what each centre's ball holds; one that holds nothing stays."""
    return np.where(sums.any(axis=1, keepdims=True), to_length(sums), centres)


class Tally(NamedTuple):
    """Counts of a part. documents: int64[centres]. hosts: int64[n, 2], (centre, host), each once
    and ascending.
    """

    documents: Ints
    hosts: Ints


def tally(centre: NDArray[np.int32], document: Ints, host: Ints, centres: int) -> Tally:
    """Documents and hosts with a unit in the ball of each centre.

    document, host: numbers of each unit's. All units of a document are in one part.
    """
    inside = centre >= 0
    at = centre[inside].astype(np.int64)
    documents = np.unique(np.stack([at, document[inside]], axis=1), axis=0)
    hosts = np.unique(np.stack([at, host[inside]], axis=1), axis=0)
    return Tally(np.bincount(documents[:, 0], minlength=centres).astype(np.int64), hosts)


def add(one: Tally, other: Tally) -> Tally:
    """Of two parts together: the same in any order."""
    hosts = np.unique(np.concatenate([one.hosts, other.hosts]), axis=0)
    return Tally(one.documents + other.documents, hosts)


def recurrence(counts: Tally) -> tuple[Ints, Ints]:
    """(documents, hosts) by centre."""
    found = np.bincount(counts.hosts[:, 0], minlength=len(counts.documents))
    return counts.documents, found.astype(np.int64)


def crowded(
    keys: Ints, weights: Ints, ranks: Ints, *, least: int, most: int, shown: int = SHOWN
) -> tuple[Ints, Ints, Ints]:
    """The heaviest buckets: (rows shown, offsets, totals), as `candidates` takes them.

    keys: int64[rows, bands]. ranks: rows of a bucket are shown by these, smallest first. most: how
    many buckets; of equal ones those with the smaller key.
    """
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
    round. The same centres for any
    order of the rows.
    """
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
            centre = assign(vectors, centres, t).centre
            centres = moved(centres, sums_of(vectors, weights, centre, len(centres)))
        centre = assign(vectors, centres, t).centre
        masses = np.bincount(centre[centre >= 0], weights[centre >= 0], len(centres))
        enough = masses >= least
        found = merge(Candidates(centres[enough], masses[enough].astype(np.int64)), t, most).centres
        free = np.flatnonzero(assign(vectors, found, t).centre < 0)
    return found
