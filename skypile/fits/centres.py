"""Fits the centres of distribution filtering: where many different units crowd in meaning.

On the units of documents drawn by hash: a crowd that matters is a share of the corpus, so a sample
shows it, and the search stays as large as the sample. What recurs word for word needs none of this:
exact copies are counted over the whole corpus (stage `distribution`). The same documents in any
order and any batches give the same file.
"""

import importlib.metadata
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from skypile import artifacts
from skypile.artifacts import Card
from skypile.fits.names import CENTRE_TABLE, CENTRES_KIND, COMPONENTS, VECTORS_KIND
from skypile.kernels.distribution.blocks import units
from skypile.kernels.distribution.crowds import find_centres
from skypile.kernels.distribution.vectors import Vectoriser
from skypile.settings import plain_as, setting


@dataclass(frozen=True, kw_only=True)
class CentreSettings:
    """How centres are looked for."""

    min_cosine: float = setting(
        0.6, piece="fit", low=0.05, high=1, help="of a unit to the centre of its ball"
    )
    min_crowd_documents: int = setting(
        5, piece="fit", low=2, help="of the sample, in a ball, for a centre there"
    )
    min_crowd_fraction: float = setting(
        5e-5, piece="fit", low=0, high=1, help="of the sample's documents, likewise"
    )
    max_centres: int = setting(4096, piece="fit", low=1, high=65_536, help="the heaviest ones")
    search_rounds: int = setting(
        3, piece="fit", low=1, high=16, help="of looking again at what no ball holds yet"
    )


def fit_centres(
    texts: Iterable[pa.Array],
    vectors: Path,
    folder: Path,
    *,
    settings: CentreSettings | None = None,
    trained_on: Mapping[str, Any] | None = None,
    licence: str = "",
) -> Card:
    """Find the centres of the units of some documents into the artifact `folder`.

    texts: batches of the documents' texts. vectors: the artifact of `skypile.fits.vectors`. Holds
    700 bytes a different unit, and while it searches some 2 KB more. `centres.npy` is
    int16[n, dims], the heaviest first; none where nothing crowds. The card's parameters name the
    vectors' digest.
    """
    settings = settings or CentreSettings()
    of_vectors = artifacts.load_card(str(vectors), kind=VECTORS_KIND)
    make = Vectoriser.load(vectors / COMPONENTS, fold_han=of_vectors.parameters["fold_han"])
    sample = _Units(make)
    for batch in texts:
        sample.add(batch)
    keys, weights, found = sample.all()
    least = max(
        settings.min_crowd_documents, math.ceil(settings.min_crowd_fraction * sample.documents)
    )
    centres = find_centres(
        found,
        weights,
        keys,
        settings.min_cosine,
        least=least,
        most=settings.max_centres,
        rounds=settings.search_rounds,
    )
    folder.mkdir(parents=True, exist_ok=True)
    np.save(folder / CENTRE_TABLE, centres)
    about = {"documents": sample.documents, "units": len(keys), "crowd_documents": least}
    parameters = {**plain_as(CentreSettings, settings), "vectors": of_vectors.digest}
    card = Card(
        CENTRES_KIND,
        {},
        None,
        about | dict(trained_on or {}),
        licence,
        parameters,
        {"centres": len(centres)},
        {"numpy": importlib.metadata.version("numpy")},
    )
    return artifacts.write(folder, card)


class _Units:
    """The different units of documents: their vectors, and how many documents have each."""

    def __init__(self, make: Vectoriser) -> None:
        self._make = make
        # Keys with a vector. A set, since batches may be small and many: a row group of each part.
        self._known: set[int] = set()
        self._vectors: list[NDArray[np.int16]] = []
        self._keys: list[NDArray[np.int64]] = []  # of the vectors
        self._seen: list[NDArray[np.int64]] = []  # each key once a document
        self.documents = 0

    def add(self, texts: pa.Array) -> None:
        cut = units(texts)
        made = self._make(cut.content, cut.starts, cut.ends)
        some = made.vectors.any(axis=1)
        document = np.repeat(np.arange(len(texts)), np.diff(cut.offsets))
        once = np.unique(np.stack([document[some], made.keys[some]], axis=1), axis=0)
        self._seen.append(once[:, 1])
        keys, first = np.unique(made.keys[some], return_index=True)
        new = np.array([key not in self._known for key in keys.tolist()], bool)
        self._vectors.append(made.vectors[some][first[new]])
        self._keys.append(keys[new])
        self._known.update(keys[new].tolist())
        self.documents += len(texts)

    def all(self) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int16]]:
        """Keys ascending, documents that have each, vectors."""
        empty = np.zeros(0, np.int64)
        keys, weights = np.unique(np.concatenate([empty, *self._seen]), return_counts=True)
        order = np.argsort(np.concatenate([empty, *self._keys]), kind="stable")
        none = np.zeros((0, self._make.dims), np.int16)
        return keys, weights.astype(np.int64), np.concatenate([none, *self._vectors])[order]
