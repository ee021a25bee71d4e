"""Tar archives as a stream of members: ustar, GNU and pax, in bounded memory.

The library's own reader takes a damaged header for the end of the archive, and says nothing; here
it is a damage. Its parser of one header is used.
"""

import tarfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from skypile.kernels.reading.members import Damage
from skypile.kernels.reading.streams import READ_BYTES, Unpacked, up_to

BLOCK = tarfile.BLOCKSIZE
_MAX_HEADER_BYTES = 1 << 20  # of long names and pax headers
_MAX_DIGITS = 20  # of a size: 2^64; the library refuses to read thousands of digits
_KINDS = {
    tarfile.LNKTYPE: "link",
    tarfile.SYMTYPE: "link",
    tarfile.CHRTYPE: "device",
    tarfile.BLKTYPE: "device",
    tarfile.DIRTYPE: "folder",
    tarfile.FIFOTYPE: "device",
    tarfile.GNUTYPE_SPARSE: "sparse_file",
}


@dataclass(frozen=True)
class Member:
    """One entry. data: of a file; None where it is longer than was allowed, or of another kind.
    cut: the archive ends inside of it. kind: None for files, else what it is (`folder`, `link`).
    """

    ordinal: int
    offset: int  # of its header in the unpacked archive
    name: str
    size: int
    data: bytes | None
    cut: bool = False
    kind: str | None = None


@dataclass
class TarReader:
    """The members of a tar in order, whatever packs it. `damages` tells what was wrong, and
    `comment` what a global pax header says (`git archive` writes the commit there).
    """

    stream: Any
    max_bytes: int = 64 << 20
    damages: list[Damage] = field(default_factory=list)
    comment: str | None = None

    def __iter__(self) -> Iterator[Member]:
        """The members, of archives behind each other too; ends at the end or the first damage."""
        unpacked = Unpacked(self.stream)
        offset, ordinal = 0, 0
        extra: dict[str, str] = {}
        ended = False  # zero blocks are the mark of an end; `cat a.tar b.tar` goes on behind them
        while True:
            block = up_to(unpacked, BLOCK)
            if block.count(0) == len(block) and (block or ended) and not unpacked.broken:
                ended, offset = True, offset + len(block)
                if len(block) < BLOCK:
                    return
                continue
            ended = False
            try:
                if len(block) < BLOCK:
                    raise tarfile.HeaderError(
                        unpacked.broken or "the archive ends without its mark"
                    )
                info = tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
            except (tarfile.HeaderError, ValueError) as e:
                truncated = len(block) < BLOCK
                reason = "truncated_record" if truncated else "malformed_record"
                self.damages.append(Damage(offset, reason, f"no tar header: {e}"))
                return
            start, offset = offset, offset + BLOCK
            special = info.type in (b"x", b"g", b"L", b"K")
            size = info.size if special or "size" not in extra else int(extra["size"])
            if size < 0 or (special and size > _MAX_HEADER_BYTES):
                self.damages.append(
                    Damage(start, "malformed_record", f"a header of {size:,} bytes")
                )
                return
            holds = special or info.isreg() or info.type == tarfile.GNUTYPE_SPARSE
            stored = size if holds else 0
            data = up_to(unpacked, stored) if stored <= self.max_bytes else None
            whole = _skip(unpacked, 0 if data is not None else stored)
            cut = not whole if data is None else len(data) < stored
            padding = -stored % BLOCK
            cut_after = not cut and len(up_to(unpacked, padding)) < padding
            offset += stored + padding
            if special and not cut:
                self._heed(info.type, data or b"", extra)
            else:
                kind = _KINDS.get(info.type, None if info.isreg() else "other_type")
                name = extra.get("path", info.name)
                yield Member(ordinal, start, name, size, None if kind else data, cut, kind)
                ordinal += 1
                extra = {}
            if cut or cut_after:
                why = unpacked.broken or "the archive ends in a member"
                self.damages.append(Damage(start, "truncated_record", why))
                return

    def _heed(self, kind: bytes, data: bytes, extra: dict[str, str]) -> None:
        """What a header says of the next member, or of all."""
        if kind == b"L":
            extra["path"] = data.rstrip(b"\0").decode("utf8", "surrogateescape")
        elif kind in (b"x", b"g"):
            found = pax(data)
            if kind == b"g":
                self.comment = found.get("comment", self.comment)
            else:
                size = found.get("size", "0")
                good = size.isascii() and size.isdigit() and len(size) <= _MAX_DIGITS
                extra.update(found if good else {})


def _skip(stream: Any, size: int) -> bool:
    """Pass over bytes; whether all were there."""
    while size and (chunk := stream.read(min(READ_BYTES, size))):
        size -= len(chunk)
    return not size


def pax(data: bytes) -> dict[str, str]:
    """The records of a pax header, `LENGTH KEY=VALUE` each; what follows a bad one is left."""
    found: dict[str, str] = {}
    while data:
        length, blank, _ = data.partition(b" ")
        if not length.isdigit() or len(length) > _MAX_DIGITS:
            break
        if not blank or not len(length) < int(length) <= len(data):
            break
        record, data = data[len(length) + 1 : int(length)], data[int(length) :]
        key, _, value = record.removesuffix(b"\n").partition(b"=")
        found[key.decode("utf8", "replace")] = value.decode("utf8", "surrogateescape")
    return found
