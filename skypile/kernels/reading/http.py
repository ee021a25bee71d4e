"""A stored HTTP response: head, and body after transfer and content decoding.

Headers lie: crawlers undo chunking or compression and keep the header, and "deflate" is two
formats. So what is announced is tried; a body that is plainly not in it is taken as it is.
Left out: what charset the body is in, and whether its status is worth reading.
"""

import io
import re
import zlib
from typing import Any, NamedTuple

from fastwarc.stream_io import BrotliReader, ZstdReader
from zlib_ng import zlib_ng

Fields = list[tuple[str, str]]
Problem = tuple[str, str] | None  # (reason, detail)
MAX_HEAD = _STEP = 64 << 10
BLANK = re.compile(rb"\r{0,2}\n\r{0,2}\n")
_STATUS = re.compile(r"HTTP\w{0,4}/\d{1,2}(?:\.\d{1,2})?[ \t]{1,8}(\d{3})(?!\d)")
_CHUNK = re.compile(rb"[ \t]{0,8}([0-9A-Fa-f]{1,8})[ \t]{0,8}(?:;[^\r\n]{0,4096})?\r?\n")
_BINARY = re.compile(rb"[\x00-\x08\x0e-\x1a\x7f]")  # in any compressed data, and in no text
_CHARSET = re.compile(r"charset\s{0,8}=\s{0,8}[\"']?([^\s\"';,]{1,64})", re.I)


class Body(NamedTuple):
    """A decoded body. cut: the response says that it is longer. problem: `too_large`, with no data;
    `malformed_record`, with data up to the error; or None.
    """

    data: bytes
    cut: bool = False
    problem: Problem = None


class Inflated(NamedTuple):
    """What could be decompressed, and whether it is complete (`ended`) or what stopped it."""

    data: bytes
    ended: bool = False
    error: str | None = None


def crlf_lines(
    data: bytes | bytearray, start: int, stop: int, encoding: str
) -> tuple[list[str], int] | None:
    """(lines of the head that `data` has at `start`, its length with the blank line), where it is
    short and written as it should be: all lines end in CRLF, none goes on in the next, and the
    first is not blank. Nearly all heads are so, and this is several times as fast as what reads the
    others.
    """
    end = data.find(b"\r\n\r\n", start, min(stop, start + 4096))
    if end <= start:
        return None
    text = data[start:end].decode(encoding, "surrogateescape")
    lines = text.split("\r\n")
    odd = "\n\r" in text or text.count("\n") >= len(lines) or not lines[0]
    return None if odd or "\n " in text or "\n\t" in text else (lines, end + 4 - start)


def split_fields(lines: list[str]) -> Fields:
    """(name in lower case, value) of each line that has a colon."""
    return [
        (name.strip().lower(), value.strip())
        for line in lines
        for name, colon, value in [line.partition(":")]
        if colon
    ]


def parse_fields(head: str) -> Fields:
    """(name in lower case, value) of the lines below the first, continuation lines joined."""
    if "\n " in head or "\n\t" in head:
        head = re.sub(r"\r{0,2}\n[ \t]+", " ", head)
    return split_fields(head.split("\n")[1:])


def media_type(fields: Fields | dict[str, str]) -> tuple[str | None, str | None]:
    """(media type in lower case, charset as written) of the last Content-Type."""
    value = dict(fields).get("content-type", "") if fields else ""
    if ";" not in value and "=" not in value:
        return value.strip().lower() or None, None
    charset = _CHARSET.search(value)
    return value.partition(";")[0].strip().lower() or None, charset[1] if charset else None


def parse_head(
    data: bytes | bytearray, start: int = 0, stop: int | None = None
) -> tuple[int | None, Fields, int] | None:
    """(status, fields, length) of the head that `data` has at `start`, before `stop`. None where
    there is none: no `HTTP` in front, or no blank line within `MAX_HEAD` bytes.
    """
    stop = len(data) if stop is None else stop
    if not data.startswith(b"HTTP", start, stop):
        return None
    if plain := crlf_lines(data, start, stop, "latin-1"):
        lines, size = plain
        first, fields = lines[0], split_fields(lines[1:])
    else:
        # One byte more shows that the head goes on.
        block = bytes(data[start : min(stop, start + MAX_HEAD + 1)])
        blank = BLANK.search(block, 0, MAX_HEAD)
        if not blank and len(block) > MAX_HEAD:
            return None
        size = blank.end() if blank else len(block)
        first = block[:size].decode("latin-1")
        fields = parse_fields(first)
    status = _STATUS.match(first)
    return int(status[1]) if status else None, fields, size


