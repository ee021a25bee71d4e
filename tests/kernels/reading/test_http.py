import gzip
import io
import random
import tracemalloc
import zlib
from collections.abc import Callable

import brotli
import pytest
from fastwarc.stream_io import ZstdWriter
from hypothesis import given, settings
from hypothesis import strategies as st

from skypile.kernels.reading import http

PAGE = "<html><body>春眠不覺曉 spring sleep</body></html>\n".encode() * 50
NOISE = random.Random(0).randbytes(20_000)


def raw_deflate(data: bytes) -> bytes:
    z = zlib.compressobj(wbits=-15)
    return z.compress(data) + z.flush()


def br(data: bytes) -> bytes:
    compressed: bytes = brotli.compress(data, quality=5)
    return compressed


def zstd(data: bytes) -> bytes:
    out = io.BytesIO()
    writer = ZstdWriter(out)
    writer.write(data)
    writer.finish()
    writer.flush()
    return out.getvalue()


CODINGS: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "gzip": ("gzip", gzip.compress),
    "x-gzip": ("X-GZip", gzip.compress),
    "deflate": ("deflate", zlib.compress),
    "raw deflate": ("deflate", raw_deflate),
    "deflate that is gzip": ("deflate", gzip.compress),
    "gzip that is deflate": ("gzip", zlib.compress),
    "br": ("br", br),
    "zstd": ("zstd", zstd),
}


def chunked(data: bytes, size: int = 700, end: bytes = b"0\r\n\r\n") -> bytes:
    parts = [data[i : i + size] for i in range(0, len(data), size)]
    return b"".join(b"%x\r\n%b\r\n" % (len(p), p) for p in parts) + end


def decode(body: bytes, limit: int = 1 << 20, **headers: str) -> http.Body:
    return http.decode_body([(k.replace("_", "-"), v) for k, v in headers.items()], body, limit)


@pytest.mark.parametrize("name", CODINGS)
@pytest.mark.parametrize("data", [PAGE, NOISE, b"x" * 300_000], ids=["page", "noise", "runs"])
def test_codings_are_decoded(name: str, data: bytes) -> None:
    coding, encode = CODINGS[name]
    assert decode(encode(data), content_encoding=coding) == http.Body(data)
    assert decode(encode(data), content_encoding=f"identity, {coding}") == http.Body(data)


def test_codings_stack_in_the_order_they_were_applied() -> None:
    body = chunked(gzip.compress(br(PAGE)))
    headers = {"content_encoding": "br", "transfer_encoding": "gzip, chunked"}
    assert decode(body, **headers) == http.Body(PAGE)


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd", "compress", "utf-8", ""])
def test_a_body_that_is_not_in_the_coding_announced_is_as_it_is(coding: str) -> None:
    for body in (PAGE, b"!DOCTYPE html", b"plain text\n" * 30, "中文网页".encode("gbk") * 9, b""):
        assert decode(body, content_encoding=coding) == http.Body(body)


def test_binary_that_is_not_in_the_coding_announced_is_as_it_is() -> None:
    for coding in ("gzip", "deflate", "zstd"):
        body = b"\x89PNG\r\n\x1a\n" + NOISE
        assert decode(body, content_encoding=coding).data == body
    wide = "<html>中文</html>".encode("utf-16")
    assert decode(wide, content_encoding="gzip").data == wide


@pytest.mark.parametrize("size", [1, 7, 700, 10**6])
def test_chunking_is_removed(size: int) -> None:
    assert decode(chunked(PAGE, size), transfer_encoding="chunked") == http.Body(PAGE)


def test_chunks_with_extensions_blanks_and_trailers() -> None:
    body = b"6 ;name=value\r\n<html>\r\n00A\r\n0123456789\r\n0;last\r\nTrailer: x\r\n\r\n"
    assert decode(body, transfer_encoding="Chunked") == http.Body(b"<html>0123456789")


