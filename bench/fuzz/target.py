"""What `bench.fuzz` throws hostile input at, and what must hold for every input.

A target makes a check out of a folder that it may write to. A check takes bytes, says nothing where
all is well, and raises where it is not: `Finding`, or what the code under test should not have
raised. The first bytes of an input choose between containers, formats and limits; the rest is what
the web, or a disk, would give. So the fuzzer need not find out how gzip works.

Left out: what runs in the JVM, the trainer's readers, Wikipedia's markup beyond `ingest`.
"""

import gzip
import io
import itertools
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import zstandard

Check = Callable[[bytes], None]
LATEST = "2030-12-31"
_EVERY = 4  # one input in so many is run twice: the same twice?


class Finding(AssertionError):
    """An input for which something does not hold; says what."""


@dataclass(frozen=True)
class Target:
    """What is fuzzed. make: the check, given a folder of its own. seeds: valid inputs.

    cut: a pattern of places at which the mutator takes inputs apart. words: what it puts in.
    seconds: processor time that an input of `most` bytes may take, on a machine with other work.
    guided: whether its code is Python, whose branches are seen; machine code's are not.
    """

    name: str
    make: Callable[[Path], Check]
    seeds: Callable[[], Iterable[bytes]]
    cut: bytes
    words: tuple[bytes, ...] = ()
    most: int = 1 << 14
    seconds: float = 2.0
    guided: bool = True


def holds(condition: object, what: str, *seen: object) -> None:
    """Raise a finding unless the condition is true."""
    if not condition:
        raise Finding(f"{what}: {', '.join(repr(s)[:200] for s in seen)}")


class Twice:
    """Whether inputs are run twice at all: not where their time is taken."""

    on = True


def again(data: bytes) -> bool:
    """Whether an input is one of those that are run twice."""
    return Twice.on and zlib.crc32(data) % _EVERY == 0


def as_text(data: bytes) -> str:
    """Bytes as text, lone surrogates and all where that can be."""
    try:
        return data.decode("utf8", "surrogatepass")
    except UnicodeDecodeError:
        return data.decode("utf8", "replace")


def _parts(data: bytes) -> list[bytes]:
    """An archive cut in front of what looks like a record's head."""
    cuts = [0, *(i for i in range(1, len(data)) if data.startswith(b"WARC/", i)), len(data)]
    return [data[a:b] for a, b in itertools.pairwise(cuts) if a < b]


def packed(kind: int, data: bytes) -> bytes:
    """An archive as its records are stored: plain, in gzip or zstd members, or all in one; a
    damaged one, too.
    """
    pack: Callable[[bytes], bytes] = zstandard.ZstdCompressor().compress
    if kind % 4 == 1:
        pack = lambda part: gzip.compress(part, 1, mtime=0)  # noqa: E731
    match kind % 8:
        case 0 | 4:
            return data
        case 1 | 2:
            return b"".join(map(pack, _parts(data)))
        case 3:
            return gzip.compress(data, 1, mtime=0)
        case _:  # a byte of the packed archive is another
            whole = bytearray(b"".join(map(pack, _parts(data))))
            if whole:
                whole[zlib.crc32(data) % len(whole)] ^= 1 + kind % 255
            return bytes(whole)


class Trickle:
    """A stream that gives a few bytes at a time."""

    def __init__(self, data: bytes, most: int) -> None:
        self._stream, self._most = io.BytesIO(data), most

    def read(self, size: int = -1) -> bytes:
        """At most as many as it gives at a time."""
        return self._stream.read(self._most if size < 0 else min(size, self._most))
