"""The records of a WARC stream, in order, none lost in silence.

The stream is read in *stretches* that no record crosses: a whole plain file, or a gzip member (and
members that go on with its last record). The length that a record states is believed if what
follows agrees; else the next two lines that only a record begins with end it. So a range cut at
`record_boundaries` yields what the whole file yields there. (Of a damaged file, too; only how much
can be read of a broken gzip member may differ.)

fastwarc's iterator is faster, but hands out a cut record as a whole one and gives up a file at the
first damage. Left out: ARC, zstd and lz4 files; digests; joining continuation records. A damaged
gzip member that stores a .warc.gz may yield records of that one.
"""

import datetime
import re
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import BinaryIO

from skypile.kernels import http, members
from skypile.kernels.members import START, Damage

_READ, _MAX_HEAD = 1 << 20, 1 << 20  # bytes
_END = b"\r\n\r\n"
_NEWLINES = re.compile(rb"[\r\n]+")
_HEAD = re.compile(rb"(%b)|%b" % (START.pattern, http.BLANK.pattern), re.I)


@dataclass(frozen=True)
class Record:
    """One record. problem: None, `malformed_record`, `truncated_record` or `too_large`."""

    ordinal: int  # counts every record of every type
    offset: int  # byte of the file where it starts; compressed: where its member does
    type: str  # lower case, "" where it is missing
    record_id: str | None  # without the angle brackets
    url: str | None  # bytes that are no UTF-8 come as surrogates
    date: str | None  # ISO 8601; None where absent or not a date
    http_status: int | None
    content_type: str | None  # of the HTTP response, else of the record; lower case, type only
    header_charset: str | None
    payload: bytes  # the body, transfer and content decoded; empty where the type is not wanted
    payload_bytes: int  # of `payload`; not wanted or block too large: what the block should have
    problem: str | None  # `payload` is what could be read, then
    detail: str | None  # what exactly the problem is
    truncated: bool = False  # WARC-Truncated says so, or the HTTP body is shorter than it says


