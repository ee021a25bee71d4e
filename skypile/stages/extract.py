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

import dataclasses
import datetime
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from skypile.kernels import charset, paragraphs, warc
from skypile.kernels.dates import UNDATED, after_cutoff
from skypile.kernels.html import DEFAULT_LIMITS, Limits
from skypile.kernels.ids import doc_id
from skypile.kernels.pages import document_row, html_file, record_row, refusal
from skypile.kernels.sandbox import EXTRACT, EXTRACT_FAST, Failure, Sandbox
from skypile.settings import setting
from skypile.stage import NO_HINTS, Cut, Hints, Read, Relate, Related, Row, Stage
from skypile.tables import Table, field, verdict_rows

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    # Imported in the child process alone; named here, its code is in the stage's fingerprint.
    from skypile.kernels import fast as fast

MAX_DAMAGES_LISTED = 1000  # of a slice
ENGINES = {"trafilatura": EXTRACT, "fast": EXTRACT_FAST}  # as the child process calls them

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
        help="what finds the main text; fast: trees over blocks, a fraction of the time",
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
        DEFAULT_LIMITS.max_depth, piece="read", low=1, help="nesting; above: fallback extractor"
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

    def limits(self) -> Limits:
        """The structural limits, as the extractor takes them."""
        return Limits(
            max_nodes=self.max_nodes,
            max_depth=self.max_depth,
            max_table_rows=self.max_table_rows,
            max_nesting=self.max_nesting,
        )


class ExtractKernel:
    """Reads slices of WARC or HTML files; one child process extracts, page by page."""

    def __init__(self, config: Config, wanted: Callable[[str], bool]) -> None:
        self._config, self._wanted = config, wanted
        self._limits = config.limits()
        self._sandbox = Sandbox(
            config.max_cpu_seconds, config.max_memory_bytes, target=ENGINES[config.engine]
        )
        self._log: Row = {}

    def close(self) -> None:
        """End the child process."""
        self._sandbox.close()

    def log(self) -> Row:
        """What the slice just read held."""
        return self._log

    def __call__(
        self,
        stream: Any,
        *,
        source: str,
        format: str,
        path: str,
        start: int,
        first_ordinal: int,
        hints: Hints = NO_HINTS,
    ) -> Iterator[tuple[Row, Row | None]]:
        """The judged records of one slice, in order."""
        counts: Counter[str] = Counter()
        reader: Any = ()
        if format == "warc":
            reader = warc.WarcReader(
                stream,
                start=start,
                first_ordinal=first_ordinal,
                max_record_bytes=self._config.max_record_bytes,
                file_head=getattr(stream, "file_head", None),
            )
        else:
            reader = [html_file(stream.read())]
        passed_over: Counter[str] = Counter()
        for record in reader:
            counts["records"] += 1
            if record.type != "response":
                passed_over[record.type] += 1
                continue
            name = doc_id(source, path, record.ordinal)
            if not self._wanted(name):
                counts["sampled_out"] += 1
                continue
            counts["judged"] += 1
            yield self._judge(record, name, source, path)
        damages = [dataclasses.asdict(d) for d in getattr(reader, "damages", [])]
        if len(damages) > MAX_DAMAGES_LISTED:  # garbage has as many as one makes it have
            last = damages[MAX_DAMAGES_LISTED]
            more = len(damages) - MAX_DAMAGES_LISTED
            damages[MAX_DAMAGES_LISTED:] = [{**last, "detail": f"and {more - 1:,} more places"}]
        self._log = {
            **{k: counts[k] for k in ("records", "judged", "sampled_out")},
            "passed_over": sorted(passed_over.items()),
            "damages": damages,
        }

    def _judge(
        self, record: warc.Record, name: str, source: str, path: str
    ) -> tuple[Row, Row | None]:
        row = record_row(record, name, source, path)
        crawled_at = row["crawled_at"]
        reason, detail = refusal(record, self._config.max_page_bytes)
        if reason:
            return {**row, "reason": reason, "detail": detail}, None
        decoded = charset.decode(
            record.payload,
            record.header_charset,
            max_replaced_fraction=self._config.max_replaced_fraction,
        )
        if decoded is None:
            return {**row, "reason": "undecodable"}, None
        latest = (
            min(self._config.latest_date, crawled_at.date())
            if crawled_at
            else (self._config.latest_date)
        )
        page = self._sandbox.extract(
            decoded.text, url=row["url"], limits=self._limits, latest_date=latest.isoformat()
        )
        if isinstance(page, Failure):
            return {**row, "reason": "extraction_limit", "detail": page.reason}, None
        if page is None or not page.blocks:
            return {**row, "reason": "empty", "detail": "no main text found"}, None
        return {**row, "kept": True}, document_row(row, page, decoded)


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
        "undecodable",
        "extraction_limit",
        "duplicate_record",
        "after_cutoff",
        "undated",
        "too_short",
        "no_paragraph_run",
    ),
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
