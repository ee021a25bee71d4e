import bz2
import gzip
import io
import lzma
import tracemalloc
from itertools import pairwise
from typing import Any

import lz4.frame
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from skypile.kernels.reading.streams import Unpacked, line_boundaries, lines

PACKERS: dict[str, Any] = {
    "plain": lambda b: b,
    "gzip": gzip.compress,
    "zstd": zstandard.ZstdCompressor().compress,
    "bzip2": bz2.compress,
    "xz": lzma.compress,
    "lz4": lz4.frame.compress,
}
TEXT = "第一行 one\n第二行 two\n".encode() * 5000


class Trickle:
    """A stream that gives a few bytes a call, and cannot seek."""

    def __init__(self, data: bytes, most: int) -> None:
        self._inner, self._most = io.BytesIO(data), most

    def read(self, size: int = -1) -> bytes:
        return self._inner.read(self._most if size < 0 else min(size, self._most))


def unpack(data: bytes, most: int = 1 << 20) -> tuple[bytes, str | None]:
    stream = Unpacked(Trickle(data, most))  # type: ignore[arg-type]
    out = b""
    while chunk := stream.read(1 << 16):
        out += chunk
    return out, stream.broken


@pytest.mark.parametrize("name", PACKERS)
@pytest.mark.parametrize("most", [1, 7, 1 << 20])
def test_every_packer_whole_and_in_members(name: str, most: int) -> None:
    text = TEXT[:2000] if most < 1000 else TEXT
    pack = PACKERS[name]
    assert unpack(pack(text), most) == (text, None)
    assert unpack(pack(text) + pack(text), most) == (text * 2, None)


@pytest.mark.parametrize("name", [n for n in PACKERS if n != "plain"])
def test_a_cut_stream_says_so(name: str) -> None:
    packed = PACKERS[name](TEXT + bytes(range(256)) * 500)
    out, broken = unpack(packed[: len(packed) - 20])
    assert broken
    assert (TEXT + bytes(range(256)) * 500).startswith(out)
    assert unpack(packed[: len(packed) - 20]) == (out, broken)


def test_garbage_behind_a_member_says_so() -> None:
    out, broken = unpack(gzip.compress(TEXT) + b"garbage")
    assert (out, bool(broken)) == (TEXT, True)


def test_a_stream_that_cannot_be_read_raises() -> None:
    class Bad:
        def read(self, size: int) -> bytes:
            raise OSError("the disk is gone")

    with pytest.raises(OSError, match="disk"):
        Unpacked(Bad())  # type: ignore[arg-type]


def test_a_zstd_bomb_is_read_in_bounded_memory() -> None:
    bomb = zstandard.ZstdCompressor(level=19).compress(b"\0" * (1 << 29))
    tracemalloc.start()
    stream = Unpacked(io.BytesIO(bomb))
    assert len(stream.read(1 << 20)) == 1 << 20
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1 << 30


def test_lines_end_at_line_feeds_only() -> None:
    data = "a\u2028b\x0b\r\n\n第二\r\n三".encode()
    found = list(lines(io.BytesIO(data)))
    assert [x.data.decode() for x in found if x.data is not None] == [
        "a\u2028b\x0b",
        "",
        "第二",
        "三",
    ]
    assert [x.ordinal for x in found] == [0, 1, 2, 3]
    assert [x.offset for x in found] == [0, 8, 9, 17]


def test_a_line_over_the_limit_is_passed_in_bounded_memory() -> None:
    class Endless:
        left = 300

        def read(self, size: int) -> bytes:
            self.left -= 1
            return b"x" * (1 << 20) if self.left > 0 else b"\nok\n" if self.left == 0 else b""

    tracemalloc.start()
    first, second = lines(Endless(), max_bytes=4 << 20)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (first.data, first.size) == (None, 299 << 20)
    assert (second.data, second.ordinal, second.offset) == (b"ok", 1, (299 << 20) + 1)
    assert peak < 24 << 20


@given(
    st.lists(st.binary(max_size=30).map(lambda b: b.replace(b"\n", b" ")), max_size=40),
    st.integers(1, 60),
    st.booleans(),
)
def test_a_range_has_the_lines_that_the_file_has_there(
    content: list[bytes], every: int, ended: bool
) -> None:
    data = b"x" + b"\n".join(content) + (b"\n" if ended else b"")  # x: not a packer's magic
    whole = list(lines(io.BytesIO(data)))
    points = line_boundaries(io.BytesIO(data), every)
    assert points == sorted(set(points))
    bounds = [(0, 0), *points, (len(data), -1)]
    ranges = []
    for (start, ordinal), (end, _) in pairwise(bounds):
        ranges += lines(io.BytesIO(data[start:end]), start=start, first_ordinal=ordinal)
    assert ranges == whole
    assert all(b - a >= every for (a, _), (b, _) in zip(bounds[:-1], points, strict=False))


def test_a_packed_file_is_not_cut() -> None:
    for name, pack in PACKERS.items():
        assert bool(line_boundaries(io.BytesIO(pack(TEXT)), 1000)) == (name == "plain")


@pytest.mark.parametrize("name", [n for n in PACKERS if n != "plain"])
def test_what_is_had_of_a_broken_stream_does_not_depend_on_the_pieces_it_comes_in(
    name: str,
) -> None:
    packed = PACKERS[name](TEXT[:3000] + bytes(range(256)) * 8)
    for at in range(len(packed) // 8, len(packed), len(packed) // 8):
        broken = bytearray(packed)
        broken[at] ^= 0x55
        assert unpack(bytes(broken), 3) == unpack(bytes(broken))


def test_a_match_beyond_the_window_ends_a_stream_alike_in_all_pieces() -> None:
    broken = b'\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\xab*IRQPJ/\xcd,"e999'
    assert unpack(broken, 13) == unpack(broken)
