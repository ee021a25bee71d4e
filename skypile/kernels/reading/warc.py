"""The records of a WARC or ARC stream, in order, none lost in silence.

The stream is read in *stretches* that no record crosses: a whole plain file, or a member of a gzip,
zstd, lz4 or bzip2 file (and members that go on with its last record). The length that a record
states is believed if what follows agrees; else the next two lines that only a record begins with
end it. So a range cut at `record_boundaries` yields what the whole file yields there. (Of a damaged
file, too; only what can be had of a broken member of more than 2 MiB may differ.) The first record
decides whether a file is a WARC or an ARC.

fastwarc's iterator is faster, but hands out a cut record as a whole one and gives up a file at the
first damage. Left out: digests; joining continuation records; what a `revisit` record refers to. A
damaged member that stores an archive may yield records of that one. What follows an ARC record is
only known as the line of the next: one with garbage behind it is malformed, whatever its length.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator
from typing import BinaryIO, NamedTuple

from skypile.kernels.reading import heads, http, members
from skypile.kernels.reading.members import Damage

_READ, _MAX_HEAD = 1 << 20, 1 << 20  # bytes
_END = b"\r\n\r\n"
_NEWLINES = re.compile(rb"[\r\n]+")


class Record(NamedTuple):
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
    file_head: gives the first bytes of the file, as many as asked for, where `start` is not 0: a
    .warc.zst may begin with the dictionary of all its frames.
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
        file_head: Callable[[int], bytes] | None = None,
    ) -> None:
        self.damages: list[Damage] = []
        self.counts: Counter[str] = Counter()
        self.at_cut_point = False
        raw = members.Buffer(iter(lambda: stream.read(_READ), b""), start)
        self._stretches = members.stretches(raw, start, file_head)
        self._syntax = heads.UNKNOWN
        self._ordinal, self._max = first_ordinal, max_record_bytes
        self._want = want if callable(want) else want.__contains__

    def __iter__(self) -> Iterator[Record]:
        for text in self._stretches:
            self._text = text
            while text.data or text.fill(1):
                self._offset = text.offset
                self.at_cut_point = text.may_cut and (text.plain or text.at == 0)
                if text.data[0] in b"\r\n" and (newlines := _NEWLINES.match(text.data)):
                    text.drop(newlines.end())
                elif head := self._head():
                    record = self._record(*head)
                    self._ordinal += 1
                    self.counts[record.type] += 1
                    yield record
            if text.fault:
                self.damages.append(text.fault)

    def _damage(self, reason: str, detail: str) -> None:
        if not self._text.at_fault():  # else that is the cause, and is noted itself
            self.damages.append(Damage(self._offset, reason, detail))

    def _head(self) -> tuple[heads.Head, int] | None:
        """(record head in front, its length); None where there is none: what is there is lost."""
        text, data, drop, found = self._text, self._text.data, 1, None
        why, what = "malformed_record", "bytes that are no record"
        text.fill(5)
        if self._syntax is heads.WARC and (plain := heads.plain_warc(data)):
            return plain
        if self._syntax is not heads.ARC and b"WARC/".startswith(data[:5].upper()):
            while not (found := heads.warc_stop(data, _MAX_HEAD)):
                if len(data) > _MAX_HEAD or not text.fill(len(data) + 1, join=True):
                    break
            end, other = found or (1, True)
            if not other:
                self._syntax = heads.WARC
                return heads.parse_warc(bytes(data[:end])), end
            drop, why, what = end, "truncated_record", "bytes of a record's head"
        elif self._syntax is not heads.WARC:
            join = self._syntax is heads.ARC
            while b"\n" not in data and len(data) < heads.MAX_LINE:
                if not text.fill(len(data) + 1, join):
                    break
            if end := heads.arc_end(data):
                self._syntax = heads.ARC
                return heads.parse_arc(bytes(data[:end])), end
            if join and b"\n" not in data and len(data) < heads.MAX_LINE:
                why, what = "truncated_record", "bytes of a record's head"
        size = text.resync(self._syntax, drop)
        if not self.counts and not text.fill(1):
            why = "not_a_warc"
        self._damage(why, f"{size:,} {what}")
        return None

    def _record(self, head: heads.Head, size: int) -> Record:
        fields, problem, found = head.fields, head.flaw, http.Body(b"")
        kind = fields.get("warc-type", "").lower()
        if len(kind) > 40 or not kind.isascii():
            kind = kind[:40].encode("ascii", "replace").decode()
        wanted = head.size <= self._max and self._want(kind)
        block = self._block(size, head.size, kind, wanted)
        if block.problem:
            self._damage(*block.problem)
        status, said, _ = block.answer or (None, [], 0)
        content_type, charset = http.media_type(said if block.answer else fields)
        if wanted:
            found = http.decode_body(said, block.body, self._max)
        if head.size > self._max:
            problem = problem or ("too_large", f"{head.size:,} bytes")
        elif kind == "response" and block.found and content_type == "application/http":
            problem = problem or ("malformed_record", "no HTTP head")
        problem = block.problem or problem or found.problem
        return Record(  # in order: a third of a microsecond, where names would take two
            self._ordinal,
            self._offset,
            kind,
            fields.get("warc-record-id", "").strip("<> ") or None,
            fields.get("warc-target-uri", "").strip("<> ") or None,
            heads.iso_date(fields.get("warc-date", "")),
            status,
            content_type,
            charset,
            found.data,
            len(found.data) if wanted else head.size,
            problem[0] if problem else None,
            problem[1] if problem else None,
            found.cut or bool(fields.get("warc-truncated")),
        )

    def _block(self, head: int, size: int, kind: str, wanted: bool) -> "_Block":
        """What is in the block behind the head. Drops both."""
        text, data, first, block = self._text, self._text.data, self._text.at, None
        if size > max(members.HOLD, self._max):
            text.fill(head + http.MAX_HEAD)
            block = _Block(data, head, min(head + http.MAX_HEAD, len(data)), kind, wanted)
            whole, end = text.skip(head + size), 0
        else:
            whole, end = text.fill(head + size, join=True), min(head + size, len(data))
        closed = whole and text.closed(end, self._syntax)
        if not closed and size <= members.HOLD:
            other = self._syntax.start.search(data, head, end + self._syntax.look)
            if other and other.start() < end:
                whole, end = False, other.start()
        if not block:
            block = _Block(data, head, end, kind, wanted)
        found = text.at - first + end - head
        # What ends a record, behind the HTTP head: then the record is all there.
        ended = False
        if not closed and data.endswith(_END, head, end):
            stop = end if wanted else min(end, head + http.MAX_HEAD)
            ended = max(data.find(_END, head, stop) - head, -1) + len(_END) < found
        text.drop(end)
        if text.fault and text.at_fault():
            block.problem = text.fault.reason, text.fault.detail
        elif not closed:
            found += text.resync(self._syntax) if whole else 0
            reason = "malformed_record" if whole or ended else "truncated_record"
            detail = f"Content-Length is {size:,}, but {found:,} bytes are there"
            block.problem = reason, detail
        return block


class _Block:
    """What is taken of a record's block before it is dropped: `data` from `start` to `stop`.

    found: whether there is anything; answer: the HTTP head; body: what is behind it, where wanted.
    """

    def __init__(self, data: bytearray, start: int, stop: int, kind: str, wanted: bool) -> None:
        stop = stop if wanted else min(stop, start + http.MAX_HEAD)
        self.found, self.body, self.answer = stop > start, b"", None
        self.problem: http.Problem = None
        if kind in ("response", "revisit"):
            self.answer = http.parse_head(data, start, stop)
        if wanted:
            at = start + (self.answer[2] if self.answer else 0)
            self.body = bytes(memoryview(data)[at:stop])


def record_boundaries(stream: BinaryIO, every_bytes: int) -> list[tuple[int, int]]:
    """(offset, ordinal) of the first record at or after each multiple of `every_bytes`, but for
    record 0. Reads the stream, a whole file, to its end; nothing where that is one member.
    """
    reader = WarcReader(stream, want=frozenset())
    points: list[tuple[int, int]] = []
    due = every_bytes
    for record in reader:
        if record.ordinal and record.offset >= due and reader.at_cut_point:
            points.append((record.offset, record.ordinal))
            due = (record.offset // every_bytes + 1) * every_bytes
    return points