class WarcReader:
    """Iterates over the records of `stream`, which begins with number `first_ordinal` of its file,
    at byte `start`. Bad data never raise: they become `damages` and the `problem` of records.

    want: types whose payload is read. max_record_bytes: longer blocks and decoded bodies are
    `too_large`; memory is bounded by a small multiple of it, or of 64 MiB where that is more.
    counts: records so far, by type. at_cut_point: whether a range may begin with the last record.
    """

    def __init__(
        self,
        stream: BinaryIO,
        *,
        start: int = 0,
        first_ordinal: int = 0,
        max_record_bytes: int = 64 << 20,
        want: Callable[[str], bool] | frozenset[str] = frozenset({"response"}),
    ) -> None:
        self.damages: list[Damage] = []
        self.counts: Counter[str] = Counter()
        self.at_cut_point = False
        self._raw = members.Buffer(iter(lambda: stream.read(_READ), b""), start)
        self._ordinal, self._max = first_ordinal, max_record_bytes
        self._want = want if callable(want) else want.__contains__

    def __iter__(self) -> Iterator[Record]:
        for text in members.stretches(self._raw):
            self._text = text
            while text.fill(1):
                self._offset = text.offset
                self.at_cut_point = text.plain or text.at == 0
                if newlines := _NEWLINES.match(text.data):
                    text.drop(newlines.end())
                elif head := self._head():
                    record = self._record(head)
                    self._ordinal += 1
                    self.counts[record.type] += 1
                    yield record
            if text.fault:
                self.damages.append(text.fault)

    def _damage(self, reason: str, detail: str) -> None:
        if not self._text.at_fault():  # else that is the cause, and is noted itself
            self.damages.append(Damage(self._offset, reason, detail))

    def _head(self) -> int:
        """Length of the record head in front; 0 where there is none, and what is there is lost."""
        text, data, end = self._text, self._text.data, None
        why, what = "malformed_record", "bytes that are no record"
        text.fill(5)
        if b"WARC/".startswith(bytes(data[:5]).upper()):
            while not (end := _HEAD.search(data, 5, _MAX_HEAD)):
                if len(data) > _MAX_HEAD or not text.fill(len(data) + 1, join=True):
                    break
            if end and not end[1]:
                return end.end()
            why, what = "truncated_record", "bytes of a record's head"
        size = text.resync(end.start() if end else 1)
        if not self.counts and not text.fill(1):
            why = "not_a_warc"
        self._damage(why, f"{size:,} {what}")
        return 0

    def _record(self, head: int) -> Record:
        fields, size, flaw = _parse(bytes(self._text.data[:head]))
        kind = fields.get("warc-type", "")[:40].lower().encode("ascii", "replace").decode()
        wanted = size <= self._max and self._want(kind)
        block, problem = self._block(head, size, size if wanted else http.MAX_HEAD)
        if problem:
            self._damage(*problem)
        answer = http.parse_head(block) if kind in ("response", "revisit") else None
        status, said, start = answer or (None, list(fields.items()), 0)
        content_type, charset = http.media_type(said)
        body = http.Body(b"")
        if wanted:
            body = http.decode_body(said if answer else [], block[start:], self._max)
        if size > self._max:
            flaw = flaw or ("too_large", f"{size:,} bytes")
        elif kind == "response" and block and content_type == "application/http":
            flaw = flaw or ("malformed_record", "no HTTP head")
        problem = problem or flaw or body.problem
        return Record(
            ordinal=self._ordinal,
            offset=self._offset,
            type=kind,
            record_id=fields.get("warc-record-id", "").strip("<> ") or None,
            url=fields.get("warc-target-uri", "").strip("<> ") or None,
            date=_date(fields.get("warc-date", "")),
            http_status=status,
            content_type=content_type,
            header_charset=charset,
            payload=body.data,
            payload_bytes=len(body.data) if wanted else size,
            problem=problem[0] if problem else None,
            detail=problem[1] if problem else None,
            truncated=body.cut or bool(fields.get("warc-truncated")),
        )

    def _block(self, head: int, size: int, keep: int) -> tuple[bytes, http.Problem]:
        """(first `keep` bytes of the block behind the head, what is wrong). Drops both."""
        text, data, first, block = self._text, self._text.data, self._text.at, b""
        if size > max(members.HOLD, self._max):
            text.fill(head + keep)
            block = bytes(data[head : head + keep])
            whole, end = text.skip(head + size), 0
        else:
            whole, end = text.fill(head + size, join=True), min(head + size, len(data))
        closed = whole and text.closed(end)
        if not closed and size <= members.HOLD:
            other = START.search(data, head, end + members.LOOK)
            if other and other.start() < end:
                whole, end = False, other.start()
        block = block or bytes(memoryview(data)[head : min(head + keep, end)])
        found = text.at - first + end - head
        # What ends a record, behind the HTTP head: then the record is all there.
        ended = data.endswith(_END, head, end) and block.find(_END) + len(_END) < found
        text.drop(end)
        if text.fault and text.at_fault():
            return block, (text.fault.reason, text.fault.detail)
        if closed:
            return block, None
        reason = "malformed_record" if whole or ended else "truncated_record"
        found += text.resync() if whole else 0
        return block, (reason, f"Content-Length is {size:,}, but {found:,} bytes are there")


def record_boundaries(stream: BinaryIO, every_bytes: int) -> list[tuple[int, int]]:
    """(offset, ordinal) of the first record at or after each multiple of `every_bytes`, but for
    record 0. Reads the stream, a whole file, to its end; nothing where that is one gzip member.
    """
    reader = WarcReader(stream, want=frozenset())
    points: list[tuple[int, int]] = []
    due = every_bytes
    for record in reader:
        if record.ordinal and record.offset >= due and reader.at_cut_point:
            points.append((record.offset, record.ordinal))
            due = (record.offset // every_bytes + 1) * every_bytes
    return points


def _parse(head: bytes) -> tuple[dict[str, str], int, http.Problem]:
    """(fields of a record's head, its Content-Length or 0, what is wrong)."""
    text = head.decode("utf8", "surrogateescape")
    fields = dict(reversed(http.parse_fields(text)))  # of one name, the first
    size, flaw = fields.get("content-length", ""), None
    if not (size.isascii() and size.isdigit() and len(size) < 19):
        size, flaw = "0", f"Content-Length is {size[:20]!r}"
    elif not fields.get("warc-type"):
        flaw = "no WARC-Type"
    return fields, int(size), ("malformed_record", flaw) if flaw else None


def _date(text: str) -> str | None:
    with suppress(ValueError):
        return text if datetime.datetime.fromisoformat(text) else None
    return None
