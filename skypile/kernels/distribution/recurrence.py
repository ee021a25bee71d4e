"""In how many documents, and on how many hosts, a block recurs in meaning: no pair is compared.

The recurrence of a unit is the number of documents that have a unit in the ball of its centre: the
nearest of a bounded table of centres (`kernels.distribution.crowds` finds them), if the exact
cosine to it is at least t. One pass assigns each unit (`assign`), and counts (`tally`) add up over
parts (`add`), in any order.

Vectors are those of `kernels.distribution.vectors`: integers of one length, whose products float32
holds exactly, so that no result depends on how a batch is cut or on threads.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from skypile.kernels.compiled import compiled
from skypile.kernels.distribution.vectors import SCALE

_ROWS = 1024  # at a time in a product
Int16s = NDArray[np.int16]
Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


def to_length(sums: Ints) -> Int16s:
    """Sums of vectors brought to the length of one; zeros stay. The same bits on any machine."""
    top = np.abs(sums).max(axis=1, keepdims=True, initial=0)
    whole = np.rint(sums / np.maximum(top, 1) * (1 << 20)).astype(np.int64)  # squares fit int64
    size = np.sqrt((whole**2).sum(axis=1, keepdims=True).astype(np.float64))
    made: Int16s = np.rint(whole * (SCALE / np.maximum(size, 1))).astype(np.int16)
    return made


def lengths(vectors: "Int16s | NDArray[np.float32]") -> Floats:
    """Of vectors, exact squares' roots; 1 for those of zeros."""
    rows = vectors.astype(np.float32, copy=False)
    squares: NDArray[np.float32] = np.einsum("ij,ij->i", rows, rows)
    long: Floats = np.maximum(np.sqrt(squares.astype(np.float64)), 1)
    return long


def cosines(left: Int16s, right: Int16s) -> Floats:
    """Exact products, divided by the lengths; float64[left, right]."""
    products = left.astype(np.float32) @ right.astype(np.float32).T
    return products.astype(np.float64) / (lengths(left)[:, None] * lengths(right))


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
    for part, nearest, _, close in nearest_of(vectors, np.arange(len(vectors)), centres):
        centre[part] = np.where(close >= t, nearest, -1)
        cosine[part] = close
    return Assigned(centre, cosine)


def nearest_of(
    vectors: Int16s, rows: Ints, centres: Int16s
) -> Iterator[tuple[Ints, Ints, NDArray[np.float32], Floats]]:
    """Some of the rows at a time: which, the nearest centre of each, by what it is chosen (the
    product, divided by the centre's length in float32), and the exact cosine.
    """
    across = np.ascontiguousarray(centres.astype(np.float32).T)
    long = lengths(centres)
    by_length = (1 / long).astype(np.float32)
    scaled = np.empty((min(_ROWS, len(rows)), len(centres)), np.float32)
    for start in range(0, len(rows), _ROWS):
        part = rows[start : start + _ROWS]
        some = vectors[part].astype(np.float32)
        products = some @ across
        by_angle = np.multiply(products, by_length, out=scaled[: len(part)])
        nearest = by_angle.argmax(axis=1)
        here = np.arange(len(part))
        exact = products[here, nearest].astype(np.float64)
        yield part, nearest, by_angle[here, nearest], exact / (lengths(some) * long[nearest])


@compiled
def _add_up(vectors: Int16s, weights: Ints, centre: NDArray[np.int32], sums: Ints) -> None:
    for row in range(len(vectors)):
        to: Any = centre[row]
        if to >= 0:
            for k in range(vectors.shape[1]):
                sums[to, k] += weights[row] * np.int64(vectors[row, k])


def sums_of(vectors: Int16s, weights: Ints, centre: NDArray[np.int32], centres: int) -> Ints:
    """Weighted sums of the vectors of each centre, int64[centres, dims]; parts' sums add up."""
    sums = np.zeros((centres, vectors.shape[1]), np.int64)
    _add_up(vectors, weights, centre, sums)
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
