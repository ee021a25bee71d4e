"""Items of ready text and of code as rows of `records` and `documents`, and the log of a slice."""

import dataclasses
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from skypile.kernels.reading.ids import doc_id, payload_digest, text_digest
from skypile.kernels.reading.pages import host_of, printable, printable_url
from skypile.kernels.ready_texts.formats import Item, Slice
from skypile.kernels.ready_texts.ready import Ready, Reject
from skypile.kernels.text.dates import parse_timestamp
from skypile.kernels.text.scripts import wide_chars

Row = dict[str, Any]
_MAX_DETAIL_CHARS = 300


class ReadyRows:
    """The rows of the items of one slice after another. `wanted` says of an id whether it is in the
    sample; `log` is what the slice just read held, as `read_log` has it.
    """

    def __init__(self, wanted: Callable[[str], bool]) -> None:
        self._wanted = wanted
        self.log: Row = {}

    def __call__(
        self, items: Iterable[Item], this: Slice, *, source: str, path: str, format: str
    ) -> Iterator[tuple[Row, Row | None]]:
        """The judged rows, in order."""
        counts: Counter[str] = Counter()
        passed_over: Counter[str] = Counter()
        for item in items:
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
        self.log = {
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
        return {
            **row,
            "reason": found.reason,
            "detail": printable(found.detail[:_MAX_DETAIL_CHARS]),
        }, None
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
        "charset": found.charset,
        "charset_source": found.charset_source,
        "engine": format,
        "engine_limit": None,
        "cited_urls": None if found.cited_urls is None else list(found.cited_urls),
        "repository": found.repository,
        "licence": found.licence,
    }
