"""The XML of a dump, out of its file: plain, gzip, or bzip2 in one stream or many.

The stream is read once, without seeking. A bzip2 file may have a stream for every hundred pages
(MediaWiki's multistream dumps) or every 900 kB (pbzip2): either is read as one text, with where in
the file it comes from. Damage inside one stream leaves the next as it is.
"""

import bz2
import re
import zlib
from collections.abc import Iterator
from typing import NamedTuple, Protocol

from skypile.kernels.reading.members import Damage

_READ, _FEED, _MAKE = 1 << 20, 64 << 10, 512 << 10  # bytes from the file, into and out of a codec
# bzip2 checks a block, of at most 900,000 bytes, when it has given it out. What came last before a
# checksum failed is not believed. (Runs of one byte are shortened first, and can make it more.)
_BLOCK = 900_000
# Ten bytes: by chance they are in no stream. An empty stream has the second form.
_BZ2 = re.compile(rb"BZh[1-9](?:1AY&SY|\x17\x72\x45\x38\x50\x90)")
_BZ2_MAGIC = 10
_SPACE = re.compile(rb"\s*")


class Readable(Protocol):
    """A binary stream that need not seek."""

    def read(self, size: int, /) -> bytes:
        """At most `size` bytes; none at the end."""


class _Piece(NamedTuple):
    """Bytes of XML. plain: of the file itself; else out of the stream that starts at `offset`."""

    data: bytes
    offset: int
    first: bool  # of their stream
    plain: bool


class XmlText:
    """The XML of a file, as much as was asked for: `data`, and where in the file it comes from.
    fault: why there is no more for now; `clear` goes on behind it.
    """

    def __init__(self, stream: Readable, start: int) -> None:
        self.data, self.start = bytearray(), start
        self.fault: Damage | None = None
        self._pieces, self._plain, self._dropped = _pieces(stream, start), False, 0
        # Where the stream in front starts, and whether only space of it is gone; but for those that
        # start in `data`:
        self._stream, self._space = start, True
        self._streams: list[tuple[int, int]] = []  # (position in data, offset in the file)

    def fill(self) -> bool:
        """Whether there was more to read."""
        piece = None if self.fault else next(self._pieces, None)
        if isinstance(piece, Damage):
            self.fault = piece
        if not isinstance(piece, _Piece):
            return False
        self._plain = piece.plain
        if piece.first:
            if self._streams and self._streams[-1][0] == len(self.data):
                self._streams.pop()  # that one is empty
            self._streams.append((len(self.data), piece.offset))
        self.data += piece.data
        return True

    def drop(self, size: int) -> None:
        """Forget as many bytes from the front."""
        begin = 0
        while self._streams and self._streams[0][0] < size:
            (begin, self._stream), self._space = self._streams.pop(0), True
        if space := _SPACE.match(self.data, begin):
            self._space = self._space and space.end() >= size
        del self.data[:size]
        self._dropped += size
        self._streams = [(position - size, offset) for position, offset in self._streams]

    def place(self) -> tuple[int, bool]:
        """(offset in the file of what is in front, whether only space is before it there)."""
        if self._plain:
            return self.start + self._dropped, True
        here = [offset for position, offset in self._streams if position == 0]
        return (here[-1], True) if here else (self._stream, self._space)

    def clear(self) -> None:
        """Forget what is left in front of a fault."""
        self.drop(len(self.data))
        self.fault = None


class _Raw:
    """The bytes of the file: `data`, from offset `at` on."""

    def __init__(self, stream: Readable, at: int) -> None:
        self.data, self.at, self._stream = bytearray(), at, stream

    def fill(self, size: int) -> bool:
        while len(self.data) < size and (more := self._stream.read(_READ)):
            self.data += more
        return len(self.data) >= size

    def take(self, size: int) -> bytes:
        data = bytes(self.data[:size])
        del self.data[:size]
        self.at += len(data)
        return data


def _pieces(stream: Readable, start: int) -> Iterator[_Piece | Damage]:
    """The XML of a file or a range of it, and where it cannot be read."""
    raw, first = _Raw(stream, start), True
    raw.fill(_BZ2_MAGIC)
    if _BZ2.match(raw.data):
        while raw.fill(1):
            yield from _bzip2(raw)
    elif raw.data.startswith(b"\x1f\x8b\x08"):
        while raw.fill(1):
            yield from _gzip(raw)
    else:
        while raw.fill(1):
            yield _Piece(raw.take(_READ), start, first, True)
            first = False


def _to_next_stream(raw: _Raw, most: int, at: int) -> int:
    """How many bytes, at most `most`, belong to what is in front: up to the next bzip2 stream."""
    raw.fill(most + _BZ2_MAGIC)
    found = _BZ2.search(raw.data, at, most + _BZ2_MAGIC - 1)
    return found.start() if found else min(most, len(raw.data))


def _bzip2(raw: _Raw) -> Iterator[_Piece | Damage]:
    """The bzip2 stream in front; what is none is passed over, as is the rest of a broken one."""
    offset, codec, first, error = raw.at, bz2.BZ2Decompressor(), True, ""
    held: list[bytes] = []
    raw.fill(_BZ2_MAGIC)
    good = _BZ2.match(raw.data) is not None
    while good and not codec.eof and (size := _to_next_stream(raw, _FEED, int(raw.at == offset))):
        try:
            chunk = raw.take(size)
            while True:
                held.append(codec.decompress(chunk, _MAKE))
                while sum(map(len, held)) - len(held[0]) >= _BLOCK:
                    yield _Piece(held.pop(0), offset, first, False)
                    first = False
                if codec.eof or codec.needs_input:
                    break
                chunk = b""
        except OSError as caught:
            error, held = str(caught), []
            break
    yield _Piece(b"".join(held), offset, first, False)
    if codec.eof:
        raw.data[:0] = codec.unused_data
        raw.at -= len(codec.unused_data)
        return
    size = raw.at - offset
    while part := _to_next_stream(raw, _FEED, int(raw.at == offset)):
        size += len(raw.take(part))
    if error or not good:
        detail = f"bzip2: {error}" if error else f"{size:,} bytes that are no bzip2 stream"
        yield Damage(offset, "malformed_record", detail)
    else:
        yield Damage(offset, "truncated_record", f"bzip2 stream of {size:,} bytes without an end")


def _gzip(raw: _Raw) -> Iterator[_Piece | Damage]:
    """The gzip member in front; nothing is read behind a broken one."""
    offset, codec, first, error = raw.at, zlib.decompressobj(31), True, ""
    while raw.fill(1) and not codec.eof and not error:
        chunk = raw.take(_FEED)
        while chunk and not codec.eof:
            try:
                data = codec.decompress(chunk, _MAKE)
            except zlib.error as caught:
                error = str(caught)
                break
            yield _Piece(data, offset, first, False)
            first, chunk = False, codec.unconsumed_tail
    if codec.eof:
        raw.data[:0] = codec.unused_data
        raw.at -= len(codec.unused_data)
        return
    while raw.fill(1):
        raw.take(_READ)
    reason = "malformed_record" if error else "truncated_record"
    yield Damage(offset, reason, f"gzip member: {error or 'it has no end'}")
