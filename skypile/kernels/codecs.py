"""Decoders for the members of compressed archives: gzip, zstd and lz4 frames, bzip2 streams.

Members are known by their magic bytes. A decoder is fed from a buffer, in steps that bound what a
step puts out; frames of zstd and lz4 go block by block, so that what can be had of a damaged frame
depends on its own bytes alone. (What gzip and lz4 lose in a step is had by `rescue`.)

zlib-ng inflates twice as fast as zlib (`make bench-read`); both read the same format. Sources: RFC
1952, RFC 8878, the LZ4 frame format 1.6, and IIPC's Zstandard Compression for WARC Files 1.0.
Left out: lz4's legacy frames and dictionaries.
"""

import bz2
import re
from typing import Protocol

import lz4.frame
import zstandard
from zlib_ng import zlib_ng

from skypile.kernels import http

FEED, MAKE = 64 << 10, 512 << 10  # bytes into and out of a decoder, in a step
MAX_MAGIC = 10  # bytes
MAX_DICTIONARY = 64 << 20  # bytes; the specification asks for 8 MiB
_MAX_WINDOW = 128 << 20  # bytes; zstd's own limit
_MAGIC = re.compile(
    rb"(\x1f\x8b\x08)|(\x28\xb5\x2f\xfd)|(\x04\x22\x4d\x18)|([\x50-\x5f]\x2a\x4d\x18)"
    rb"|(BZh[1-9](?:1AY&SY|\x17rE8P\x90))",
    re.S,
)
_NAMES = ("gzip member", "zstd frame", "lz4 frame", "skippable frame", "bzip2 stream")
_PREFIX = re.compile(
    rb"\x1f\x8b?|\x28(?:\xb5\x2f?)?|\x04(?:\x22\x4d?)?|[\x50-\x5f](?:\x2a\x4d?)?"
    rb"|B(?:Z(?:h.{0,6})?)?",
    re.S,
)
GZIP, ZSTD, LZ4, SKIPPABLE, BZIP2 = range(1, 6)
_DICTIONARY = b"\x5d\x2a\x4d\x18"
ERRORS: tuple[type[Exception], ...] = (
    zlib_ng.error,  # type: ignore[assignment]  # which its stubs take for an exception, not a class
    zstandard.ZstdError,
    RuntimeError,
    OSError,
    ValueError,
    EOFError,
)


class Decoder(Protocol):
    """Decodes one member. needs, likes: how many bytes the next step must and should have."""

    needs: int
    likes: int
    ended: bool

    def step(self, data: bytearray, at: int, most: int) -> tuple[int, bytes]:
        """(bytes used of `data` from `at` on, what they decode to). `most` bounds the latter where
        there are no blocks; these are put out whole, and have at most 4 MiB.

        Raises one of ERRORS where the member is damaged.
        """


class Zstd:
    """Makes decoders of zstd frames, with the dictionary that the file begins with, if any."""

    def __init__(self) -> None:
        self._dictionary: zstandard.ZstdCompressionDict | None = None
        self._context, self._other = self._made(), self._made()

    def _made(self) -> zstandard.ZstdDecompressor:
        return zstandard.ZstdDecompressor(dict_data=self._dictionary, max_window_size=_MAX_WINDOW)

    def load(self, data: bytes) -> None:
        """Take the dictionary out of the content of a dictionary frame.

        Raises one of ERRORS where it is none.
        """
        if data.startswith(b"\x28\xb5\x2f\xfd"):
            data = self._made().stream_reader(data).read(MAX_DICTIONARY + 1)
        if len(data) > MAX_DICTIONARY or not data.startswith(b"\x37\xa4\x30\xec"):
            raise ValueError(f"{len(data):,} bytes are no dictionary")
        self._dictionary = zstandard.ZstdCompressionDict(
            data, dict_type=zstandard.DICT_TYPE_FULLDICT
        )
        try:
            self._context, self._other = self._made(), self._made()
        except zstandard.ZstdError:
            self._dictionary = None
            raise

    def frame(self, apart: bool) -> "zstandard.ZstdDecompressionObj":
        """A decompressor of one frame. apart: beside one that is not done."""
        return (self._other if apart else self._context).decompressobj()


def starts(data: bytearray) -> bool:
    """Whether a file that begins with `data` is compressed."""
    return data[:1] == b"\x1f" or _MAGIC.match(data) is not None


