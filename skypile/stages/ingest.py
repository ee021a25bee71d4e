"""Ready text (Skywork 3.2: books, papers, encyclopedias, what others extracted) to `documents`.

`read` takes JSON lines, Parquet, plain-text files, WET files and Wikipedia dumps, packed or not,
with a map of field names from the source's configuration. A row that cannot be a document is a
reject with its file and number; the rest of the file goes on. `cut` drops what is too short or
from after the cut-off date.

Left out: anything that needs layout (PDF, EPUB); JSON that is one array a file; joining the pages
of a book that come as rows.
"""

import dataclasses
import datetime
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from skypile.kernels import paragraphs, ready, streams, warc, wikidump, wikipedia
from skypile.kernels.dates import UNDATED, after_cutoff, parse_timestamp
from skypile.kernels.formats import FORMATS, Item, Slice
from skypile.kernels.ids import doc_id, payload_digest, text_digest
from skypile.kernels.pages import host_of, printable, printable_url
from skypile.kernels.ready import Ready, Reject
from skypile.kernels.scripts import wide_chars
from skypile.settings import setting
from skypile.stage import NO_HINTS, Cut, Hints, Read, Row, Stage
from skypile.tables import verdict_rows

MAX_DETAIL_CHARS = 300


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


class IngestKernel:
    """Reads slices of ready text."""

    def __init__(self, config: Config, wanted: Callable[[str], bool]) -> None:
        self._config, self._wanted = config, wanted
        self._log: Row = {}

    def close(self) -> None:
        """Nothing is held."""

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
        """The judged rows of one slice, in order."""
        counts: Counter[str] = Counter()
        passed_over: Counter[str] = Counter()
        this = Slice(
            start,
            first_ordinal,
            self._config.max_record_bytes,
            self._config.max_replaced_fraction,
            hints.fields,
            hints.blocks,
            hints.language,
            self._config.zh_variant,
        )
        for item in FORMATS[format](stream, this):
            counts["records"] += 1
            if item.passed_over is not None:
                passed_over[item.passed_over] += 1
                continue
            name = doc_id(source, path, item.ordinal)
            if not self._wanted(name):
                counts["sampled_out"] += 1
                continue
            counts["judged"] += 1
            yield _judge(item, name, source, path, format)
        self._log = {
            **{k: counts[k] for k in ("records", "judged", "sampled_out")},
            "passed_over": sorted(passed_over.items()),
            "damages": [dataclasses.asdict(d) for d in this.damages],
        }


def _judge(item: Item, name: str, source: str, path: str, format: str) -> tuple[Row, Row | None]:
    found = item.parse()
    body = "\n".join(found.blocks) if isinstance(found, Ready) else ""
    payload = body.encode() if item.payload is None else item.payload
    record = item.record
    row: Row = {
        "doc_id": name,
        "source": source,
        "url": printable_url(record.url) if record else None,
        "record_id": printable(record.record_id) if record else None,
        "crawled_at": parse_timestamp(record.date) if record else None,
        "path": path,
        "ordinal": item.ordinal,
        "offset": item.offset,
        "http_status": None,
        "content_type": printable(record.content_type) if record else None,
        "payload_bytes": len(payload) if item.payload_bytes is None else item.payload_bytes,
        "payload_digest": payload_digest(payload) if payload else None,
        "kept": isinstance(found, Ready),
        "reason": None,
        "detail": None,
    }
    if isinstance(found, Reject):
        return {**row, "reason": found.reason, "detail": found.detail[:MAX_DETAIL_CHARS]}, None
    row["url"] = row["url"] or found.url
    row["record_id"] = row["record_id"] or found.id
    return row, {
        **{k: row[k] for k in ("doc_id", "source", "url", "crawled_at", "record_id")},
        **{k: row[k] for k in ("path", "ordinal")},
        "payload_digest": payload_digest(payload),
        "host": host_of(row["url"]),
        "date": found.date,
        "title": found.title,
        "text": body,
        "block_chars": [len(b) for b in found.blocks],
        "block_wide_chars": [wide_chars(b) for b in found.blocks],
        "chars": sum(len(b) for b in found.blocks),
        "text_digest": text_digest(body),
        "charset": None,
        "charset_source": None,
        "engine": format,
        "engine_limit": None,
        "cited_urls": None if found.cited_urls is None else list(found.cited_urls),
    }


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