def decode_body(fields: Fields, body: bytes, limit: int) -> Body:
    """The body of a response with these headers, decoded, of at most `limit` bytes."""
    cut = False
    by_name = dict(fields)
    transfer = _codings(fields, "transfer-encoding") if "transfer-encoding" in by_name else []
    content = _codings(fields, "content-encoding") if "content-encoding" in by_name else []
    if "chunked" in transfer:
        body, cut = _unchunk(body)
    elif not transfer and not content:
        announced = by_name.get("content-length", "")[:18]
        cut = announced.isascii() and announced.isdigit() and len(body) < int(announced)
    for coding in reversed(content + transfer):
        if made := _decompress(coding, body, limit):
            body, cut = made.data, cut or not made.ended
            if len(body) > limit:
                return Body(b"", False, ("too_large", f"over {limit:,} bytes decoded: {coding}"))
            if made.error:
                return Body(body, cut, ("malformed_record", f"{coding}: {made.error}"))
    return Body(body, cut)


def inflate(data: bytes, wbits: int, limit: int) -> Inflated:
    """What can be had of gzip (wbits 31), zlib (15) or raw (-15) data, up to `limit` + 1 bytes."""
    whole = zlib_ng.decompressobj(wbits)
    try:
        return Inflated(whole.decompress(data, limit + 1), ended=whole.eof)
    except zlib_ng.error:  # type: ignore[misc]  # its stubs take it for no class
        pass  # what can be had of damaged data is what zlib has, byte by byte
    made: list[bytes] = []
    size, at, step, z = 0, 0, _STEP, zlib.decompressobj(wbits)
    while at < len(data) and size <= limit and not z.eof:
        before = z.copy() if step > 1 else z
        try:
            made.append(z.decompress(data[at : at + step], limit + 1 - size))
        except zlib.error as error:
            if step == 1:
                return Inflated(b"".join(made), error=str(error))
            z, step = before, 1  # an error takes its call's output along, so again byte by byte
            continue
        size += len(made[-1])
        at += step
    return Inflated(b"".join(made), ended=z.eof)


def _codings(fields: Fields, name: str) -> list[str]:
    text = ",".join(v for n, v in fields if n == name)
    return [c for part in text.lower().split(",") if (c := part.strip())]


def _unchunk(body: bytes) -> tuple[bytes, bool]:
    """(body without chunking, whether its end is missing); as it is where it was not chunked."""
    chunks: list[bytes] = []
    at = 0
    while length := _CHUNK.match(body, at):
        at = length.end() + int(length[1], 16)
        chunks.append(body[length.end() : at])
        if not chunks[-1]:
            return b"".join(chunks), at > length.end()
        at += 2 if body[at : at + 2] == b"\r\n" else 0
    lied = len(chunks) < 2 and at < len(body)
    return (body, False) if lied else (b"".join(chunks), True)


def _decompress(coding: str, body: bytes, limit: int) -> Inflated | None:
    """`body` decoded; None where it is not in this coding, whatever the header says."""
    if not _BINARY.search(body[:512]):
        return None
    if coding in ("gzip", "x-gzip", "deflate"):
        zlib_head = body[0] & 15 == 8 and int.from_bytes(body[:2]) % 31 == 0
        made = inflate(body, 31 if body[:2] == b"\x1f\x8b" else 15 if zlib_head else -15, limit)
        if zlib_head and made.error and not made.data:
            made = inflate(body, -15, limit)
    elif coding in ("br", "zstd"):
        made = _read(BrotliReader if coding == "br" else ZstdReader, body, limit)
    else:
        return None
    return None if made.error and not made.data else made


def _read(reader: Any, body: bytes, limit: int) -> Inflated:
    stream, made = reader(io.BytesIO(body)), bytearray()
    try:
        while len(made) <= limit and (piece := stream.read(_STEP)):
            made += piece
    except OSError as error:
        return Inflated(bytes(made), error=str(error))
    return Inflated(bytes(made), ended=True)
