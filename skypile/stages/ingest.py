"""Ready text (Skywork 3.2: books, papers, encyclopedias, what others extracted) to `documents`.

`read` takes JSON lines, Parquet, plain-text files, WET files and Wikipedia dumps, packed or not,
with a map of field names from the source's configuration. A row that cannot be a document is a
reject with its file and number; the rest of the file goes on. `cut` drops what is too short or
from after the cut-off date.

Left out: anything that needs layout (PDF, EPUB); JSON that is one array a file; joining the pages
of a book that come as rows.
"""

import datetime
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from skypile.kernels.extraction import paragraphs
from skypile.kernels.reading import streams, warc
from skypile.kernels.ready_texts import ready
from skypile.kernels.ready_texts.formats import FORMATS, Slice
from skypile.kernels.text.dates import UNDATED, after_cutoff
from skypile.kernels.wiki import wikidump, wikipedia
from skypile.reads import Hints, Read, Row
from skypile.settings import setting
from skypile.stage import Cut, Stage
from skypile.stages.ready_kernel import ReadyKernel
from skypile.tables import verdict_rows


@dataclass(frozen=True, kw_only=True)
class Config:
    """Settings of the stage."""

    max_record_bytes: int = setting(
        64 << 20, piece="read", low=1 << 10, help="longer lines, rows, files, records: too_large"
    )
    max_replaced_fraction: float = setting(
        0.01, piece="read", low=0, high=1, help="text files: share of undecodable characters"
    )
    zh_variant: str = setting(
        "zh-hans",
        piece="read",
        choices=tuple(sorted(wikipedia.VARIANTS)),
        help="Wikipedia: which spelling to take where a page gives several",
    )
    wide_weight: float = setting(
        paragraphs.WIDE_WEIGHT,
        piece="cut",
        low=1,
        help="English letters that one Han, kana or hangul character counts as",
    )
    min_chars: int = setting(0, piece="cut", low=0, help="weighted characters: too_short")
    cutoff_date: datetime.date | None = setting(
        None, piece="cut", help="texts dated later are dropped (the paper, 3.1: 2023-06-30)"
    )
    undated: str = setting(
        "keep", piece="cut", choices=UNDATED, help="what dates a text that has no date"
    )


class IngestKernel(ReadyKernel):
    """Reads slices of ready text."""

    formats = FORMATS

    def slice(
        self, *, source: str, path: str, start: int, first_ordinal: int, hints: Hints
    ) -> Slice:
        """What a reader is told of a slice."""
        return Slice(
            start,
            first_ordinal,
            self.config.max_record_bytes,
            self.config.max_replaced_fraction,
            hints.fields,
            hints.blocks,
            hints.language,
            self.config.zh_variant,
        )


def check_hints(format: str, hints: Hints) -> None:
    """Whether a format can use what a source says of its files.

    Raises:
        ValueError: it cannot, or needs more.
    """
    if hints.fields and format not in ("jsonl", "parquet"):
        raise ValueError(f"fields: format {format} has none")
    if odd := sorted(set(hints.fields) - set(ready.COLUMNS)):
        raise ValueError(f"fields: unknown column {odd[0]!r}; known: {', '.join(ready.COLUMNS)}")
    if format == "wikipedia" and not hints.language:
        raise ValueError('language: format wikipedia needs it: "en", "zh", ...')
    if hints.language is not None and format != "wikipedia":
        raise ValueError(f"language: format {format} takes none")
    if hints.blocks != "lines" and format == "wikipedia":
        raise ValueError("blocks: format wikipedia makes its own")
    if hints.repository_folders is not None:
        raise ValueError(f"repository_folders: format {format} takes none")


def make_cut_kernel(
    config: Config, facts: Mapping[str, Any]
) -> Callable[[pa.RecordBatch], pa.RecordBatch]:
    """The verdict on each document, from stored numbers alone."""

    def kernel(batch: pa.RecordBatch) -> pa.RecordBatch:
        reasons = [judge(config, row) for row in batch.to_pylist()]
        return verdict_rows(batch["doc_id"], reasons)

    return kernel


def judge(config: Config, row: Row) -> str | None:
    """The reason why a document goes, None where it stays."""
    wide = sum(row["block_wide_chars"])
    if sum(row["block_chars"]) + (config.wide_weight - 1) * wide < config.min_chars:
        return "too_short"
    return after_cutoff(config.cutoff_date, config.undated, row["date"], row["crawled_at"])


STAGE = Stage(
    name="ingest",
    step=12,
    paper="3.2 Sources",
    config=Config,
    reasons=(
        "malformed_record",
        "truncated_record",
        "too_large",
        "invalid_utf8",
        "bad_json",
        "missing_field",
        "wrong_type",
        "lone_surrogate",
        "undecodable",
        "empty",
        "other_namespace",
        "redirect",
        "disambiguation",
        "too_short",
        "after_cutoff",
        "undated",
    ),
    read=Read(
        make_kernel=IngestKernel,
        formats={
            "jsonl": streams.line_boundaries,
            "parquet": streams.uncut,
            "text": None,
            "wet": warc.record_boundaries,
            "wikipedia": wikidump.boundaries,
        },
        check_hints=check_hints,
    ),
    cut=Cut(
        reads={"documents": ("block_chars", "block_wide_chars", "date", "crawled_at")},
        make_kernel=make_cut_kernel,
    ),
    libraries=(
        "pyarrow",
        "orjson",
        "zstandard",
        "lz4",
        "zlib-ng",
        "brotli",
        "mwparserfromhell",
        "lxml",
    ),
)
