"""Records of a crawl by their address: the index is asked where they lie, and each is read as a
range of its archive into one WARC file.

The index is a CDX server (`INDEX/CRAWL-index?url=*.example.org&output=json&page=0`). A record is a
gzip member of its own, so members side by side are a WARC file again. It has its name when all
records were tried; a journal beside it says how far it is.
"""

import hashlib
import io
import json
import re
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from skypile.fetch.archives import Book, Wish, folder_of
from skypile.fetch.download import MAX_FAULTY, inside
from skypile.fetch.http import BROKEN, PASSING, Client, FetchError
from skypile.files import Root
from skypile.fingerprints import digest_of
from skypile.kernels.reading.commoncrawl import (
    INDEX_BASE,
    Capture,
    is_safe_path,
    pages_of,
    parse_captures,
    parse_range,
)
from skypile.kernels.reading.streams import Unpacked
from skypile.kernels.reading.warc import WarcReader
from skypile.lock import held
from skypile.progress import progress

_MAX_PAGE_BYTES = 256 << 20
_PAYLOAD_DIGEST = re.compile(rb"^WARC-Payload-Digest:[ \t]*sha1:([A-Z2-7]{32})", re.I | re.M)


@dataclass(frozen=True)
class Query:
    """What the index is asked. pattern: an address, with * in front for a domain and at the end for
    a prefix. filters: of the server, as `=status:200`. limit: the first so many records.
    """

    pattern: str
    filters: tuple[str, ...] = ("=status:200",)
    limit: int | None = None
    base: str = INDEX_BASE


class _Refused(Exception):
    """One record cannot be had."""


def fetch_index(
    out: str, wish: Wish, query: Query, client: Client, say: Callable[[str], None]
) -> dict[str, Any]:
    """Fetch the records that match; the WARC file's entry in `fetched.jsonl`, with what failed.

    Raises:
        FetchError: the index or the archives cannot be reached, or nothing matches.
    """
    folder = folder_of(out)
    slug = re.sub(r"[^A-Za-z0-9-]+", "_", query.pattern).strip("_-")[:60] or "all"
    name = f"{slug}-{digest_of([wish.crawl, query.pattern, query.filters, query.limit])[:8]}"
    path = f"crawl-data/{wish.crawl}/index/{name}.warc.gz"
    assert is_safe_path(path), path
    with held(Root(out), "fetch"):
        book = Book(folder)
        before = book.entries[path] if book.has(path, folder) else None
        if before and not before["failed"]:
            say(f"{path} is there")
            return before
        target = inside(folder, path)
        target.parent.mkdir(parents=True, exist_ok=True)
        captures = _captures(target.with_name(f"{name}.captures.jsonl"), wish, query, client)
        records = _Records(target, wish.base, client)
        if before and not _holds(before, captures):
            before = None  # the index was asked again, and names other records: all of them anew
        if before:
            say(f"{path} is there but for {len(before['failed']):,} records: tried again")
            failed = records.again(captures, before["failed"])
            if len(failed) == len(before["failed"]):
                return before
        else:
            say(f"{len(captures):,} records, {sum(c.length for c in captures):,} bytes")
            failed = records.run(captures)
        entry = {
            "url": _address(wish, query, {}),
            "path": path,
            "bytes": target.stat().st_size,
            "sha256": Root(str(folder)).sha256(path),
            "version": None,
            "verified": "records",
            "records": len(captures) - len(failed),
            "failed": failed,
        }
        book.add(entry)
        book.sort()
        return entry


def _address(wish: Wish, query: Query, more: dict[str, Any]) -> str:
    asked = [("url", query.pattern), ("output", "json"), *(("filter", f) for f in query.filters)]
    place = f"{query.base.rstrip('/')}/{wish.crawl}-index"
    return f"{place}?{urlencode([*asked, *more.items()])}"


def _captures(saved: Path, wish: Wish, query: Query, client: Client) -> list[Capture]:
    """Where the records lie, by file and offset; asked once, and kept for who goes on."""
    if saved.exists():
        return [Capture(**json.loads(line)) for line in saved.read_text("utf8").splitlines()]
    found: dict[Capture, None] = {}
    missing = frozenset({200, 404})  # nothing matches: 404
    url = _address(wish, query, {"showNumPages": "true"})
    status, _, data = client.small(url, accept=missing)
    try:
        pages = pages_of(data) if status == 200 else 0
        with progress("index", pages, "pages") as report:
            for page in range(pages):
                url = _address(wish, query, {"page": page})
                status, _, data = client.small(url, accept=missing, most=_MAX_PAGE_BYTES)
                found |= dict.fromkeys(parse_captures(data) if status == 200 else ())
                report(page + 1)
                if query.limit is not None and len(found) >= query.limit:
                    break
    except ValueError as e:
        raise FetchError(f"{url}: {e}") from e
    if not found:
        raise FetchError(f"the index of {wish.crawl} has nothing of {query.pattern}")
    captures = sorted(list(found)[: query.limit])
    lines = [json.dumps(asdict(c), ensure_ascii=False) for c in captures]
    Root(str(saved.parent)).write_atomic(saved.name, "".join(f"{x}\n" for x in lines).encode())
    return captures


