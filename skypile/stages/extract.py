"""Structural extraction (Skywork 3.1): from a web page keep the relevant content, as contiguous,
medium-to-long paragraphs; leave out navigation, site contact data, disjointed title text.

`read` takes `response` records of WARC and ARC files, in whatever container they come, and HTML
files, decodes them, and writes the blocks of the main text. `relate` finds records that occur
twice. `cut` judges: a page without substance, after the cut-off date, or a repeat is dropped, and
stray fragments at its ends are removed.

Left out: `resource` and `conversion` records (the latter are ready text, a matter for `ingest`);
`revisit` records, which only say that a page is as another record has it (they are passed over and
counted by type, as all but responses are); a text's language and quality, which later stages judge.
"""

import datetime
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from skypile.errors import ConfigError
from skypile.kernels.extraction import paragraphs
from skypile.kernels.extraction.html import DEEPEST, DEFAULT_LIMITS, Limits
from skypile.kernels.extraction.kinds import DEFAULT_KINDS, KINDS
from skypile.kernels.quality.blocklist import BLOCKED_DOMAIN, BLOCKED_URL
from skypile.kernels.reading import warc
from skypile.kernels.text import language
from skypile.kernels.text.dates import UNDATED, after_cutoff
from skypile.reads import Read, Row
from skypile.settings import setting
from skypile.stage import Cut, Relate, Related, Stage
from skypile.stages.extract_gate import FOREIGN, Gate, Wanted
from skypile.stages.extract_read import ENGINES, ExtractKernel
from skypile.tables import Table, field, verdict_rows

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

REPEATS = Table(
    "repeated_records",
    pa.schema([field("doc_id", pa.string()), field("repeats", pa.string())]),
    key=("doc_id",),
    meaning="documents whose record occurred before with the same payload, and the first one's id",
)


@dataclass(frozen=True, kw_only=True)
class Config:
    """Settings of the stage. Limits are deterministic; only `max_cpu_seconds` and
    `max_memory_bytes` are not, and stand far above what any real page took (docs/decisions.md).
    """

    engine: str = setting(
        "trafilatura",
        piece="read",
        choices=tuple(ENGINES),
        help="what finds the main text; fast: trees over blocks, in a fraction of the time",
    )
    kinds: tuple[str, ...] = setting(
        DEFAULT_KINDS,
        piece="read",
        choices=KINDS,
        help="what of a page is text beside its paragraphs, in any order; comments: of readers",
    )
    max_record_bytes: int = setting(
        64 << 20, piece="read", low=1 << 10, help="longer WARC records are skipped: too_large"
    )
    max_page_bytes: int = setting(
        8 << 20, piece="read", low=1 << 10, help="longer pages, decoded: too_large"
    )
    max_replaced_fraction: float = setting(
        0.01, piece="read", low=0, high=1, help="share of undecodable characters: undecodable"
    )
    max_nodes: int = setting(
        DEFAULT_LIMITS.max_nodes, piece="read", low=1, help="elements; above: fallback extractor"
    )
    max_depth: int = setting(
        DEFAULT_LIMITS.max_depth,
        piece="read",
        low=1,
        high=DEEPEST,
        help="nesting; above: fallback extractor",
    )
    max_table_rows: int = setting(
        DEFAULT_LIMITS.max_table_rows, piece="read", low=0, help="rows; above: fallback extractor"
    )
    max_nesting: int = setting(
        DEFAULT_LIMITS.max_nesting,
        piece="read",
        low=1,
        help="tables in tables; above: fallback extractor",
    )
    max_cpu_seconds: int = setting(
        60, piece="read", low=1, help="CPU time a page, the backstop behind the limits"
    )
    max_memory_bytes: int = setting(
        4 << 30, piece="read", low=256 << 20, help="address space of the extracting process"
    )
    languages: tuple[str, ...] = setting(
        (),
        piece="read",
        help="before extraction: pages that plainly show another language are foreign; none named, "
        "no page is",
    )
    foreign_min_prob: float = setting(
        0.9, piece="read", low=0.5, high=1, help="how probable the other language must be"
    )
    foreign_min_letters: int = setting(
        200,
        piece="read",
        low=1,
        help="a page that shows fewer is extracted, and judged later",
    )
    lid_model: str = setting(
        "",
        piece=None,
        path=True,
        help="fastText model on every host; empty: the installed one",
    )
    lid_sha256: str = setting(
        language.LID_SHA256, piece="read", help="SHA-256 of the model, which every host checks"
    )
    blocklist: str = setting(
        "",
        piece="read",
        content=True,
        help="a list compiled by `skypile blocklist`, looked up before a page is decoded",
    )
    latest_date: datetime.date = setting(
        datetime.date(2030, 12, 31),
        piece="read",
        help="no page is taken to be later than this, or than its own crawl date",
    )
    wide_weight: float = setting(
        paragraphs.WIDE_WEIGHT,
        piece="cut",
        low=1,
        help="English letters that one Han, kana or hangul character counts as",
    )
    min_chars: int = setting(
        200, piece="cut", low=0, help="weighted characters of what stays of the text: too_short"
    )
    min_run_chars: int = setting(
        100, piece="cut", low=0, help="weighted characters of the longest run: no_paragraph_run"
    )
    paragraph_chars: int = setting(
        paragraphs.PARAGRAPH_CHARS, piece="cut", low=1, help="weighted; a paragraph from here on"
    )
    max_gap_blocks: int = setting(
        paragraphs.MAX_GAP_BLOCKS, piece="cut", low=0, help="blocks between paragraphs of one run"
    )
    fragment_chars: int = setting(
        paragraphs.FRAGMENT_CHARS,
        piece="cut",
        low=0,
        help="weighted; blocks below it are removed at the ends of a page",
    )
    kept_fragments: int = setting(
        paragraphs.KEPT_FRAGMENTS,
        piece="cut",
        low=0,
        help="of these, how many next to the text stay at each end",
    )
    max_fragments_fraction: float = setting(
        paragraphs.MAX_FRAGMENTS_FRACTION,
        piece="cut",
        low=0,
        high=1,
        help="share of the page up to which they are removed",
    )
    cutoff_date: datetime.date | None = setting(
        None, piece="cut", help="pages dated later are dropped (the paper, 3.1: 2023-06-30)"
    )
    undated: str = setting(
        "crawl_date", piece="cut", choices=UNDATED, help="what dates a page that has no date"
    )

    def gate(self) -> Gate:
        """What comes before extraction, opened."""
        wanted = Wanted(self.languages, self.foreign_min_prob, self.foreign_min_letters)
        return Gate(wanted, self.lid_model, self.lid_sha256, self.blocklist)

    def limits(self) -> Limits:
        """The structural limits, as the extractor takes them."""
        return Limits(
            max_nodes=self.max_nodes,
            max_depth=self.max_depth,
            max_table_rows=self.max_table_rows,
            max_nesting=self.max_nesting,
        )


