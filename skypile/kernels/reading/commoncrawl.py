"""Common Crawl's layout, as text: lists of paths, index records, and what servers say of files.

Everything here comes from a server and is checked before it names a file or a range.
(commoncrawl.org/get-started; the index: github.com/webrecorder/pywb, CDX server API.)
"""

import base64
import binascii
import email.utils
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

BASE = "https://data.commoncrawl.org"
INDEX_BASE = "https://index.commoncrawl.org"
KINDS = ("warc", "wet", "wat")
MAX_RECORD_BYTES = 256 << 20  # of a record as stored; Common Crawl's payloads end at some MiB

_CRAWL = re.compile(r"CC-[A-Z]+(?:-\d{4}-\d{2})?(?:/\d{4}/\d{2})?")
_NAME = re.compile(r"[A-Za-z0-9_+=@,-][A-Za-z0-9._+=@,-]*")  # no name begins with a dot
_RANGE = re.compile(r"bytes\s+(?:(\d+)-(\d+)|\*)/(\d+|\*)", re.I)
_MD5 = re.compile(r"[0-9a-f]{32}", re.I)


def is_crawl(name: str) -> bool:
    """Whether it may be the name of a crawl: CC-MAIN-2024-10, CC-NEWS/2024/01."""
    return bool(_CRAWL.fullmatch(name))


def is_safe_path(path: str) -> bool:
    """Whether a path of a server may name a file below a folder: `crawl-data/` and plain names."""
    names = path.split("/")
    return len(path) <= 1000 and names[0] == "crawl-data" and all(map(_NAME.fullmatch, names))


def parse_paths(data: bytes) -> list[str]:
    """The paths of a list, one a line, each once and in its order.

    Raises:
        ValueError: a line is no path below `crawl-data/`; names it.
    """
    paths: dict[str, None] = {}
    for number, line in enumerate(data.split(b"\n"), 1):
        path = line.strip().decode("ascii", "replace")
        if path and not is_safe_path(path):
            raise ValueError(f"line {number} is no path of a crawl: {path[:200]!r}")
        if path:
            paths[path] = None
    return list(paths)


def in_segments(paths: Iterable[str], segments: int | None, files: int | None) -> list[str]:
    """The paths in the first `segments` folders of segments, and of these the first `files`."""
    found: list[str] = []
    seen: dict[str, None] = {}
    for path in paths:
        seen.setdefault(path.rpartition("/")[0])
        if segments is not None and len(seen) > segments:
            break
        found.append(path)
    return found if files is None else found[:files]


@dataclass(frozen=True, order=True)
class Capture:
    """Where a record lies: bytes `offset` to `offset + length` of a file."""

    filename: str
    offset: int
    length: int
    url: str
    digest: str = ""  # base32 SHA-1 of the payload, "" where the index does not say


def parse_captures(data: bytes) -> list[Capture]:
    """The records of a page of the index: a JSON object a line.

    Raises:
        ValueError: a line is not one, or names no range of a file of the crawl.
    """
    found = []
    for number, line in enumerate(data.splitlines(), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
            made = Capture(
                row["filename"],
                int(row["offset"]),
                int(row["length"]),
                str(row["url"]),
                str(row.get("digest", "")).removeprefix("sha1:"),
            )
            if not (is_safe_path(made.filename) and made.offset >= 0):
                raise ValueError("its file or offset")
            if not 0 < made.length <= MAX_RECORD_BYTES:
                raise ValueError("its length")
        except (ValueError, KeyError, TypeError, AttributeError) as e:
            shown = line[:200].decode("utf8", "replace")
            raise ValueError(f"line {number} is no record of an index ({e}): {shown}") from e
        found.append(made)
    return found


def pages_of(data: bytes) -> int:
    """The answer to `showNumPages=true`: a number, or an object with it.

    Raises:
        ValueError: it is neither.
    """
    value = json.loads(data)
    pages = value.get("pages") if isinstance(value, dict) else value
    if not isinstance(pages, int) or isinstance(pages, bool) or not 0 <= pages <= 10**6:
        raise ValueError(f"no number of pages: {data[:200]!r}")
    return pages


def parse_range(header: str | None) -> tuple[int | None, int | None]:
    """Content-Range as (first byte, bytes of the whole file); None where it does not say."""
    m = _RANGE.fullmatch((header or "").strip())
    if not m:
        return None, None
    return (int(m[1]) if m[1] else None), (int(m[3]) if m[3] != "*" else None)


def retry_after(header: str | None, now: datetime) -> float | None:
    """Seconds that Retry-After asks to wait, as a number or a date; None where it does not say."""
    text = (header or "").strip()
    if re.fullmatch(r"\d{1,9}", text):
        return float(text)
    try:
        when = email.utils.parsedate_to_datetime(text)
    except (TypeError, ValueError):
        return None
    when = when if when.tzinfo else when.replace(tzinfo=UTC)
    return max(0.0, (when - now).total_seconds())


def checksums(headers: Mapping[str, str]) -> dict[str, str]:
    """The digests that an answer states of the whole file, as hex: `sha256`, `md5`.

    Repr-Digest and Digest (RFC 9530, 3230), Content-MD5, x-amz-checksum-sha256, x-goog-hash, and
    the ETag of Amazon S3, which is an MD5 if the object was stored in one piece and not encrypted
    with a key of its own.
    """
    lower = {k.lower(): v for k, v in headers.items()}
    found: dict[str, str] = {}
    for name in ("repr-digest", "digest", "x-goog-hash"):
        for entry in lower.get(name, "").split(","):
            kind, _, value = entry.strip().partition("=")
            kind = {"sha-256": "sha256", "md5": "md5"}.get(kind.lower(), "")
            if kind and (digest := _hex(value.strip().strip(":"), kind)):
                found.setdefault(kind, digest)
    for name, kind in (("content-md5", "md5"), ("x-amz-checksum-sha256", "sha256")):
        if digest := _hex(lower.get(name, ""), kind):
            found.setdefault(kind, digest)
    etag = lower.get("etag", "").strip('"')
    encrypted = lower.get("x-amz-server-side-encryption", "AES256") != "AES256"
    if lower.get("server") == "AmazonS3" and _MD5.fullmatch(etag) and not encrypted:
        found.setdefault("md5", etag.lower())
    return found


def _hex(value: str, kind: str) -> str | None:
    """Base64 as hex, if it is as long as the digest."""
    try:
        digest = base64.b64decode(value.strip(), validate=True)
    except (binascii.Error, ValueError):
        return None
    return digest.hex() if len(digest) == {"sha256": 32, "md5": 16}[kind] else None


def strong_validator(headers: Mapping[str, str]) -> str | None:
    """What If-Range may be sent with: a strong ETag, else Last-Modified; None if there is none."""
    lower = {k.lower(): v for k, v in headers.items()}
    etag = lower.get("etag", "").strip()
    if len(etag) > 2 and etag.startswith('"') and etag.endswith('"'):
        return etag
    return lower.get("last-modified", "").strip() or None