def test_chunks_without_a_newline_behind_them() -> None:
    body = b"6\r\n<html>3\r\nabc0\r\n\r\n"
    assert decode(body, transfer_encoding="chunked") == http.Body(b"<html>abc")


def test_chunking_that_the_crawler_removed_already() -> None:
    for body in (PAGE, b"2023\n" + b"x" * 9000, b"\r\n" + PAGE):
        assert decode(body, transfer_encoding="chunked") == http.Body(body)
    once = chunked(PAGE)
    assert decode(chunked(once), transfer_encoding="chunked").data == once


def test_chunks_without_the_last_one_are_cut() -> None:
    whole = chunked(PAGE)
    for at in (len(whole) - 5, 2000, 800, 712, 3 + 2 + 700):  # 712: a length, and no data
        got = decode(whole[:at], transfer_encoding="chunked")
        assert got.cut
        assert PAGE.startswith(got.data)
        assert len(got.data) > at - 30
        assert got.problem is None


def test_a_body_shorter_than_its_content_length_is_cut() -> None:
    assert decode(PAGE, content_length=str(len(PAGE) + 1)).cut
    assert not decode(PAGE, content_length=str(len(PAGE))).cut
    assert not decode(PAGE, content_length="12").cut
    assert not decode(PAGE, content_length="many").cut
    # Crawlers keep the length of what came over the wire.
    assert not decode(PAGE, content_length=str(len(PAGE) + 1), content_encoding="gzip").cut


def test_raw_deflate_that_begins_as_zlib_does() -> None:
    data = PAGE[:0x9C]
    stored = b"\x78\x9c\x00" + (0xFFFF ^ 0x9C).to_bytes(2, "little") + data
    assert decode(stored + b"\x03\x00", content_encoding="deflate") == http.Body(data)


