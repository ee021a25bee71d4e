"""A crawled record as rows of `records` and `documents`: what is refused before it is decoded, and
what is written of a page that was extracted. Pure functions of the record.
"""

import datetime
import re
from typing import Any
from urllib.parse import urlsplit

from skypile.kernels.extraction.html import Page
from skypile.kernels.reading.charset import Decoded
from skypile.kernels.reading.ids import payload_digest, text_digest
from skypile.kernels.reading.warc import Record
from skypile.kernels.text.dates import parse_timestamp
from skypile.kernels.text.scripts import wide_chars

Row = dict[str, Any]
_RAW_BYTE = re.compile("[\udc80-\udcff]")  # as `surrogateescape` decodes it
HTML_TYPES = frozenset({"text/html", "application/xhtml+xml"})


def record_row(record: Record, doc_id: str, source: str, path: str) -> Row:
    """The row of `records` for a record that nothing is decided about yet."""
    return {
        "doc_id": doc_id,
        "source": source,
        "url": printable_url(record.url),
        "record_id": printable(record.record_id),
        "crawled_at": parse_timestamp(record.date),
        "path": path,
        "ordinal": record.ordinal,
        "offset": record.offset,
        "http_status": record.http_status,
        "content_type": printable(record.content_type),
        "payload_bytes": record.payload_bytes,
        "payload_digest": payload_digest(record.payload) if record.payload else None,
        "kept": False,
        "reason": None,
        "detail": None,
    }


def html_file(data: bytes) -> Record:
    """A file of one page, as the record that a crawler would have written."""
    return Record(
        ordinal=0,
        offset=0,
        type="response",
        record_id=None,
        url=None,
        date=None,
        http_status=None,
        content_type="text/html",
        header_charset=None,
        payload=data,
        payload_bytes=len(data),
        problem=None,
        detail=None,
    )


def refusal(record: Record, max_page_bytes: int) -> tuple[str | None, str | None]:
    """(reason, detail) why a response cannot be a page, before it is decoded; (None, None) else."""
    if record.problem:
        return record.problem, record.detail
    if record.http_status is not None and not 200 <= record.http_status < 300:
        return "http_error", f"status {record.http_status}"
    if record.content_type and record.content_type not in HTML_TYPES:
        return "not_html", record.content_type
    if len(record.payload) > max_page_bytes:
        return "too_large", f"{len(record.payload):,} bytes"
    if not record.payload.strip():
        return "empty", "no payload"
    if not record.content_type and b"<" not in record.payload[:4096]:
        return "not_html", "no content type and no markup"
    return None, None


def document_row(record: Row, page: Page, decoded: Decoded) -> Row:
    """The row of `documents` for a page that was extracted."""
    text = "\n".join(page.blocks)
    return {
        **{k: record[k] for k in ("doc_id", "source", "url", "crawled_at", "record_id")},
        **{k: record[k] for k in ("payload_digest", "path", "ordinal")},
        "host": host_of(record["url"]),
        "date": datetime.date.fromisoformat(page.date) if page.date else None,
        "title": page.title,
        "text": text,
        "block_chars": [len(b) for b in page.blocks],
        "block_wide_chars": [wide_chars(b) for b in page.blocks],
        "chars": sum(len(b) for b in page.blocks),
        "text_digest": text_digest(text),
        "charset": decoded.charset,
        "charset_source": decoded.source,
        "engine": page.engine,
        "engine_limit": page.limit,
        "cited_urls": None,
        "repository": None,
        "licence": None,
    }


def host_of(url: str | None) -> str | None:
    """The host of a URL, lower case, without port; None where it has none or is malformed."""
    try:
        return urlsplit(url).hostname or None if url else None
    except ValueError:
        return None


def printable_url(url: str | None) -> str | None:
    """A URL that can be written: raw bytes that are no UTF-8 (GBK paths, say) percent-encoded."""
    if url is None:
        return None
    return printable(_RAW_BYTE.sub(lambda m: f"%{ord(m[0]) - 0xDC00:02X}", url))


def printable(text: str | None) -> str | None:
    """Header text that can be written: what is no Unicode is replaced."""
    return text.encode("utf8", "replace").decode() if text is not None else None