def kind(data: bytearray, at: int = 0) -> int:
    """The kind of member whose magic bytes are at `at`; 0 where none are there."""
    found = _MAGIC.match(data, at)
    return found.lastindex or 0 if found else 0


def find(data: bytearray, at: int) -> int:
    """Where from `at` on a member's magic bytes are; -1 where nowhere."""
    found = _MAGIC.search(data, at)
    return found.start() if found else -1


def name(kind: int) -> str:
    """A kind of member in words."""
    return _NAMES[kind - 1] if kind else "stretch"


def skippable(data: bytearray) -> int:
    """Length of the skippable frame that `data`, at least 8 bytes, begins with; 0 where none."""
    found = _MAGIC.match(data)
    return 8 + int.from_bytes(data[4:8], "little") if found and found[4] else 0


def is_dictionary(data: bytes | bytearray) -> bool:
    """Whether `data` begins with a dictionary frame."""
    return data.startswith(_DICTIONARY)


def decoder(kind: int, zstd: Zstd, apart: bool = False) -> Decoder | None:
    """A decoder for a kind of member; None for none. apart: beside another that is not
    done.
    """
    if kind == GZIP:
        return _Gzip()
    if kind == ZSTD:
        return _ZstdFrame(zstd.frame(apart))
    if kind == LZ4:
        return _Lz4Frame(careful=apart)
    if kind == SKIPPABLE:
        return _Skip()
    return _Bzip2() if kind == BZIP2 else None


def rescue(kind: int, data: bytes, zstd: Zstd, most: int) -> http.Inflated:
    """All that can be had of a damaged member, up to about `most` bytes."""
    if kind == GZIP:
        return http.inflate(data, 31, most)
    member, made, at, held = decoder(kind, zstd, apart=True), bytearray(), 0, bytearray(data)
    while member and not member.ended and len(data) - at >= member.needs and len(made) <= most:
        try:
            used, piece = member.step(held, at, MAKE)
        except ERRORS as error:
            return http.Inflated(bytes(made), error=str(error))
        at += used
        made += piece
    return http.Inflated(bytes(made), ended=bool(member and member.ended))


def is_cut(data: bytearray) -> bool:
    """Whether all there is could be magic bytes that are cut off."""
    return _PREFIX.fullmatch(data) is not None


class DictionaryFrame:
    """Decodes the dictionary frame into `zstd`; puts nothing out."""

    def __init__(self, zstd: Zstd) -> None:
        self.needs = self.likes = 8
        self.ended = False
        self._zstd = zstd

    def step(self, data: bytearray, at: int, most: int) -> tuple[int, bytes]:
        """As a Decoder's, all in one."""
        size = 8 + int.from_bytes(data[at + 4 : at + 8], "little")
        if size > MAX_DICTIONARY:
            raise ValueError(f"a dictionary of {size:,} bytes")
        if len(data) - at < size:
            self.needs = self.likes = size
            return 0, b""
        self._zstd.load(bytes(data[at + 8 : at + size]))
        self.ended = True
        return size, b""


class _Gzip:
    """Steps of `FEED` bytes. An error costs a step's output, but a long step has little in it that
    comes from behind a member that was cut off.
    """

    def __init__(self) -> None:
        self.needs, self.likes, self.ended = 1, 1, False
        self._z = zlib_ng.decompressobj(31)

    def step(self, data: bytearray, at: int, most: int) -> tuple[int, bytes]:
        z, made, used, size = self._z, b"", 0, 4096  # what is behind the end is copied: begin small
        while not self.ended and used < FEED and len(made) < most:
            chunk = data[at + used : at + min(used + size, FEED)]
            piece = z.decompress(chunk, most - len(made))
            made = made + piece if made else piece
            # At the end, zlib may repeat in `unconsumed_tail` what is in `unused_data`.
            self.ended = z.eof
            used += len(chunk) - len(z.unused_data if z.eof else z.unconsumed_tail)
            if not chunk:
                break
            size *= 4
        self.needs = self.likes = 0 if len(made) == most else 1
        return used, made