class _Records:
    """Fetches records into `target`; a line of the journal a record, behind its bytes."""

    def __init__(self, target: Path, base: str, client: Client) -> None:
        self._target, self._base, self._client = target, base.rstrip("/"), client
        self._part = target.with_name(target.name + ".part")
        self._journal = target.with_name(target.name + ".part.jsonl")

    def run(self, captures: list[Capture]) -> list[dict[str, Any]]:
        """The records that could not be had, each with the reason."""
        done = self._taken_up(captures)
        size = done[-1]["end"] if done else 0
        total = len(captures)
        with (
            progress("fetch", total, "records") as report,
            open(self._part, "ab") as out,
            open(self._journal, "a", encoding="utf8") as journal,
        ):
            for number in range(len(done), total):
                why = None
                try:
                    data = self._one(captures[number])
                    out.write(data)
                    out.flush()
                    size += len(data)
                except _Refused as e:
                    why = str(e)
                entry = {"digest": _name(captures[number]), "end": size, "why": why}
                done.append(entry)
                journal.write(json.dumps(entry) + "\n")
                journal.flush()
                report(number + 1)
        failed = [_failure(c, e["why"]) for c, e in zip(captures, done, strict=True) if e["why"]]
        if len(failed) == total:
            raise FetchError(f"not one of {total:,} records could be had: {failed[0]['why']}")
        self._part.replace(self._target)
        self._journal.unlink()
        return failed

    def again(self, captures: list[Capture], failed: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Try the records that could not be had, and put those that come now where they belong; the
        ones that still cannot. Interrupted, the file is as it was.
        """
        lost = {(f["filename"], f["offset"]) for f in failed}
        left: list[dict[str, Any]] = []
        tried = 0
        with (
            progress("fetch", len(lost), "records") as report,
            open(self._target, "rb") as old,
            open(self._part, "wb") as out,
        ):
            for capture in captures:
                if (capture.filename, capture.offset) not in lost:
                    out.write(old.read(capture.length))
                    continue
                tried += 1
                try:
                    out.write(self._one(capture))
                except _Refused as e:
                    left.append(_failure(capture, str(e)))
                report(tried)
        if len(left) < len(failed):
            self._part.replace(self._target)
        else:
            self._part.unlink()
        return left

    def _taken_up(self, captures: list[Capture]) -> list[dict[str, Any]]:
        """The journal as far as it is of these records and their bytes are there."""
        done: list[dict[str, Any]] = []
        size = self._part.stat().st_size if self._part.exists() else 0
        if self._journal.exists():
            whole = self._journal.read_text("utf8").rpartition("\n")[0]
            for capture, line in zip(captures, whole.splitlines(), strict=False):
                entry = json.loads(line)
                if entry["digest"] != _name(capture) or entry["end"] > size:
                    break
                done.append(entry)
        if self._part.exists():
            with open(self._part, "r+b") as part:
                part.truncate(done[-1]["end"] if done else 0)
        lines = "".join(json.dumps(entry) + "\n" for entry in done)
        self._journal.write_text(lines, "utf8")
        return done

    def _one(self, capture: Capture) -> bytes:
        """The bytes of one record.

        Raises:
            _Refused: it is not there, or is another one.
            FetchError: the server is not there, or gives no ranges.
        """
        url = f"{self._base}/{capture.filename}"
        last = capture.offset + capture.length - 1
        backoff, faulty = self._client.backoff(url), 0
        while True:
            asked, why = None, ""
            try:
                with self._client.get(url, {"Range": f"bytes={capture.offset}-{last}"}) as answer:
                    if answer.status in PASSING:
                        asked, why = self._client.asked_wait(answer), f"HTTP {answer.status}"
                    elif answer.status == 200:
                        raise FetchError(f"{url}: the server gives no byte ranges")
                    elif answer.status != 206:
                        raise _Refused(f"HTTP {answer.status}")
                    else:
                        first, _ = parse_range(answer.headers.get("Content-Range"))
                        data = answer.read(capture.length + 1, decode_content=False)
                        fault = "another range came" if first != capture.offset else None
                        fault = fault or record_fault(data, capture)
                        if fault is None:
                            return bytes(data)
                        faulty, why = faulty + 1, fault
                        if faulty >= MAX_FAULTY:
                            raise _Refused(fault)
            except BROKEN as e:
                why = type(e).__name__
            backoff.wait(why, asked)


def _holds(entry: dict[str, Any], captures: list[Capture]) -> bool:
    """Whether a file has these records, but for those that failed, and nothing else."""
    lost = {(f["filename"], f["offset"]) for f in entry["failed"]}
    there = [c for c in captures if (c.filename, c.offset) not in lost]
    whole: bool = sum(c.length for c in there) == entry["bytes"]
    return whole and bool(len(captures) == entry["records"] + len(lost))


def _failure(capture: Capture, why: str) -> dict[str, Any]:
    return {"url": capture.url, "filename": capture.filename, "offset": capture.offset, "why": why}


def _name(capture: Capture) -> str:
    return hashlib.sha256(repr(capture).encode("utf8", "surrogatepass")).hexdigest()[:16]


def record_fault(data: bytes, capture: Capture) -> str | None:
    """What is wrong with the bytes of a record; None if they are the one that the index names."""
    if len(data) != capture.length:
        return f"{len(data):,} bytes came, {capture.length:,} are due"
    reader = WarcReader(io.BytesIO(data), want=frozenset())
    records = list(reader)
    if reader.damages or len(records) != 1 or records[0].problem == "truncated_record":
        return "it is not one whole record"
    if records[0].url != capture.url:
        return f"it is the record of {str(records[0].url)[:200]!r}"
    head = _head(data)
    stated = _PAYLOAD_DIGEST.search(head)
    if capture.digest and stated and stated[1].decode().upper() != capture.digest.upper():
        return "its payload is another one than the index has"
    return None


def _head(data: bytes) -> bytes:
    """The WARC header of a record, unpacked."""
    stream, head = Unpacked(io.BytesIO(data)), b""
    while b"\r\n\r\n" not in head and len(head) < 1 << 16 and (more := stream.read(1 << 14)):
        head += more
    return head.partition(b"\r\n\r\n")[0]
