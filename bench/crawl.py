"""The crawl of real pages as WARC files, with the headers that Common Crawl's records have."""

import base64
import gzip
import hashlib
import shutil
import subprocess
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path

FEW = 8  # pages, of which start-up is measured


def make_crawl(data: Path, folder: Path, copies: int) -> int:
    """`in/*.warc.gz` of all pages, and `few/in/*.warc.gz` of the first ones; how many records."""
    tool = data.parent / "tools/make_crawl.py"
    raw = folder / "raw"
    argv = [sys.executable, str(tool), str(raw), "--copies", str(copies)]
    subprocess.run(argv, check=True, stdout=subprocess.DEVNULL)
    records = 0
    for name in ("in", "few/in"):
        (folder / name).mkdir(parents=True)
    for path in sorted(raw.glob("*.warc.gz")):
        with open(folder / "in" / path.name, "wb") as out:
            for record in _members(path.read_bytes()):
                packed = gzip.compress(as_crawled(record), 6, mtime=0)
                out.write(packed)
                if records < FEW:
                    with open(folder / "few/in" / path.name, "ab") as few:
                        few.write(packed)
                records += 1
    shutil.rmtree(raw)
    return records


def as_crawled(record: bytes) -> bytes:
    """A response with the two headers that Common Crawl's have and peers will not do without."""
    head, rest = record.split(b"\r\n", 1)
    payload = rest.split(b"\r\n\r\n", 2)[2][:-4]
    digest = base64.b32encode(hashlib.sha1(payload).digest())
    return b"\r\n".join(
        [
            head,
            b"WARC-Identified-Payload-Type: text/html",
            b"WARC-Payload-Digest: sha1:" + digest,
            rest,
        ]
    )


def _members(data: bytes) -> Iterator[bytes]:
    """What each gzip member holds. Fed in pieces: zlib copies all that is behind a member's end."""
    view, at = memoryview(data), 0
    while at < len(view):
        inflate, parts = zlib.decompressobj(31), []
        while not inflate.eof:
            piece = view[at : at + (1 << 16)]
            if not piece:
                raise ValueError("the last member has no end")
            parts.append(inflate.decompress(piece))
            at += len(piece) - len(inflate.unused_data)
        yield b"".join(parts)