def validate(config: Config) -> None:
    """Whether the model and the list that the settings name are there and usable.

    Raises:
        SkypileError: one is not.
    """
    try:
        config.gate()
    except ValueError as e:
        raise ConfigError(f"[extract] {e}") from e


def make_read_kernel(config: Config, wanted: Callable[[str], bool]) -> ExtractKernel:
    """The reading kernel of one task."""
    return ExtractKernel(config, wanted)


def find_repeats(config: Config, documents: "DataFrame") -> Related:
    """Records whose id and payload occurred before, in order of source, file and record.

    A record id that comes back with another payload is another document, for dedup to judge.
    """
    from pyspark.sql import Window
    from pyspark.sql import functions as F

    same = Window.partitionBy("record_id", "payload_digest").orderBy("key")
    first = documents.where(F.col("record_id").isNotNull()).withColumn(
        "repeats", F.first("doc_id").over(same)
    )
    return Related(first.where(F.col("repeats") != F.col("doc_id")).select("key", "repeats"))


def make_cut_kernel(
    config: Config, facts: Mapping[str, Any]
) -> Callable[[pa.RecordBatch], pa.RecordBatch]:
    """The verdict on each document, from stored numbers alone."""

    def kernel(batch: pa.RecordBatch) -> pa.RecordBatch:
        verdicts = [judge(config, row) for row in batch.to_pylist()]
        reasons = [reason for reason, _ in verdicts]
        return verdict_rows(batch["doc_id"], reasons, [r for _, r in verdicts])

    return kernel


def judge(config: Config, row: Row) -> tuple[str | None, list[int]]:
    """(reason or None, blocks to remove) for one document's numbers."""
    if row["repeats"] is not None:
        return "duplicate_record", []
    if late := after_cutoff(config.cutoff_date, config.undated, row["date"], row["crawled_at"]):
        return late, []
    substance = paragraphs.substance(
        row["block_chars"],
        row["block_wide_chars"],
        wide_weight=config.wide_weight,
        paragraph_chars=config.paragraph_chars,
        max_gap_blocks=config.max_gap_blocks,
        fragment_chars=config.fragment_chars,
        kept_fragments=config.kept_fragments,
        max_fragments_fraction=config.max_fragments_fraction,
    )
    if substance.chars < config.min_chars:
        return "too_short", []
    if substance.run_chars < config.min_run_chars:
        return "no_paragraph_run", []
    return None, list(substance.removed)


STAGE = Stage(
    name="extract",
    step=10,
    paper="3.1 Structural extraction",
    config=Config,
    reasons=(
        "malformed_record",
        "truncated_record",
        "too_large",
        "http_error",
        "not_html",
        "empty",
        BLOCKED_DOMAIN,
        BLOCKED_URL,
        "undecodable",
        FOREIGN,
        "extraction_limit",
        "duplicate_record",
        "after_cutoff",
        "undated",
        "too_short",
        "no_paragraph_run",
    ),
    validate=validate,
    read=Read(
        make_kernel=make_read_kernel,
        formats={"warc": warc.record_boundaries, "html": None},
    ),
    relate=Relate(
        table=REPEATS,
        reads={"documents": ("doc_id", "record_id", "payload_digest")},
        relate=find_repeats,
    ),
    cut=Cut(
        reads={
            "documents": ("block_chars", "block_wide_chars", "date", "crawled_at"),
            "repeated_records": ("repeats",),
        },
        make_kernel=make_cut_kernel,
    ),
    libraries=(
        "ahocorasick_rs",
        "fasttext-community",
        "fastwarc",
        "resiliparse",
        "trafilatura",
        "htmldate",
        "lxml",
        "brotli",
        "zlib-ng",
        "zstandard",
        "lz4",
        "numba",
        "numpy",
    ),
)
