"""Decoders for the members of compressed archives: gzip, zstd and lz4 frames, bzip2 streams.

Members are known by their magic bytes. A decoder is fed from a buffer, in steps that bound what a
step puts out. What gzip and lz4 lose of a damaged member in a step is had by `rescue`.

zlib-ng inflates nearly twice as fast as zlib (`make bench-read`); what can be had of a damaged gzip
member is what zlib has (`http.inflate`).
"""

import bz2
import re
from typing import Protocol

import zstandard
from zlib_ng import zlib_ng

from skypile.kernels.reading import http
from skypile.kernels.reading.frames import Lz4Frame, Zstd, ZstdFrame, lz4_front, zstd_front

FEED, MAKE = 64 << 10, 512 << 10  # bytes into and out of a decoder, in a step
MAX_MAGIC = 10  # bytes
_MAGIC = re.compile(
    rb"(\x1f\x8b\x08)|(\x28\xb5\x2f\xfd)|(\x04\x22\x4d\x18)|([\x50-\x5f]\x2a\x4d\x18)"
    rb"|(BZh[1-9](?:1AY&SY|\x17rE8P\x90))",
    re.S,
)
_FIRST_BYTES, _WINDOW = (b"\x1f\x8b\x08", b"\x28\xb5\x2f\xfd", b"\x04\x22\x4d\x18", b"BZh"), 4096
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


def starts(data: bytearray) -> bool:
    """Whether a file that begins with `data` is compressed."""
    return data[:1] == b"\x1f" or _MAGIC.match(data) is not None


def kind(data: bytearray, at: int = 0) -> int:
    """The kind of member whose magic bytes are at `at`; 0 where none are there."""
    found = _MAGIC.match(data, at)
    return found.lastindex or 0 if found else 0


def find(data: bytearray, at: int) -> int:
    """Where from `at` on may be the magic bytes of a member with data; -1 where nowhere."""
    for start in range(at, len(data), _WINDOW):  # short: what is frequent hides nothing rare
        stop = start + _WINDOW + MAX_MAGIC - 1
        hits = [hit for m in _FIRST_BYTES if (hit := data.find(m, start, stop)) >= 0]
        if hits:
            return min(hits)
    return -1


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
        return ZstdFrame(zstd.frame(apart))
    if kind == LZ4:
        return Lz4Frame(careful=apart)
    if kind == SKIPPABLE:
        return _Skip()
    return _Bzip2() if kind == BZIP2 else None


def front(kind: int, data: bytearray, at: int, most: int) -> bytes:
    """The first bytes that the member at `at` holds as they are, up to `most`, if any."""
    if kind == ZSTD:
        return zstd_front(data, at, most)
    return lz4_front(data, at, most) if kind == LZ4 else b""


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
