"""The stretches of a WARC file that no record crosses, each as a buffer that reads on as asked.

A stretch is a whole plain file, or a gzip member (and members that go on with its last record). A
damaged member gives what can be had of it, and ends where the next one with a record begins.
"""

import re
import zlib
from collections.abc import Generator, Iterator
from dataclasses import dataclass

from skypile.kernels import http

HOLD = 64 << 20  # kept for a second look; not a setting, since ordinals must not depend on one
LOOK = 512  # bytes; more than START matches
_FEED, _MAKE = 64 << 10, 512 << 10  # bytes into and out of zlib
_GZIP = b"\x1f\x8b\x08"
_BEHIND = re.compile(rb"(?i)\r\n\r\n|[\r\n]*(?:WARC/|\Z)")
START = re.compile(rb"WARC/\d{1,2}\.\d{1,3}[ \t]{0,4}\r{0,2}\n[a-z][\w-]{0,64}[ \t]{0,4}:", re.I)


@dataclass(frozen=True)
class Damage:
    """Where a file is not as it should be: `truncated_record`, `malformed_record`, `not_a_warc`."""

    offset: int
    reason: str
    detail: str


class Buffer:
    """Bytes out of an iterator, as many as asked for: `data`, after `at` that were dropped. `fault`
    is how they end badly, as a generator returns it. raw: what they are inflated from, if anything.
    """

    def __init__(self, pieces: Iterator[bytes], start: int, raw: "Buffer | None" = None) -> None:
        self.data, self.at, self._pieces = bytearray(), 0, pieces
        self._start, self._raw, self.plain = start, raw, raw is None
        self.fault: Damage | None = None

    @property
    def offset(self) -> int:
        """Byte of the file where `data` begins; where its member does, if it is inflated."""
        return self._start + self.at if self.plain else self._start

    def fill(self, size: int, join: bool = False) -> bool:
        """Whether `data` has as many, after reading on; join: in a member without a record, too."""
        while True:
            try:
                while len(self.data) < size:
                    self.data += next(self._pieces)
                return True
            except StopIteration as end:
                self.fault = self.fault or end.value
            if self.fault or not (join and self._raw and _holds_record(self._raw, 0) is False):
                return False
            self._pieces = _member(self._raw)

    def drop(self, size: int) -> None:
        """Forget as many bytes."""
        del self.data[:size]
        self.at += size

    def at_fault(self) -> bool:
        """Whether nothing is left but a bad end."""
        return self.fault is not None and not self.data.strip(b"\r\n")

    def skip(self, size: int) -> bool:
        """Read and drop as many bytes; False where there are less."""
        while size and self.fill(1, join=True):
            step = min(size, len(self.data))
            self.drop(step)
            size -= step
        return not size

    def closed(self, at: int) -> bool:
        """Whether at `at` is what follows a record."""
        self.fill(at + LOOK)
        return _BEHIND.match(self.data, at) is not None

    def resync(self, dropped: int = 0) -> int:
        """Drop so many bytes, and all up to the next start of a record; how many in all."""
        self.drop(dropped)
        while not (found := START.search(self.data)):
            size = len(self.data)
            step = max(0, size - LOOK) if self.fill(size + 1) else size
            self.drop(step)
            dropped += step
            if step == size:
                return dropped
        self.drop(found.start())
        return dropped + found.start()


def stretches(raw: Buffer) -> Iterator[Buffer]:
    """The stretches of a file, in order; each is to be read to its end before the next."""
    if raw.fill(1) and raw.data[0] != _GZIP[0]:
        yield raw
    while raw.fill(1):
        yield Buffer(_member(raw), raw.offset, raw)


def _member(raw: Buffer) -> Generator[bytes, None, Damage | None]:
    """The gzip member in front, inflated; where it is damaged, as much as there is."""
    at, fed, made, error, z = raw.offset, 0, 0, None, zlib.decompressobj(31)
    while True:
        raw.fill(fed + 1)
        chunk = raw.data[fed : fed + _FEED]
        try:
            data = z.decompress(chunk, _MAKE)
        except zlib.error as caught:
            error = str(caught)
            break
        if not (chunk or data or z.eof):
            break
        # At the end, zlib may repeat in `unconsumed_tail` what is in `unused_data`.
        fed += len(chunk) - len(z.unused_data if z.eof else z.unconsumed_tail)
        made += len(data)
        yield data
        if z.eof or fed > HOLD:
            raw.drop(fed)
            fed = 0
        if z.eof:
            return None
    # Where the next member begins, this one ends: inflate again what is its own.
    end = _find_member(raw)
    size = raw.offset + end - at
    if raw.offset == at:
        rest = http.inflate(bytes(raw.data[:end]), 31, HOLD)
        error = rest.error
        yield rest.data[made:]
    raw.drop(end)
    reason = "malformed_record" if error else "truncated_record"
    return Damage(at, reason, f"gzip member of {size:,} bytes: {error or 'it has no end'}")


def _find_member(raw: Buffer) -> int:
    """Where in `raw.data`, from 1, the next gzip member with a record begins; or where all ends."""
    at = 1
    while True:
        found = raw.data.find(_GZIP, at)
        if found >= 0 and _holds_record(raw, found):
            return found
        at = found + 1 if found >= 0 else max(1, len(raw.data) - 2)
        if at > HOLD:
            raw.drop(at - 1)
            at = 1
        if found < 0 and not raw.fill(len(raw.data) + 1):
            return len(raw.data)


def _holds_record(raw: Buffer, at: int) -> bool | None:
    """Whether a record begins with the gzip member at `at`; None where there is no such member."""
    raw.fill(at + 8 * LOOK)
    try:
        head = zlib.decompressobj(31).decompress(raw.data[at : at + 8 * LOOK], 16)
    except zlib.error:
        return None
    return head.upper().startswith(b"WARC/") if head else None