@pytest.mark.parametrize("name", ["gzip", "deflate", "raw deflate"])
def test_compressed_data_that_end_early_are_cut(name: str) -> None:
    coding, encode = CODINGS[name]
    body = encode(NOISE)
    got = decode(body[: len(body) // 2], content_encoding=coding)
    assert got.cut
    assert got.problem is None
    assert len(got.data) > len(NOISE) // 4
    assert NOISE.startswith(got.data)


def test_damaged_compressed_data_are_a_problem_and_give_what_comes_before() -> None:
    body = bytearray(gzip.compress(NOISE * 10))
    body[-5:-4] = bytes([body[-5] ^ 1])  # the checksum: all data are before it
    got = decode(bytes(body), content_encoding="gzip")
    assert got.data == NOISE * 10
    assert got.problem
    assert got.problem[0] == "malformed_record"
    assert "check" in got.problem[1]
    stored = zlib.compressobj(0, wbits=31)
    body = bytearray(stored.compress(NOISE * 10) + stored.flush())
    first = int.from_bytes(body[11:13], "little")  # of the stored blocks
    body[10 + 5 + first + 1] ^= 0xFF  # the second one's length
    got = decode(bytes(body), content_encoding="gzip")
    assert got.problem
    assert len(got.data) == first
    assert (NOISE * 10).startswith(got.data)


@pytest.mark.parametrize("name", CODINGS)
def test_a_bomb_is_too_large_in_bounded_memory(name: str) -> None:
    coding, encode = CODINGS[name]
    bomb = encode(bytes(100 << 20))
    tracemalloc.start()
    got = decode(bomb, 1 << 20, content_encoding=coding)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert got.data == b""
    assert got.problem
    assert got.problem[0] == "too_large"
    assert peak < 6 << 20


@pytest.mark.parametrize("name", CODINGS)
def test_the_limit_is_exact(name: str) -> None:
    coding, encode = CODINGS[name]
    data = bytes(100_000)
    assert decode(encode(data), 100_000, content_encoding=coding) == http.Body(data)
    assert decode(encode(data), 99_999, content_encoding=coding).problem


def test_a_bomb_of_chunks_inside_a_limit_stays_what_it_is() -> None:
    body = chunked(bytes(3000), 1)
    assert decode(body, 3000, transfer_encoding="chunked") == http.Body(bytes(3000))


@pytest.mark.parametrize(
    ("line", "status"),
    [
        ("HTTP/1.1 200 OK", 200),
        ("HTTP/1.0 404", 404),
        ("HTTP/2 301 ", 301),
        ("HTTP/1.1  200  OK", 200),
        ("HTTPX/1.1 200 OK", 200),
        ("HTTP/1.1 2000 OK", None),
        ("HTTP/1.1 OK", None),
        ("HTTP", None),
    ],
)
def test_status(line: str, status: int | None) -> None:
    head = http.parse_head(line.encode() + b"\r\nServer: x\r\n\r\nbody")
    assert head
    assert head[0] == status
    assert head[1] == [("server", "x")]


@pytest.mark.parametrize("newline", ["\r\n", "\n", "\r\r\n"])
def test_heads_in_all_newlines(newline: str) -> None:
    lines = ["HTTP/1.1 200 OK", "A: 1", " more", "\tand more", "b :2", "no colon", "C:", "", "x\n"]
    block = newline.join(lines).encode()
    head = http.parse_head(block)
    assert head
    assert head[1] == [("a", "1 more and more"), ("b", "2"), ("c", "")]
    assert block[head[2] :] == b"x\n"


def test_blocks_without_a_head() -> None:
    assert http.parse_head(b"<html></html>") is None
    assert http.parse_head(b"") is None
    assert http.parse_head(b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 20_000 + b"\r\n") is None
    only = b"HTTP/1.1 200 OK\r\nA: b"
    assert http.parse_head(only) == (200, [("a", "b")], len(only))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("text/html; charset=GB2312", ("text/html", "GB2312")),
        ("TEXT/HTML;Charset = 'utf-8'", ("text/html", "utf-8")),
        ('application/xhtml+xml; x=y; charset="big5"; z', ("application/xhtml+xml", "big5")),
        ("text/html;charset=", ("text/html", None)),
        ("; charset=utf-8", (None, "utf-8")),
        ("", (None, None)),
    ],
)
def test_media_type(value: str, expected: tuple[str | None, str | None]) -> None:
    assert http.media_type([("content-type", value)]) == expected
    assert http.media_type([("content-type", "a/b"), ("content-type", value)]) == expected
    assert http.media_type([]) == (None, None)


ENCODERS = [bytes, gzip.compress, zlib.compress, raw_deflate, br, zstd, chunked]


@settings(deadline=None, max_examples=300)
@given(
    st.binary(max_size=400),
    st.sampled_from(ENCODERS),
    st.lists(st.tuples(st.integers(0, 10**6), st.binary(min_size=1, max_size=3)), max_size=3),
    st.lists(st.sampled_from(["gzip", "deflate", "br", "zstd", "x"]), max_size=2),
    st.booleans(),
    st.integers(0, 500),
)
def test_no_body_raises_or_passes_the_limit(
    data: bytes,
    encode: Callable[[bytes], bytes],
    damage: list[tuple[int, bytes]],
    content: list[str],
    chunks: bool,
    limit: int,
) -> None:
    body = bytearray(encode(data))
    for at, junk in damage:
        body[at % (len(body) + 1) : at % (len(body) + 1) + len(junk)] = junk
    fields = [("content-encoding", c) for c in content]
    fields += [("transfer-encoding", "chunked")] * chunks
    got = http.decode_body(fields, bytes(body), limit)
    assert len(got.data) <= max(limit, len(body))


@settings(deadline=None)
@given(st.binary(max_size=3000))
def test_no_head_raises(block: bytes) -> None:
    for data in (block, b"HTTP/1.1 " + block, b"HTTP/1.1 200 OK\r\n" + block):
        if head := http.parse_head(data):
            http.media_type(head[1])
            assert 0 < head[2] <= len(data)
