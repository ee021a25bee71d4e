"""Records of WARC and ARC files, and HTML files, to rows: the reading kernel of stage `extract`."""

import dataclasses
from collections import Counter
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from skypile.kernels.extraction.sandbox import EXTRACT, EXTRACT_FAST, Failure, lent
from skypile.kernels.reading import charset, warc
from skypile.kernels.reading.ids import doc_id
from skypile.kernels.reading.pages import document_row, html_file, printable, record_row, refusal
from skypile.reads import NO_HINTS, Hints, Row

if TYPE_CHECKING:
    # Imported in the child process alone; named here, its code is in the stage's fingerprint.
    from skypile.kernels.fast_engine import fast as fast
    from skypile.stages.extract import Config

MAX_DAMAGES_LISTED = 1000  # of a slice
MAX_DETAIL_CHARS = 300
ENGINES = {"trafilatura": EXTRACT, "fast": EXTRACT_FAST}  # as the child process calls them


class ExtractKernel:
    """Reads slices of WARC or HTML files; one child process extracts, page by page."""

    def __init__(self, config: "Config", wanted: Callable[[str], bool]) -> None:
        self._config, self._wanted = config, wanted
        self._limits = config.limits()
        self._gate = config.gate()
        self._sandbox = lent(
            config.max_cpu_seconds, config.max_memory_bytes, target=ENGINES[config.engine]
        )
        self._log: Row = {}

    def close(self) -> None:
        """Leave the child process to the next task."""
        self._sandbox.give_back()

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
        if not reason:
            reason, detail = self._gate.address(row["url"])
        if reason:
            return {**row, "reason": reason, "detail": _short(detail)}, None
        decoded = charset.decode(
            record.payload,
            record.header_charset,
            max_replaced_fraction=self._config.max_replaced_fraction,
        )
        if decoded is None:
            return {**row, "reason": "undecodable"}, None
        reason, detail = self._gate.page(decoded.text)
        if reason:
            return {**row, "reason": reason, "detail": _short(detail)}, None
        latest = (
            min(self._config.latest_date, crawled_at.date())
            if crawled_at
            else (self._config.latest_date)
        )
        page = self._sandbox.extract(
            decoded.text,
            url=row["url"],
            limits=self._limits,
            latest_date=latest.isoformat(),
            kinds=self._config.kinds,
        )
        if isinstance(page, Failure):
            return {**row, "reason": "extraction_limit", "detail": page.reason}, None
        if page is None or not page.blocks:
            return {**row, "reason": "empty", "detail": "no main text found"}, None
        return {**row, "kept": True}, document_row(row, page, decoded)


def _short(detail: str | None) -> str | None:
    """What exactly is wrong, as it can be written: it may quote a header, which may be anything."""
    return (printable(detail) or "")[:MAX_DETAIL_CHARS] or None
