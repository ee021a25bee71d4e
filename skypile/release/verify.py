"""`skypile release --verify`: everything in a release is read again and compared with what it says
of itself.
"""

import hashlib
import io
import json
from collections.abc import Mapping, Sequence
from typing import Any

import orjson
import pyarrow.parquet as pq

from skypile.errors import InputError, SkypileError
from skypile.files import Root
from skypile.kernels.reading.streams import Unpacked
from skypile.progress import progress
from skypile.release.files import JSONL, Layout
from skypile.release.streams import UNFINISHED, Shard

FORMAT, RELEASE, SUMS = "skypile-release", "release.json", "SHA256SUMS"
BESIDE = ("README.md", "LICENSE.md", SUMS, RELEASE)  # in the order in which they are written
_READ_BYTES = 1 << 20


class ReleaseError(SkypileError):
    """A release is not what it says; names each fault."""


def checksums(shards: Sequence[Shard], beside: Mapping[str, bytes]) -> bytes:
    """The file that `sha256sum -c` reads: all files but itself."""
    sums = {s.path: s.sha256 for s in shards}
    sums |= {path: hashlib.sha256(data).hexdigest() for path, data in beside.items()}
    return "".join(f"{digest}  {path}\n" for path, digest in sorted(sums.items())).encode()


def load(root: Root) -> dict[str, Any]:
    """What a release says of itself.

    Raises:
        InputError: there is none, or of another version.
    """
    if not root.exists(RELEASE):
        state = "an unfinished release" if root.exists(UNFINISHED) else "no release"
        raise InputError(f"{root.uri} is {state}: it has no {RELEASE}")
    try:
        made: dict[str, Any] = json.loads(root.read(RELEASE))
        if (made["format"], made["version"]) != (FORMAT, 1):
            raise ValueError(f"format {made['format']!r}, version {made['version']!r}")
    except (ValueError, KeyError, TypeError) as e:
        raise InputError(f"{root.at(RELEASE)} is not of this version: {e}") from e
    return made


def verify(out: str) -> dict[str, int]:
    """Read a release again: sizes, digests, that each row can be read and has its columns, numbers
    of documents, and that nothing else is there. How many files, documents and bytes are right.

    Raises:
        ReleaseError: something is wrong; every fault is named.
        InputError: there is no finished release.
    """
    root = Root(out)
    made = load(root)
    sums: dict[str, str] = {}
    for line in root.read(SUMS).decode().splitlines() if root.exists(SUMS) else ():
        digest, _, path = line.partition("  ")
        sums[path] = digest
    layout = Layout(**made["plan"]["layout"])
    shards = {f["path"]: f for f in made["files"]}
    faults = [] if sums else [f"{SUMS} is missing"]
    due = {*shards, *BESIDE}
    faults += [f"{p}: is not in {SUMS}" for p in sorted(due - set(sums) - {SUMS}) if sums]
    faults += [f"{f.path}: is no part of it" for f in root.walk() if f.path not in due]
    with progress("verify", len(sums), "files") as report:
        for done, (path, digest) in enumerate(sorted(sums.items()), 1):
            faults += [
                f"{path}: {x}" for x in _faults(root, path, digest, shards.get(path), layout)
            ]
            report(done)
    if faults:
        raise ReleaseError(f"{root.uri}: {len(faults)} faults:\n" + "\n".join(faults[:50]))
    return {
        "files": len(shards),
        "documents": sum(f["documents"] for f in shards.values()),
        "bytes": sum(f["bytes"] for f in shards.values()),
    }


def _faults(
    root: Root, path: str, digest: str, shard: Mapping[str, Any] | None, layout: Layout
) -> list[str]:
    size = root.size(path)
    if size is None:
        return ["is missing"]
    if shard and size != shard["bytes"]:
        return [f"has {size:,} bytes, {shard['bytes']:,} are due"]
    if root.sha256(path) != digest:
        return ["does not have its SHA-256"]
    if shard and shard["sha256"] != digest:
        return [f"has another SHA-256 in {RELEASE}"]
    if shard and (found := _documents(root, path, layout)) != shard["documents"]:
        return [f"has {found:,} documents, {shard['documents']:,} are due"]
    return []


def _documents(root: Root, path: str, layout: Layout) -> int:
    """How many rows of a shard can be read and are as they should be."""
    columns = layout.columns
    with root.open(path) as stream:
        if layout.format != JSONL:
            file = pq.ParquetFile(stream)
            return int(file.metadata.num_rows) if file.schema_arrow.equals(columns) else -1
        found, reader = 0, io.BufferedReader(_Raw(Unpacked(stream)), _READ_BYTES)
        for line in reader:
            try:
                row = orjson.loads(line)
            except ValueError:
                continue
            found += isinstance(row, dict) and list(row) == columns.names and bool(row["text"])
        return found


class _Raw(io.RawIOBase):
    """An unpacked stream as the standard library wants it."""

    def __init__(self, stream: Unpacked) -> None:
        self._stream = stream

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._stream.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)