class _Bzip2:
    def __init__(self) -> None:
        # An error costs its step's output: so that steps are the same wherever the stream is read.
        self.needs, self.likes, self.ended = 1, FEED, False
        self._z = bz2.BZ2Decompressor()

    def step(self, data: bytearray, at: int, most: int) -> tuple[int, bytes]:
        z = self._z
        chunk = data[at : at + FEED] if z.needs_input else b""
        made = z.decompress(chunk, most)
        self.ended = z.eof
        self.needs, self.likes = (1, FEED) if z.needs_input else (0, 0)
        return len(chunk) - len(z.unused_data), made


class _Skip:
    def __init__(self) -> None:
        self.needs = self.likes = 8
        self.ended = False
        self._left: int | None = None

    def step(self, data: bytearray, at: int, most: int) -> tuple[int, bytes]:
        if self._left is None:
            self._left = 8 + int.from_bytes(data[at + 4 : at + 8], "little")
        used = min(self._left, len(data) - at)
        self._left -= used
        self.ended = not self._left
        self.needs = self.likes = 1
        return used, b""


class _ZstdFrame:
    """A header, blocks of at most 128 KiB, and a checksum, each fed by itself (RFC 8878, 3.1.1)."""

    def __init__(self, z: "zstandard.ZstdDecompressionObj") -> None:
        self.needs = self.likes = 5
        self.ended = False
        self._z, self._part, self._checksum = z, "header", False

    def step(self, data: bytearray, at: int, most: int) -> tuple[int, bytes]:
        size, after = self._piece(data, at)
        if len(data) - at < size:
            self.needs = self.likes = size
            return 0, b""
        made = self._z.decompress(data[at : at + size])
        self._part, self.needs = after, 4 if after == "checksum" else 3
        self.likes = self.needs
        self.ended = after == "end"
        return size, made

    def _piece(self, data: bytearray, at: int) -> tuple[int, str]:
        """(length of the piece at `at`, what is behind it)."""
        if self._part == "header":
            flags = data[at + 4]
            single, self._checksum = flags >> 5 & 1, bool(flags & 4)
            size = 6 - single + (0, 1, 2, 4)[flags & 3]
            return size + (single, 2, 4, 8)[flags >> 6], "block"
        if self._part == "checksum":
            return 4, "end"
        head = int.from_bytes(data[at : at + 3], "little")
        size = head >> 3
        if size > 128 << 10:
            raise ValueError(f"a block of {size:,} bytes")
        last = "checksum" if self._checksum else "end"
        return 3 + (1 if head >> 1 & 3 == 1 else size), last if head & 1 else "block"


class _Lz4Frame:
    """A header, blocks of the size it states, and an end mark (LZ4 frame format, 1.6).

    Several blocks a step, since the library copies 64 KiB with each call; careful: one, since an
    error costs its step's output.
    """

    def __init__(self, careful: bool = False) -> None:
        self.needs = self.likes = 7
        self.ended = False
        self._z, self._flags, self._largest = lz4.frame.LZ4FrameDecompressor(), 0, 0
        self._at_once = 1 if careful else MAKE

    def step(self, data: bytearray, at: int, most: int) -> tuple[int, bytes]:
        used, blocks = 0, 0
        while not self.ended and (not blocks or blocks * self._largest < self._at_once):
            if len(data) - at - used < self.needs:
                break
            size, ends = self._piece(data, at + used)
            if len(data) - at - used < size:
                self.needs = size
                break
            used, blocks = used + size, blocks + 1
            if not self._largest:
                self._flags, self._largest = data[at + 4], 1 << 8 + 2 * (data[at + 5] >> 4 & 7)
            self.ended, self.needs = ends, 4
        self.likes = self.needs
        if not used:
            return 0, b""
        # Without a limit, it begins with a small piece and doubles it. A block never has more.
        made: bytes = self._z.decompress(data[at : at + used], blocks * self._largest + 1)
        return used, made

    def _piece(self, data: bytearray, at: int) -> tuple[int, bool]:
        """(length of the piece at `at`, whether it is the last)."""
        if not self._largest:
            flags = data[at + 4]
            return 7 + (8 if flags & 8 else 0) + (4 if flags & 1 else 0), False
        size = int.from_bytes(data[at : at + 4], "little") & 0x7FFFFFFF
        if size > self._largest:
            raise ValueError(f"a block of {size:,} bytes")
        if not size:
            return 4 + (4 if self._flags & 4 else 0), True
        return 4 + size + (4 if self._flags & 16 else 0), False
