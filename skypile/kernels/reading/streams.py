"""Byte streams of data files: unpacked whatever packs them, read line by line in bounded memory."""

import bz2
import gzip
import lzma
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO, cast

import lz4.frame
import zstandard

READ_BYTES = 1 << 20
_MAGIC_BYTES = 6
_ZSTD_FEED_BYTES = 4 << 10  # compressed bytes a call: bounds what a bomb unpacks to at once


class _Zstd:
    """The frames of a zstd stream. (The library's own reader takes a cut frame for a whole one.)"""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self._frame = self._new()
        self._fresh = True  # the frame has not begun
        self._input, self._output = b"", b""

    @staticmethod
    def _new() -> Any:
        return zstandard.ZstdDecompressor(max_window_size=1 << 31).decompressobj()

    def read(self, size: int) -> bytes:
        while not self._output:
            self._input = self._input or self._stream.read(_ZSTD_FEED_BYTES)
            if not self._input:
                if not self._fresh:
                    raise EOFError("the last frame is cut")
                return b""
            self._output = self._frame.decompress(self._input)
            self._input, self._fresh = b"", False
            if self._frame.eof:
                self._input = self._frame.unused_data
                self._frame, self._fresh = self._new(), True
        out, self._output = self._output[:size], self._output[size:]
        return out


_OPENERS: tuple[tuple[bytes, Any], ...] = (
    (b"\x1f\x8b", lambda s: gzip.GzipFile(fileobj=s)),
    (b"\x28\xb5\x2f\xfd", _Zstd),
    (b"BZh", bz2.BZ2File),
    (b"\xfd7zXZ\x00", lzma.LZMAFile),
    (b"\x04\x22\x4d\x18", lz4.frame.LZ4FrameFile),
)
BROKEN = (
    OSError,
    EOFError,
    zlib.error,
    lzma.LZMAError,
    zstandard.ZstdError,
    RuntimeError,  # what lz4 raises
)


class Unpacked:
    """A stream of the bytes of another one, unpacked if its magic bytes say that it is gzip,
    zstd, bzip2, xz or lz4 (one member or many); else as they are.

    A broken stream ends at the break; `broken` says then what was wrong.
    """

    def __init__(self, stream: BinaryIO) -> None:
        head = b""
        while len(head) < _MAGIC_BYTES and (more := stream.read(_MAGIC_BYTES - len(head))):
            head += more
        source = _Rejoined(head, stream)
        opener = next((o for magic, o in _OPENERS if head.startswith(magic)), None)
        self._stream: Any = opener(source) if opener else source
        # `read` of a buffered reader loses what it has when the next piece is broken.
        self._read = getattr(self._stream, "read1", self._stream.read)
        self.packed = opener is not None
        self.broken: str | None = None

    def read(self, size: int) -> bytes:
        """Up to `size` bytes, at least one until the end; b"" there."""
        if self.broken is not None:
            return b""
        try:
            return cast(bytes, self._read(size))
        except BROKEN as e:
            if not self.packed:
                raise
            self.broken = f"{type(e).__name__}: {e}"
            return b""


def up_to(stream: Any, size: int) -> bytes:
    """The next `size` bytes of a stream, or what is left of it."""
    chunks: list[bytes] = []
    while size and (chunk := stream.read(min(READ_BYTES, size))):
        chunks.append(chunk)
        size -= len(chunk)
    return b"".join(chunks)


class _Rejoined:
    """A stream whose first bytes were read already. Gives as many as asked for until its end: what
    can be had of a broken member depends on the pieces that it is unpacked in.
    """

    def __init__(self, head: bytes, stream: BinaryIO) -> None:
        self._head, self._stream = head, stream

    def read(self, size: int = -1) -> bytes:
        out = self._head if size < 0 else self._head[:size]
        self._head = self._head[len(out) :]
        if size < 0:
            return out + self._stream.read()
        while len(out) < size and (more := self._stream.read(size - len(out))):
            out = out + more if out else more
        return out

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return False

    def writable(self) -> bool:
        return False

    @property
    def closed(self) -> bool:
        return False

    def readinto(self, buffer: Any) -> int:
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)


@dataclass(frozen=True)
class Line:
    """A line without its end. `data` is None where it is longer than was allowed."""

    ordinal: int
    offset: int  # byte of the (unpacked) file where it starts
    size: int  # bytes without the line's end
    data: bytes | None


def lines(
    stream: Any, *, start: int = 0, first_ordinal: int = 0, max_bytes: int = 64 << 20
) -> Iterator[Line]:
    r"""The lines of a stream, which begins with line `first_ordinal` of its file at byte `start`.

    Only `\n` ends a line (a `\r` before it goes too): a JSON text may hold any other separator.
    What follows the last line end is a line if it is not empty.
    """
    ordinal, offset, size = first_ordinal, start, 0
    held: list[bytes] = []
    while chunk := stream.read(READ_BYTES):
        first, *more = chunk.split(b"\n")
        size += len(first)
        held = [*held, first] if size <= max_bytes else []
        for next_line in more:
            yield _line(ordinal, offset, size, held, max_bytes)
            ordinal, offset = ordinal + 1, offset + size + 1
            size = len(next_line)
            held = [next_line] if size <= max_bytes else []
    if size:
        yield _line(ordinal, offset, size, held, max_bytes)


def _line(ordinal: int, offset: int, size: int, held: list[bytes], max_bytes: int) -> Line:
    if size > max_bytes:
        return Line(ordinal, offset, size, None)
    data = b"".join(held)
    data = data[:-1] if data.endswith(b"\r") else data
    return Line(ordinal, offset, len(data), data)


def line_boundaries(stream: BinaryIO, every_bytes: int) -> list[tuple[int, int]]:
    """(offset, ordinal) of lines about `every_bytes` apart where a file may be cut, the file's
    start left out; none where it is packed: the middle of a packed stream cannot be read alone.
    """
    unpacked = Unpacked(stream)
    if unpacked.packed:
        return []
    points: list[tuple[int, int]] = []
    offset, ordinal, last = 0, 0, 0
    while chunk := unpacked.read(READ_BYTES):
        at = 0
        while True:  # the first line that starts `every_bytes` or more behind the last point
            end = chunk.find(b"\n", max(at, last + every_bytes - 1 - offset))
            if end < 0:
                ordinal += chunk.count(b"\n", at)
                break
            ordinal += chunk.count(b"\n", at, end + 1)
            at, last = end + 1, offset + end + 1
            points.append((last, ordinal))
        offset += len(chunk)
    return [p for p in points if p[0] < offset]


def uncut(stream: BinaryIO, every_bytes: int) -> list[tuple[int, int]]:
    """No place to cut: of a format that holds many records and must be read whole."""
    return []
